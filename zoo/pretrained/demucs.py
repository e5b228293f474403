"""The authors' Demucs of 2019 (v1) and 2021 (v2) as ours: the names in their files, rule by rule.

A file of v1 holds (class, arguments, keywords, weights), one of v2 the weights alone or beside such
things under 'state'; read them with `torch_file.read_torch`. Their decoder is counted from the
bottom. Addresses and checksums of v1 are those of `demucs/separate.py` on the authors' branch v1;
files that their module saves come out equal, the published ones themselves were not tried here. Of
v2 the authors state eight digits of a checksum, hence no entry; its quantised file is another
format."""

from __future__ import annotations

from zoo.pretrained import torch_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import (
    LSTM_RULES,
    ArrayTransform,
    ParameterPath,
    Rule,
    conv,
    transpose,
    transposed_conv,
)

INSIDE = r"(?:3\.|state\.)?"  # where the weights stand in a file that holds more


def demucs_rules(
    depth: int = 6, *, rewrite: bool = True, upsample: bool = False
) -> tuple[Rule, ...]:
    """The table for a Demucs of these fields; widths, `glu` and `context` show in the shapes."""
    back = conv if upsample else transposed_conv
    table = [*_layer(r"encoder\.(\d+)\.0", "down_{}", conv), *_recurrent()]
    if rewrite:
        table += _layer(r"encoder\.(\d+)\.2", "down_gate_{}/conv", conv)
        table += _layer(r"decoder\.(\d+)\.0", "up_gate_{}/conv", conv, depth)
    table += _layer(rf"decoder\.(\d+)\.{2 if rewrite else 0}", "up_{}", back, depth)
    if upsample:
        table += _layer("final", "output", conv)
    return tuple(table)


def _layer(name: str, module: str, layout: ArrayTransform, depth: int | None = None) -> list[Rule]:
    """Kernel and bias of a layer; {} in `module` is its level, counted down from `depth` if any."""

    def path(leaf: str) -> ParameterPath:
        def target(match) -> str:
            number = int(match[1]) if match.re.groups else 0
            level = number + 1 if depth is None else depth - number
            return f"params/{module.format(level)}/{leaf}"

        return target

    return [
        Rule(rf"{INSIDE}{name}\.weight", path("kernel"), layout),
        Rule(rf"{INSIDE}{name}\.bias", path("bias")),
    ]


def _recurrent() -> list[Rule]:
    table = _layer(r"lstm\.linear", "lstm/projection", transpose)
    for theirs, (ours, layout) in LSTM_RULES.items():
        pattern = rf"{INSIDE}lstm\.lstm\.{theirs}_l(\d+)(_reverse)?"
        table.append(Rule(pattern, rf"params/lstm/lstm_\1/{ours}\2", layout))
    return table


def _published(name: str, title: str, file: str, sha256: str, width: int) -> Published:
    return Published(
        name=name,
        title=title,
        config="demucs_musdb18",
        arguments={"variant": "v1", "width": width},
        files=(File(file, 0, sha256),),
        read=torch_file.read_torch,
        rules=demucs_rules(),
        licence="MIT",
        source="https://github.com/facebookresearch/demucs/tree/v1",
        url="https://dl.fbaipublicfiles.com/demucs/v2.0/",
    )


PUBLISHED = (
    _published(
        "demucs_v1",
        "the authors' Demucs of 2019, trained on MUSDB18, four stems (2.6 GB)",
        "demucs.th",
        "f6c4148ba0dc92242d82d7b3f2af55c77bd7cb4ff1a0a3028a523986f36a3cfd",
        100,
    ),
    _published(
        "demucs_v1_extra",
        "the same, trained with 150 more songs (2.6 GB)",
        "demucs_extra.th",
        "3331bcc5d09ba1d791c3cf851970242b0bb229ce81dbada557b6d39e8c6a6a87",
        100,
    ),
    _published(
        "demucs_v1_light",
        "of 64 channels, trained on MUSDB18 (1.1 GB)",
        "light.th",
        "79d1ee3c1541c729c552327756954340a1a46a11ce0009dea77dc583e4b6269c",
        64,
    ),
    _published(
        "demucs_v1_light_extra",
        "of 64 channels, with 150 more songs (1.1 GB)",
        "light_extra.th",
        "9e9b4af564229c80cc73c95d02d2058235bb054c6874b3cba4d5b26943a5ddcb",
        64,
    ),
)
