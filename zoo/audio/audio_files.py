"""A user's sound files: find, check, read whole or stream, [T C] float32 at any rate and channels.

Reads what libsndfile reads (wav, flac, ogg, opus, mp3, aiff, au), resamples with soxr (HQ) and maps
channels. Every refusal is one line of BadInput; everything done to the audio is noted in a Report.
"""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.audio import channels as channel_maps
from zoo.audio import ogg_pages
from zoo.audio.probing import GIVE, Probe, probe
from zoo.audio.silently import silently
from zoo.errors import BadInput

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au")
SILENCE = 1e-3  # RMS, -60 dBFS
LOUDEST = 10 ** (3 / 20)  # a float file that peaks higher is in another scale
LONGEST = 4 * 3600  # seconds that `read` takes into memory
FLOATS = ("FLOAT", "DOUBLE")
OPUS_RATE = 48_000  # Hz; opus counts in it, whatever it was made from


@dataclass(frozen=True)
class Report:
    """What was read and what was done to it. peak and rms: of the file itself, full scale is 1."""

    probe: Probe
    peak: float
    rms: float
    notes: tuple[str, ...]

    @property
    def silent(self) -> bool:
        return self.rms < SILENCE

    def __str__(self) -> str:
        p = self.probe
        kind = f"{p.seconds:.2f} s, {p.rate:,} Hz, {channel_maps.describe(p.channels)}, {p.format}"
        return "; ".join((f"{p.path.name}: {kind}", *self.notes))


@dataclass
class Meter:
    """Gathers facts while a file streams by."""

    frames: int = 0
    peak: float = 0.0
    energy: float = 0.0
    damage: str = ""
    values: int = field(default=0, repr=False)

    def add(self, block: np.ndarray) -> None:
        self.frames += len(block)
        self.values += block.size
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        self.energy += float(np.vdot(block, block))

    @property
    def rms(self) -> float:
        return math.sqrt(self.energy / max(1, self.values))


def find(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files, folders (searched through) and patterns ('~/Music/*.mp3') -> sorted, unique paths.

    A file that is named is kept whatever its suffix. raises BadInput when nothing is found; where
    one of several leads to nothing, it is kept too, for `probe` to refuse.
    """
    asked = [os.fspath(item) for item in inputs]
    found: dict[Path, None] = {}
    empty = 0
    for item in asked:
        path = Path(item).expanduser()
        matches = [path] if path.exists() else [Path(m) for m in _globbed(path)]
        inside = [p for m in sorted(matches) for p in (audio_in(m) if m.is_dir() else [m])]
        empty += not inside
        found |= dict.fromkeys(inside or [path])
    if empty == len(asked):
        raise BadInput(f"no audio in {', '.join(asked) or 'an empty list'}: {GIVE}.")
    return list(found)


def audio_in(folder: Path) -> list[Path]:
    """All files below a folder whose suffix says audio, sorted, without hidden ones."""
    below = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(
        p for p in below if not any(part.startswith(".") for part in p.relative_to(folder).parts)
    )


def _globbed(pattern: Path) -> list[str]:
    matches = glob.glob(str(pattern), recursive=True)
    return [m for m in matches if os.path.isdir(m) or Path(m).suffix.lower() in SUFFIXES]


def length(file: Probe, sample_rate: int | None = None) -> int:
    """Samples after resampling: frames x target / source, rounded, a half upwards (as soxr)."""
    target = sample_rate or file.rate
    return (2 * file.frames * target + file.rate) // (2 * file.rate)


def blocks(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    channels: int | None = None,
    block: int = 65_536,
    *,
    partial: bool = False,
    meter: Meter | None = None,
) -> Iterator[np.ndarray]:
    """Streams a file as arrays [block C] float32, the last one shorter, in constant memory.

    Together exactly `length(probe(path), sample_rate)` samples. None keeps the file's own rate or
    channels. raises BadInput at a NaN, and where a file breaks off unless `partial`: then silence
    fills it up to its promised length and `meter.damage` says so.
    """
    file = probe(path)
    meter = meter if meter is not None else Meter()
    target = channels or file.channels
    ogg = file.format == "OGG"
    before = min(target, file.channels)  # fewer channels first: less to resample
    mapped = (channel_maps.convert(b, before, ogg) for b in _decoded(file, block, partial, meter))
    resampled = _resampled(mapped, file.rate, sample_rate or file.rate, before)
    total = length(file, sample_rate)
    for piece in _regrouped(resampled, block, total, before):
        yield channel_maps.convert(piece, target)


def read(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    channels: int | None = None,
    *,
    partial: bool = False,
    longest: float = LONGEST,
) -> tuple[np.ndarray, Report]:
    """A whole file as [T C] float32, and what was done to it. See `blocks`.

    longest: seconds; a small file can unpack to many gigabytes, so longer ones are refused.
    """
    file = probe(path)
    if file.seconds > longest:
        raise BadInput(
            f"{file.path} lasts {file.seconds / 3600:.1f} h, more than {longest / 3600:.1f} h: "
            "cut it into pieces."
        )
    meter = Meter()
    target = channels or file.channels
    audio = np.zeros((length(file, sample_rate), target), np.float32)
    at = 0
    for piece in blocks(path, sample_rate, channels, partial=partial, meter=meter):
        audio[at : at + len(piece)] = piece
        at += len(piece)
    return audio, report(file, meter, sample_rate, channels)


def report(
    file: Probe, meter: Meter, sample_rate: int | None = None, channels: int | None = None
) -> Report:
    """What a meter saw when the file was streamed with these settings."""
    notes = [meter.damage] if meter.damage else []
    if sample_rate and sample_rate != file.rate:
        notes.append(f"resampled to {sample_rate:,} Hz")
    if channels and channels != file.channels:
        notes.append(f"mixed to {channel_maps.describe(channels)}")
    if meter.peak > 1:
        notes.append(f"peaks at {20 * math.log10(meter.peak):+.1f} dBFS")
    if meter.rms < SILENCE:
        notes.append("silent (RMS below -60 dBFS)")
    return Report(file, meter.peak, meter.rms, tuple(notes))


def _decoded(file: Probe, block: int, partial: bool, meter: Meter) -> Iterator[np.ndarray]:
    """[n C] float32 at the file's own rate and channels, checked."""
    import soundfile

    broken, gap = "", _gap(file)
    if gap and not partial:
        raise BadInput(f"{file.path} is {gap}; get it again.")
    block = min(block, 4096) if partial else block  # what a broken block holds is lost
    try:
        with silently(soundfile.SoundFile, str(file.path)) as sound:
            while meter.frames < file.frames:
                wanted = min(block, file.frames - meter.frames)
                piece = silently(sound.read, wanted, dtype="float32", always_2d=True)
                if not len(piece):
                    break
                _check(piece, file, meter)
                yield piece
    except (soundfile.LibsndfileError, RuntimeError) as error:
        broken = f" ({' '.join(str(error).split()).rstrip('.')})"
    if gap:
        meter.damage = f"{gap}, what follows is out of place"
    missing = file.frames - meter.frames
    if missing > file.slack or broken:
        have = f"{meter.frames / file.rate:.2f} of {file.seconds:.2f} s can be decoded{broken}"
        if not partial or not meter.frames:
            raise BadInput(f"{file.path} is cut off or damaged: {have}; get it again.")
        meter.damage = f"cut off or damaged: {have}, the rest is silence"


def _gap(file: Probe) -> str:
    """Where an ogg has a page that libsndfile would leave out in silence; '' where it has none."""
    after = ogg_pages.damaged_after(file.path) if file.format == "OGG" else None
    if after is None:
        return ""
    seconds = after / (OPUS_RATE if file.subtype == "OPUS" else file.rate)
    return f"damaged after {seconds:.2f} of {file.seconds:.2f} s"


def _check(piece: np.ndarray, file: Probe, meter: Meter) -> None:
    """Adds a piece to the meter, or refuses it."""
    if not np.isfinite(piece).all():
        at = meter.frames + int(np.argmin(np.isfinite(piece).all(axis=1)))
        raise BadInput(f"{file.path} holds NaN or infinity at sample {at:,}: export it again.")
    meter.add(piece)
    if file.subtype in FLOATS and meter.peak > LOUDEST:
        raise BadInput(
            f"{file.path} peaks at {meter.peak:.4g}, but float audio lies in -1..1: scale it down."
        )


def _resampled(
    pieces: Iterable[np.ndarray], source: int, target: int, channels: int
) -> Iterator[np.ndarray]:
    if source == target:
        yield from pieces
        return
    import soxr

    stream = soxr.ResampleStream(source, target, channels, dtype="float32")
    for piece in pieces:
        yield stream.resample_chunk(np.ascontiguousarray(piece))
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)


def _regrouped(
    pieces: Iterable[np.ndarray], block: int, total: int, channels: int
) -> Iterator[np.ndarray]:
    """The same samples in arrays of `block`, cut or filled up with zeros to `total` in all."""
    waiting, left = np.zeros((0, channels), np.float32), total
    for piece in pieces:
        waiting = np.concatenate([waiting, piece])
        while len(waiting) >= block and left >= block:
            yield waiting[:block]
            waiting, left = waiting[block:], left - block
    while left > 0:
        n = min(block, left)
        out = np.zeros((n, channels), np.float32)
        out[: len(waiting[:n])] = waiting[:n]
        yield out
        waiting, left = waiting[n:], left - n
