"""The authors' Demucs of 2019 (v1) and 2021 (v2) as ours: the names in their files, rule by rule.

A file of v1 holds (class, arguments, keywords, weights), one of v2 the weights alone or beside such
things under 'state'; read them with `torch_file.read`. Their decoder is counted from the bottom.
The files' sizes are not established, hence no entry in the index; v2's quantised one is another
format.
"""

from __future__ import annotations

from zoo.pretrained.rules import Path, Rule, Transform, conv, identity, transpose, transposed_conv

INSIDE = r"(?:3\.|state\.)?"  # where the weights stand in a file that holds more
LSTM = {
    "weight_ih": ("kernel", transpose),
    "weight_hh": ("recurrent_kernel", transpose),
    "bias_ih": ("bias", identity),
    "bias_hh": ("recurrent_bias", identity),
}


def rules(depth: int = 6, *, rewrite: bool = True, upsample: bool = False) -> tuple[Rule, ...]:
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


def _layer(name: str, module: str, layout: Transform, depth: int | None = None) -> list[Rule]:
    """Kernel and bias of a layer; {} in `module` is its level, counted down from `depth` if any."""

    def path(leaf: str) -> Path:
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
    for theirs, (ours, layout) in LSTM.items():
        pattern = rf"{INSIDE}lstm\.lstm\.{theirs}_l(\d+)(_reverse)?"
        table.append(Rule(pattern, rf"params/lstm/lstm_\1/{ours}\2", layout))
    return table
