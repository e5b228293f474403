"""Piano rolls as training examples: pieces of their own lengths, filled up to a few lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example
from zoo.errors import BadInput


@dataclass(frozen=True)
class FillRoll:
    """`roll` [T K] with zeros up to the next of `lengths`, and `known` [T] uint8: 1 at its steps.

    A model compiles once for each length. Batches of several pieces take a single length.
    """

    lengths: Sequence[int]

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        return {**example, **pad_roll(example["roll"], self.lengths)}


def pad_roll(roll: np.ndarray, lengths: Sequence[int]) -> dict[str, np.ndarray]:
    """{'roll': [T' K], 'known': [T']} with the smallest T' of `lengths` that holds a roll [T K]."""
    fits = [length for length in lengths if length >= len(roll)]
    if not fits:
        raise BadInput(f"a piece of {len(roll)} steps: give lengths up to that, not {max(lengths)}")
    spare = min(fits) - len(roll)
    known = np.ones(len(roll), np.uint8)
    return {"roll": np.pad(roll, ((0, spare), (0, 0))), "known": np.pad(known, (0, spare))}
