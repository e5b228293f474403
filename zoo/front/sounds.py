"""What a caller gives as audio: arrays or paths, one or a batch, of any rate and channel count."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.audio.blocks import Blocks, open_song, read_blocks, remix, resample_blocks
from zoo.audio.decoding import LOUDEST
from zoo.errors import BadInput

_CHANNELS = 32  # more are samples on the wrong axis
FASTEST = 1_000_000  # Hz
_FULL = {"i2": 2.0**15, "i4": 2.0**31}  # full scale of PCM integers


@dataclass(frozen=True)
class Sound:
    """One piece of audio: `blocks()` gives it [n C] float32 at `rate` Hz, each time afresh.

    length: in samples. flat: it came as a plain array [T], and so are answers of its shape.
    """

    blocks: Callable[[], Blocks]
    rate: int
    channels: int
    length: int
    flat: bool = False

    def require(self, rate: int) -> None:
        """Raises BadInput where nothing is left of it at the model's rate."""
        if round(self.length * rate / self.rate) < 1:
            raise BadInput(f"{self.length} samples, nothing at {rate:,} Hz: the audio is too short")

    def at(self, rate: int, channels: int) -> Iterator[np.ndarray]:
        """Its blocks at another rate and channel count."""
        mixed = remix(self.blocks(), min(channels, self.channels))
        return remix(resample_blocks(mixed, self.rate, rate), channels)

    def shaped(self, audio: np.ndarray) -> np.ndarray:
        """[T 1] as [T] where the sound itself came so."""
        return audio[..., 0] if self.flat and audio.shape[-1] == 1 else audio

    def read(self, rate: int, channels: int) -> np.ndarray:
        """All of it, [T C]."""
        return np.concatenate(list(self.at(rate, channels)))


def is_batch(audio: Any) -> bool:
    """Whether `audio` is a batch: a list or tuple, or an array [B T C]."""
    return isinstance(audio, (list, tuple)) or (not _is_path(audio) and np.ndim(audio) == 3)


def _sounds(audio: Any, rate: float | None) -> Iterator[Sound]:
    """The sounds of a batch, one after another; they are opened as they are asked for."""
    if len(audio) and all(np.isscalar(item) and not _is_path(item) for item in audio):
        raise BadInput("a list of numbers is no batch of audio: give a NumPy array [T] or [T C]")
    for number, item in enumerate(audio):
        try:
            yield as_sound(item, rate)
        except BadInput as error:
            raise BadInput(f"number {number + 1} of {len(audio)}: {error}") from error


def as_sound(audio: Any, rate: float | None) -> Sound:
    """One path or array. Raises BadInput in one line for what is no audio."""
    if _is_path(audio):
        return _of_file(audio, rate)
    array = as_samples(audio)
    if rate is None:
        raise BadInput("an array says no sample rate: give rate=, in Hz")
    hertz = _rate(rate)
    return Sound(lambda: [array], hertz, array.shape[1], len(array), np.ndim(audio) == 1)


def _is_path(audio: Any) -> bool:
    return isinstance(audio, (str, os.PathLike))


def _of_file(path: str | os.PathLike[str], rate: float | None) -> Sound:
    song = open_song(Path(path).expanduser())
    if rate is not None and _rate(rate) != song.rate:
        raise BadInput(f"{path} has {song.rate:,} Hz, not {rate:,}: leave rate= out for files")
    return Sound(lambda: read_blocks(song), song.rate, song.channels, song.length)


def as_samples(audio: Any) -> np.ndarray:
    """An array [T] or [T C] of floats in -1..1 or PCM integers -> [T C] float32."""
    try:
        array = np.asarray(audio)
    except (ValueError, TypeError) as error:
        raise BadInput(f"this is no array of audio: {error}") from None
    if array.dtype.kind not in "fiu":
        raise BadInput(f"audio of {array.dtype}: give floats in -1..1, or 16-bit integers")
    if array.ndim not in (1, 2) or not array.size:
        raise BadInput(f"audio of shape {array.shape}: give [T] or [T C], with samples in it")
    array = array[:, None] if array.ndim == 1 else array
    if array.shape[1] > _CHANNELS:
        raise BadInput(
            f"audio of shape {array.shape} would have {array.shape[1]:,} channels: give [T C], "
            "time first, for instance audio.T"
        )
    return _in_full_scale(array)


def _in_full_scale(array: np.ndarray) -> np.ndarray:
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    if array.dtype.kind in "iu":
        if kind not in _FULL:
            raise BadInput(f"audio of {array.dtype}: give floats in -1..1, int16 or int32")
        return (array / _FULL[kind]).astype(np.float32)
    if not np.isfinite(array).all():
        at = int(np.argmin(np.isfinite(array).all(axis=1)))
        raise BadInput(f"the audio holds NaN or infinity at sample {at:,}: mend or cut it")
    peak = float(np.abs(array).max())
    if peak > LOUDEST:
        raise BadInput(f"the audio peaks at {peak:.4g}, but floats lie in -1..1: scale it down")
    return array.astype(np.float32)


def _rate(rate: Any) -> int:
    """A sample rate as a whole number of Hz."""
    try:
        hertz = int(rate)
        sound = hertz == rate and 0 < hertz <= FASTEST
    except (TypeError, ValueError, OverflowError):
        sound = False
    if not sound:
        raise BadInput(f"rate={rate!r}: give the sample rate in whole Hz, as 44100")
    return hertz


def for_each_sound(audio: Any, rate: float | None, act: Callable[[Sound], Any]) -> Any:
    """`act` of one sound, or the list of what it gives for each of a batch."""
    if not is_batch(audio):
        return act(as_sound(audio, rate))
    return [act(one) for one in _sounds(audio, rate)]


def for_all_sounds(
    audio: Any,
    rate: float | None,
    act: Callable[[Iterable[Sound]], Iterable[Any | BadInput]],
    shown: Callable[[Any], Any] = lambda found: found,
) -> Any:
    """As `for_each_sound`, of what takes all at once; `shown` is what the caller sees of each."""
    if not is_batch(audio):
        (found,) = act([as_sound(audio, rate)])
        if isinstance(found, BadInput):
            raise found
        return shown(found)
    answers = []
    for number, found in enumerate(act(_sounds(audio, rate)), 1):
        if isinstance(found, BadInput):
            raise BadInput(f"number {number} of {len(audio)}: {found}")
        answers.append(shown(found))
    return answers


def mixed(sound: Sound, channels: int) -> Iterator[np.ndarray]:
    """A sound's blocks at its own rate, of that many channels."""
    return remix(sound.blocks(), channels)


def join_chunks(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Chunks [B t C] -> [B T C]."""
    return np.concatenate([np.asarray(chunk) for chunk in chunks], 1)
