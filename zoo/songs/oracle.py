"""Whole songs through systems that are given the references: oracles, and blind components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict
from zoo.songs.segments import separate_blocks
from zoo.songs.separating import Separator


def separate_known(
    predict: Predict, pairs: Iterable[tuple[np.ndarray, np.ndarray]], how: Separator, info: Info
) -> Iterator[np.ndarray]:
    """Stems [S n C] of a song given as pairs of mixture [n C] and references [S n C].

    `predict` gets {how.segments.key: [B T C], 'stems': [B T S C]}. The song stays at its own rate.
    """
    if (how.rate, how.channels) != (info.sample_rate, info.channels):
        raise BadInput(
            f"an oracle for {how.rate} Hz and {how.channels} channel(s) on records of "
            f"{info.sample_rate} Hz and {info.channels}: let both be the same"
        )
    sources = len(how.sources)
    # Side by side as channels, mixture and references are cut into the same segments.
    packed = (np.concatenate([mix, *references], -1) for mix, references in pairs)

    def wrapped(batch: HostBatch) -> HostBatch:
        audio = batch[how.segments.key]
        parts = audio.reshape(*audio.shape[:2], sources + 1, how.channels)
        return predict({how.segments.key: parts[:, :, 0], "stems": parts[:, :, 1:]})

    yield from separate_blocks(wrapped, packed, how.segments, (sources + 1) * how.channels)
