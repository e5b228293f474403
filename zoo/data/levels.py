"""The level of training examples: what the loaders of GAN papers do to each file."""

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
