"""NVIDIA's WaveGlow as ours: the names in their files, rule by rule.

Read a file with `read_waveglow`: a state dict, one inside a checkpoint ('model.', 'state_dict.',
'module.'), or a whole pickled module, with weight norm or after its removal. Files from before the
condition layers of a flow were joined split their channels differently and are refused. The files'
sizes are not established, hence no entry in the index.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.pretrained import torch_file
from zoo.pretrained.rules import (
    ArrayTransform,
    ParameterPath,
    Rule,
    Skip,
    conv,
    flat,
    transposed_conv,
)

_PARTS = {
    "start": "start",
    "cond_layer": "condition",
    r"in_layers\.(\d+)": "dilated",
    r"res_skip_layers\.(\d+)": "mixed",
}
# What surrounds the model in a checkpoint of the training script.
REST = r"iteration|learning_rate|optimizer\..*|config\..*|amp.*"


def read_waveglow(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Arrays by the names of a bare state dict, all with weight norm. See `read_torch`."""
    arrays: dict[str, np.ndarray] = {}
    for name, array in torch_file.read_torch(paths).items():
        name = re.sub(r"^(?:(?:model|state_dict|module)\.)+", "", name)
        plain = re.fullmatch(r"(WN\.\d+\.(?!end).*\.)weight", name)
        if plain:  # a kernel is its own v, and its norms are g
            norms = np.sqrt(np.sum(np.square(array), axis=(1, 2), keepdims=True))
            arrays |= {f"{plain[1]}weight_v": array, f"{plain[1]}weight_g": norms}
        else:
            arrays[name] = array
    return arrays


def waveglow_rules(bins: int = 80) -> tuple[Rule | Skip, ...]:
    """The table for a `WaveGlow` of these mel bins; all else shows in the shapes."""
    table: list[Rule | Skip] = [
        Rule(r"upsample\.weight", "params/upsample/kernel", transposed_conv),
        Rule(r"upsample\.bias", "params/upsample/bias"),
        Rule(r"convinv\.(\d+)\.conv\.weight", r"params/mixers_\1/kernel", _square),
        Rule(r"WN\.(\d+)\.end\.weight", r"params/couplings_\1/end/kernel", conv),
        Rule(r"WN\.(\d+)\.end\.bias", r"params/couplings_\1/end/bias"),
        Skip(REST),
    ]
    for theirs, ours in _PARTS.items():
        layout = _frames_first(bins) if ours == "condition" else conv
        leaves = {"weight_v": ("kernel", layout), "weight_g": ("scale", flat)}
        for field, (leaf, change) in {**leaves, "bias": ("bias", None)}.items():
            target = _target(ours, leaf)
            pattern = rf"WN\.(\d+)\.{theirs}\.{field}"
            table.append(Rule(pattern, target, change) if change else Rule(pattern, target))
    return tuple(table)


def _target(ours: str, leaf: str) -> ParameterPath:
    return lambda m: f"params/couplings_{m[1]}/{'_'.join([ours, *m.groups()[1:]])}/{leaf}"


def _square(x: np.ndarray) -> np.ndarray:
    return x[..., 0].T


def _frames_first(bins: int) -> ArrayTransform:
    """Inputs laid out bin by bin [M*group] -> sample by sample [group*M], then as `conv`."""

    def reorder(x: np.ndarray) -> np.ndarray:
        features, width, taps = x.shape
        x = x.reshape(features, bins, width // bins, taps).swapaxes(1, 2)
        return conv(x.reshape(features, width, taps))

    return reorder
