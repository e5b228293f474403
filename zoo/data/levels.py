"""Level normalisation of training examples by file or clip, as the papers' loaders do it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example


@dataclass(frozen=True)
class Peak:
    """Scales float audio so that the record's largest sample is `level`; silence stays silence."""

    level: float = 1.0
    key: str = "audio"

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        audio = example[self.key]
        if audio.dtype.kind != "f":
            raise ValueError("Peak scales float audio: put ToFloat before it")
        peak = np.abs(audio).max(initial=0.0)
        factor = np.float32(self.level / peak) if peak else np.float32(1)
        return {**example, self.key: audio * factor}


def min_max(audio: np.ndarray) -> np.ndarray:
    """Float audio [T C] shifted and scaled so that it just fills [-1, 1]; silence stays as it is.

    What SampleRNN's released feeder does to each clip; it moves the mean, and the bits per sample.
    """
    low, high = audio.min(), audio.max()
    return audio if low == high else ((audio - low) * (2 / (high - low)) - 1).astype(np.float32)


@dataclass(frozen=True)
class MinMax:
    """`min_max` of an example's float audio, as a transform of the whole clip."""

    def __call__(self, rng: np.random.Generator, example: Example) -> Example:
        return {**example, "audio": min_max(example["audio"])}
