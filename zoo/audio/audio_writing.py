"""Audio [T C] float32 -> a file, whole or not at all: written beside its name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zoo import writing
from zoo.audio import stem_mp4, wav_files
from zoo.errors import BadInput

_ROOM = 1 << 20  # bytes; with less the disk counts as full
_SMALL = 2**32 - 2**26  # bytes of a WAV file that libsndfile writes, which cannot be RF64
MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_FORMATS = {  # suffix: (libsndfile's format, default subtype)
    ".wav": ("WAV", "FLOAT"),
    ".flac": ("FLAC", "PCM_24"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}


def write_audio(
    path: str | os.PathLike[str],
    audio: np.ndarray,
    rate: int,
    subtype: str | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Writes [T C] float32. See `write_blocks`."""
    if audio.ndim != 2:
        raise ValueError(f"audio must be [T C], not {audio.shape}")
    return write_blocks(path, [audio], rate, audio.shape[1], subtype, overwrite=overwrite)


def write_blocks(
    path: str | os.PathLike[str],
    blocks: Iterable[np.ndarray],
    rate: int,
    channels: int,
    subtype: str | None = None,
    *,
    overwrite: bool = False,
    keep_partial: bool = False,
) -> Path:
    """Writes blocks [n C] float32 one by one; the suffix chooses the format.

    Integer formats clip at full scale; wav is float by default and keeps what exceeds it.
    keep_partial: ctrl-C leaves what was written so far as a valid file (and still interrupts).
    raises BadInput when the file exists, unless `overwrite`.
    """
    path = Path(path).expanduser()
    format_, subtype = _format(path, subtype)
    if path.exists() and not overwrite:
        raise BadInput(f"{path} exists: choose another name, or force it to be overwritten.")
    with writing.replacing(path) as (part,):
        try:
            _stream(part, blocks, rate, channels, format_, subtype)
        except KeyboardInterrupt:
            if keep_partial and part.exists():
                os.replace(part, path)
            raise
    return path


def _stream(
    part: Path, blocks: Iterable[np.ndarray], rate: int, channels: int, format_: str, subtype: str
) -> None:
    with Sink(part, rate, channels, format_, subtype) as sink:
        for block in blocks:
            if not np.isfinite(block).all():
                raise ValueError(f"{part.name}: NaN or infinity in audio to be written")
            sink.write(block)


class Sink:
    """A sound file that takes blocks [n C] float32; WAV of any size, other formats as they may."""

    def __init__(self, path: Path, rate: int, channels: int, format_: str, subtype: str) -> None:
        import soundfile

        self.path, self.subtype = path, subtype
        self._wav: wav_files.Wav | None = None
        self._file: soundfile.SoundFile | None = None
        if format_ == "WAV" and subtype in wav_files.WAV_SUBTYPES:
            self._wav = wav_files.create_wav(path, rate, channels, subtype)
            return
        best = {"bitrate_mode": "CONSTANT", "compression_level": 0.0} if format_ == "MP3" else {}
        with room_for(path):
            self._file = soundfile.SoundFile(
                str(path), "w", rate, channels, subtype, format=format_, **best
            )

    def write(self, block: np.ndarray) -> None:
        if self._wav is not None:
            self._wav = wav_files.append(self._wav, block)
            return
        file = self._file
        if file is None:
            raise ValueError(f"{self.path} is closed")
        with room_for(self.path):
            file.write(_rounded(block, self.subtype))
        if file.format == "WAV" and self.path.stat().st_size > _SMALL:
            raise BadInput(f"WAV of {self.subtype} ends at 4 GiB: choose PCM_16, PCM_24 or FLOAT")

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            with room_for(self.path):
                self._file.close()


def expected_size(
    container: str, subtype: str, rate: int, channels: int, frames: int, files: int = 1
) -> int:
    """Bytes of so many files of one length; of MP4 they are the tracks.

    FLAC of music has half the bytes of its samples or more; what is silent has none, so that a
    quarter is counted: what is refused for it would not have fitted.
    """
    if container == "WAV":
        return files * wav_files.size_of(rate, channels, subtype, frames)
    if container == "FLAC":
        return files * frames * channels * (2 if subtype == "PCM_16" else 3) // 4
    bits = min(stem_mp4.BITS, 9 * rate * channels // 2)  # of AAC, which has fewer at low rates
    if container == "MP3":
        bits = 320_000 if rate >= 32_000 else 160_000 if rate >= 16_000 else 64_000
    return files * round(frames / rate * bits / 8)


def require_room(folder: Path, size: int) -> None:
    """raises BadInput where `size` bytes are more than the disk of a folder has left."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if size > free:
        unit, name = (1e9, "GB") if size >= 1e8 else (1e3, "kB")
        raise BadInput(
            f"{size / unit:,.1f} {name} of audio do not fit into {folder}, which has "
            f"{free / unit:,.1f} {name} left: ask for less, or choose another --out"
        )


@contextmanager
def room_for(path: str | os.PathLike[str]) -> Iterator[None]:
    """libsndfile's wordless failures of writing become an OSError that names file and reason."""
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        place = Path(path).parent
        free = shutil.disk_usage(place).free if place.is_dir() else 0
        number = errno.ENOSPC if free < _ROOM else errno.EACCES
        reason = os.strerror(number) if free < _ROOM else f"cannot be written ({error})"
        raise OSError(number, reason, str(path)) from error


def _rounded(block: np.ndarray, subtype: str) -> np.ndarray:
    """Integers to the nearest step: libsndfile rounds down, which adds an offset of half a step."""
    steps = {"PCM_16": 2**15, "PCM_24": 2**23}.get(subtype)
    if steps is None:
        return np.asarray(block, np.float32)
    whole = np.clip(np.round(np.asarray(block, np.float64) * steps), -steps, steps - 1)
    return whole.astype(np.int16) if steps == 2**15 else whole.astype(np.int32) << 8


def _format(path: Path, subtype: str | None) -> tuple[str, str]:
    import soundfile

    if path.suffix.lower() not in _FORMATS:
        raise BadInput(f"{path}: unknown format '{path.suffix}': name it {', '.join(_FORMATS)}.")
    format_, default = _FORMATS[path.suffix.lower()]
    subtype = (subtype or default).upper()
    if not soundfile.check_format(format_, subtype):
        known = ", ".join(soundfile.available_subtypes(format_))
        raise BadInput(f"{path}: {format_} cannot hold {subtype}: choose among {known}.")
    return format_, subtype
