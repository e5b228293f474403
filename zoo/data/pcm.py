"""Sound files -> int16 PCM of one rate and channel count, block by block, in little memory.

What becomes long on its way to the records lies in a temporary file ($TMPDIR), not in memory.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo.audio import audio_files
from zoo.audio.probing import Header, read_header
from zoo.data import records
from zoo.errors import BadInput

SPOOLED = 4 << 20  # bytes of one signal that stay in memory
_UNEQUAL = 0.01  # seconds by which ends of stems may differ
Ends = Literal["refuse", "cut", "fill"]
QUIETEST_SUM = -20.0  # dB: what stems may lack of their mixture before something must be wrong


class Pcm:
    """int16 [T C], appended in blocks and read in slices; an array where one is asked for."""

    dtype = np.dtype(np.int16)

    def __init__(self, channels: int) -> None:
        self.shape = (0, channels)
        self._file = tempfile.SpooledTemporaryFile(max_size=SPOOLED)  # noqa: SIM115
        self._lock = threading.Lock()  # one thread may decode what another writes

    def append(self, block: np.ndarray) -> None:
        """Adds int16 [n C]. raises BadInput where the disk of temporary files is full."""
        try:
            self._file.write(np.ascontiguousarray(block, "<i2").tobytes())
        except OSError as error:
            raise BadInput(
                f"temporary files in {tempfile.gettempdir()} cannot be written "
                f"({error.strerror}): free space there, or set TMPDIR to another place."
            ) from error
        self.shape = (self.shape[0] + len(block), self.shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | tuple[slice, ...]) -> np.ndarray:
        span = index[0] if isinstance(index, tuple) else index
        start, stop, step = span.indices(len(self))
        width = 2 * self.shape[1]
        with self._lock:
            self._file.seek(start * width)
            data = self._file.read(max(0, stop - start) * width)
        return np.frombuffer(data, "<i2").reshape(-1, self.shape[1])[::step].astype(np.int16)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.int16, copy=False)


@dataclass(frozen=True)
class PcmStems:
    """int16 [S T C] of signals of one length, read in slices along time."""

    signals: tuple[Pcm, ...]

    dtype = np.dtype(np.int16)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.signals), *self.signals[0].shape)

    def __getitem__(self, index: tuple[slice, slice]) -> np.ndarray:
        return np.stack([np.asarray(signal[index[1]]) for signal in self.signals[index[0]]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:, :].astype(dtype or np.int16, copy=False)


@dataclass
class _LevelMeter:
    """Of float blocks as they go by: the largest sample, and the mean square of all signals."""

    peak: float = 0.0
    energy: float = 0.0
    values: int = 0

    def add(self, blocks: Sequence[np.ndarray]) -> None:
        self.peak = max(self.peak, *(float(np.abs(b).max(initial=0.0)) for b in blocks))
        self.energy += sum(float(np.vdot(b, b)) for b in blocks)
        self.values += sum(b.size for b in blocks)

    @property
    def silent(self) -> bool:
        return self.energy < self.values * audio_files.SILENCE**2


def load_audio(
    path: Path,
    rate: int,
    channels: int,
    least: float = 0.0,
    allow_silent: bool = False,
    normalise: bool = False,
) -> Pcm:
    """A file as int16 [T C], scaled as a whole where its peak exceeds 1, or to 1 by `normalise`.

    raises BadInput where it is unreadable, below `least` s, or silent at this rate and in these
    channels, whatever it was before.
    """
    check_length(path, least)
    (signal,), levels = _converted([path], rate, channels, normalise)
    silent = levels.peak < audio_files.SILENCE if normalise else levels.silent
    if silent and not allow_silent:
        raise BadInput(f"{path} is silent ({_why_silent(path, channels)}).")
    return signal


def load_stems(
    paths: Sequence[Path | Header],
    rate: int,
    channels: int,
    least: float = 0.0,
    mixture: Path | Header | None = None,
    ends: Ends = "refuse",
) -> PcmStems:
    """Files, or tracks of a file, of one song as int16 [S T C], with one gain so that they sum.

    ends: of stems whose lengths differ by 10 ms or more: 'refuse', 'cut' to the shortest, or 'fill'
    up with zeros to the longest. raises BadInput where they are refused, where all are silent, and
    where they do not sum to the `mixture`.
    """
    files = [read_header(path) for path in paths]
    lengths = [file.seconds for file in files]
    if (max if ends == "fill" else min)(lengths) < least:
        raise BadInput(f"{_song(files)} is too short: at least {least:.2f} s are needed.")
    if ends == "refuse" and max(lengths) - min(lengths) >= _UNEQUAL:
        listed = ", ".join(f"{file.path.name} {file.seconds:.2f} s" for file in files)
        raise BadInput(f"{_song(files)}: stems of unequal length: {listed}.")
    signals, levels = _converted(files, rate, channels, fill=ends == "fill")
    if levels.silent:
        raise BadInput(f"{_song(files)}: all stems are silent.")
    if mixture is not None:
        _check_sum(files, read_header(mixture), rate, channels, cut=ends == "cut")
    return PcmStems(tuple(signals))


def _song(files: Sequence[Header]) -> Path:
    """The file of all tracks, or the folder of all files."""
    path = files[0].path
    return path if len(files) > 1 and files[1].path == path else path.parent


def unequal_lengths(paths: Sequence[Path]) -> str:
    """'drums.wav ends 0.52 s early': stems that end before the longest; '' where none does."""
    seconds = {path: read_header(path).seconds for path in paths}
    longest = max(seconds.values())
    early = {path: longest - s for path, s in seconds.items() if longest - s >= _UNEQUAL}
    return ", ".join(f"{path.name} ends {s:.2f} s early" for path, s in early.items())


def check_length(path: Path, least: float) -> Header:
    """raises BadInput where the header is bad, or promises less than `least` seconds, or hours."""
    file = read_header(path)
    if file.seconds < least:
        raise BadInput(
            f"{path} is too short: {file.seconds:.2f} s, at least {least:.2f} s are needed."
        )
    audio_files.refuse_longer(file)
    return file


def _converted(
    paths: Sequence[Path | Header],
    rate: int,
    channels: int,
    normalise: bool = False,
    fill: bool = False,
) -> tuple[list[Pcm], _LevelMeter]:
    """All files as PCM with one gain, and the levels of what they become at gain 1."""
    levels = _LevelMeter()
    signals = [Pcm(channels) for _ in paths]
    for blocks in _together(paths, rate, channels, fill):
        levels.add(blocks)
        for signal, block in zip(signals, blocks):
            signal.append(records.to_int16(block))
    if levels.peak > 1 or (normalise and levels.peak > 0):  # known only now
        signals = [Pcm(channels) for _ in paths]
        for blocks in _together(paths, rate, channels, fill):
            for signal, block in zip(signals, blocks):
                signal.append(records.to_int16(block / levels.peak))
    return signals, levels


def _together(
    paths: Sequence[Path | Header], rate: int, channels: int, fill: bool = False
) -> Iterator[list[np.ndarray]]:
    """Blocks [n C] of all files at once, as far as the shortest goes, or the longest by `fill`."""
    nothing = np.zeros((0, channels), np.float32)
    streams = [audio_files.stream_audio(path, rate, channels) for path in paths]
    for blocks in zip_longest(*streams, fillvalue=nothing):  # all of each, to meet its damage
        shared = (max if fill else min)(map(len, blocks))
        if shared:
            short = (np.pad(block, ((0, max(0, shared - len(block))), (0, 0))) for block in blocks)
            yield [block[:shared] for block in short]


def _check_sum(
    paths: Sequence[Header], whole_song: Header, rate: int, channels: int, cut: bool
) -> None:
    mixture = whole_song.path
    if not cut and abs(whole_song.seconds - min(file.seconds for file in paths)) > 0.01:
        raise BadInput(f"{mixture} and its stems are of unequal length.")
    lack, whole = 0.0, 0.0
    for mixed, *stems in _together([whole_song, *paths], rate, channels):
        error = sum(stems) - mixed
        lack, whole = lack + float(np.vdot(error, error)), whole + float(np.vdot(mixed, mixed))
    decibels = 10 * np.log10(max(lack / max(whole, 1e-12), 1e-12))
    if decibels > QUIETEST_SUM:
        raise BadInput(f"{mixture} is not the sum of its stems: they differ by {decibels:.0f} dB.")


def _why_silent(path: Path, channels: int) -> str:
    """'RMS below -60 dBFS', and of what."""
    there = read_header(path).channels
    if there <= channels:
        return "RMS below -60 dBFS"
    return f"RMS below -60 dBFS once its {there} channels are mixed to {channels}"
