"""Audio that stays in its file, of which only what a slice asks for is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio import channels as channel_maps
from zoo.audio.silently import silently
from zoo.data import records
from zoo.errors import BadInput

_MARGIN = 512  # samples on both sides, of the slower rate, that the resampler's filter reaches


@dataclass(frozen=True)
class FileAudio:
    """int16 [T C] of a sound file at another rate, read in slices by seeking.

    length: T, known from elsewhere, so that making one opens nothing. What the file lacks of it is
    silence. Positions in mp3 files are as exact as their decoder seeks.
    """

    path: Path
    sample_rate: int
    length: int
    channels: int = 1

    dtype = np.dtype(np.int16)

    @property
    def shape(self) -> tuple[int, int]:
        return (self.length, self.channels)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: slice | tuple[slice, ...]) -> np.ndarray:
        span = index[0] if isinstance(index, tuple) else index
        start, stop, step = span.indices(self.length)
        return self._read(start, max(start, stop))[::step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.int16, copy=False)

    def _read(self, start: int, stop: int) -> np.ndarray:
        """Samples start to stop. raises BadInput where the file cannot be read."""
        import soundfile

        made = np.zeros((stop - start, self.channels), np.int16)
        try:
            opened: Any = silently(soundfile.SoundFile, str(self.path))
            with opened as file:
                found = self._decoded(file, start, stop)
        except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
            reason = " ".join(str(error).split()).rsplit(": ", 1)[-1].rstrip(".")
            raise BadInput(f"{self.path} cannot be read at sample {start:,} ({reason}).") from error
        if not np.isfinite(found).all():
            raise BadInput(f"{self.path} holds NaN or infinity: get it again.")
        made[: len(found)] = records.to_int16(found)
        return made

    def _decoded(self, file: Any, start: int, stop: int) -> np.ndarray:
        """float32 [n C], n at most stop - start."""
        common = gcd(file.samplerate, self.sample_rate)
        own, ours = file.samplerate // common, self.sample_rate // common
        margin = _MARGIN * max(1, -(-ours // own))
        # A place that is a whole sample in both rates.
        first = max(0, start - margin) // ours
        last = -(-(stop + margin) // ours)
        begin = min(first * own, file.frames)
        silently(file.seek, begin)
        count = min(last * own, file.frames) - begin
        audio = silently(file.read, count, dtype="float32", always_2d=True)
        mapped = channel_maps.convert(audio, self.channels, file.format == "OGG")
        if own != ours and len(mapped):
            import soxr

            mapped = soxr.resample(np.ascontiguousarray(mapped), file.samplerate, self.sample_rate)
        offset = start - first * ours
        return mapped[offset : offset + stop - start]
