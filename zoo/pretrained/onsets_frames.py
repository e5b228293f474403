"""Onsets and Frames as trained with jongwook's PyTorch port: the names in its files, rule by rule.

The port saves whole modules; read them with `torch_file.read_torch`. No file of it is established,
hence no entry in the index; names and shapes are those of its module (reported, unchecked but for
the count, 26,491,256).
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from zoo.pretrained.rules import LSTM_RULES, Rule, Skip, batch_norm, conv, transpose

_STACK = r"(onset|offset|frame|velocity)_stack"
_CONVS = {"0": "0", "3": "1", "8": "2"}  # place in their Sequential -> our number
_NORMS = {"1": "0", "4": "1", "9": "2"}
TOPS = {"onset": "2", "offset": "2", "frame": "1", "velocity": "1", "combined": "1"}
MELS = 229 // 4


def _dense_after_columns(x: np.ndarray) -> np.ndarray:
    """torch's Linear [O C*N] over channels of rows -> [N*C O] over rows of channels."""
    out, width = x.shape
    return x.reshape(out, width // MELS, MELS).transpose(2, 1, 0).reshape(width, out)


def _convolution(match: re.Match) -> str:
    leaf = {"weight": "kernel", "bias": "bias"}[match[3]]
    return f"params/{match[1]}_stack/conv_{_CONVS[match[2]]}/{leaf}"


def _recurrent(ours: str, match: re.Match) -> str:
    return f"params/{match[1]}_lstm/{ours}{match[2] or ''}"


RULES: tuple[Rule | Skip, ...] = (
    Rule(rf"{_STACK}\.0\.cnn\.([038])\.(weight)", _convolution, conv),
    Rule(rf"{_STACK}\.0\.cnn\.([038])\.(bias)", _convolution),
    *(
        batch_norm(rf"{_STACK}\.0\.cnn\.{at}", rf"\1_stack/norm_{ours}")
        for at, ours in _NORMS.items()
    ),
    Skip(rf"{_STACK}\.0\.cnn\.[149]\.num_batches_tracked"),
    Rule(rf"{_STACK}\.0\.fc\.0\.weight", r"params/\1_stack/dense/kernel", _dense_after_columns),
    Rule(rf"{_STACK}\.0\.fc\.0\.bias", r"params/\1_stack/dense/bias"),
    *(
        Rule(
            rf"(onset|offset|combined)_stack\.[01]\.rnn\.{theirs}_l0(_reverse)?",
            partial(_recurrent, ours),
            layout,
        )
        for theirs, (ours, layout) in LSTM_RULES.items()
    ),
    *(
        rule
        for name, at in TOPS.items()
        for rule in (
            Rule(rf"{name}_stack\.{at}\.weight", f"params/{name}_top/kernel", transpose),
            Rule(rf"{name}_stack\.{at}\.bias", f"params/{name}_top/bias"),
        )
    ),
)
