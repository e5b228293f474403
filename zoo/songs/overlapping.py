"""Audio of any length in the overlapping windows of Basic Pitch's authors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Overlapping:
    """Windows of `samples` that share `overlap` frames, half of which each of the two leaves out.

    As basic-pitch 0.4.0 joins them: half an overlap of zeros goes before the audio. Windows give
    142 frames for 141.3 hops, and of the sum the authors keep 86 a second, so that the end of the
    audio is lost, 0.7 s a hundred seconds; whole: keep it.
    """

    samples: int = 43_844
    hop: int = 256
    overlap: int = 30
    rate: int = 22_050
    batch: int = 8
    whole: bool = False

    @property
    def kept(self) -> Mapping[str, Any]:
        return dict.fromkeys(("onsets", "frames", "contours"), np.float32)

    @property
    def sentence(self) -> str:
        end = "to the end" if self.whole else f"{self.rate // self.hop} frames a second of them"
        return (
            f"Windows of {self.samples} samples that share {self.overlap} frames, joined as "
            f"basic-pitch 0.4.0 joins them, {end}."
        )

    @property
    def step(self) -> int:
        """Samples from one window to the next."""
        return self.samples - self.overlap * self.hop

    @property
    def frames(self) -> int:
        """Frames that a window adds."""
        return self.samples // self.hop + 1 - self.overlap

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, slice, int | None]]:
        """As `Reading` has it."""
        half = self.overlap // 2
        source, buffer = iter(blocks), np.zeros((half * self.hop, 1), np.float32)
        length, take = 0, slice(half, half + self.frames)
        while True:
            pieces, held = [buffer], len(buffer)
            while held < self.samples and (piece := next(source, None)) is not None:
                pieces.append(piece)
                held, length = held + len(piece), length + len(piece)
            buffer = np.concatenate(pieces)
            window = buffer[: self.samples]
            window = np.pad(window, ((0, self.samples - len(window)), (0, 0)))
            last = len(buffer) <= self.step
            yield window, take, self.total(length) if last else None
            if last:
                return
            buffer = buffer[self.step :]

    def total(self, length: int) -> int:
        """Frames that are kept of so many samples."""
        if not self.whole:
            return int(length * ((self.rate // self.hop) / self.rate))
        windows, rest = divmod(length, self.step)
        return windows * self.frames + min(-(-rest // self.hop), self.frames)
