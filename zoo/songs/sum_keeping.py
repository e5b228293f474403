"""What stems lack of their mix, shared out so that they sum to it: [S n C], [n C] -> [S n C].

Below the highest frequency that a model gives, all stems get the same (of all corrections the
smallest in squares). Above it a model gives nothing, and equal shares would put cymbals into the
vocals: there each stem gets as much of the power as it has in the octave below, frame by frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from zoo.audio.blocks import reblock

_HOP = 1024  # samples; frames are twice as long


def with_lack(pairs: Iterable[tuple[np.ndarray, np.ndarray]], edge: float) -> Iterator[np.ndarray]:
    """Stems [S n C] of which each has its share of the lack; pairs: stems and lack [n C].

    edge: the highest frequency that the model gives, as a part of the rate.
    """
    if edge >= 0.49:
        for part, lack in pairs:
            yield part + lack / len(part)
        return
    joined = (np.concatenate([part, lack[None]]) for part, lack in pairs)
    window = np.sqrt(0.5 - 0.5 * np.cos(np.pi * np.arange(2 * _HOP) / _HOP)).astype(np.float32)
    before: np.ndarray | None = None
    tail, length = np.zeros(0, np.float32), 0
    for block in chain(reblock(joined, _HOP), [None]):
        if block is not None:
            now = _filled(block)
        elif before is not None:
            now = np.zeros_like(before)
        else:
            return  # no song
        before = np.zeros_like(now) if before is None else before
        shares = _shared(np.concatenate([before, now], 1), window, edge)
        if tail.size:
            yield (before[:-1] + tail + shares[:, :_HOP])[:, :length]
        before, tail = now, shares[:, _HOP:]
        length = 0 if block is None else block.shape[1]


def _shared(frame: np.ndarray, window: np.ndarray, edge: float) -> np.ndarray:
    """Shares [S n C] of the last signal of a frame [S+1 n C], windowed twice."""
    spectra = np.fft.rfft(frame * window[:, None], axis=1)
    at = np.arange(spectra.shape[1]) / frame.shape[1]
    octave = (at > edge / 2) & (at < 0.98 * edge)
    power = (np.abs(spectra[:-1, octave]) ** 2).sum((1, 2)) + 1e-12
    equal = np.full(len(power), 1 / len(power))
    weights = np.where(at < edge, equal[:, None], (power / power.sum())[:, None])
    shares = np.fft.irfft(weights[..., None] * spectra[-1], frame.shape[1], axis=1)
    return shares.astype(np.float32) * window[:, None]


def _filled(block: np.ndarray) -> np.ndarray:
    return np.pad(block, ((0, 0), (0, _HOP - block.shape[1]), (0, 0)))
