"""A probed file -> its samples, checked, resampled and cut into blocks, as `audio_files` gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from zoo.audio import ogg_pages
from zoo.audio.probing import Header
from zoo.audio.silently import silently
from zoo.errors import BadInput

SILENCE = 1e-3  # RMS, -60 dBFS
LOUDEST = 10 ** (3 / 20)  # a float file that peaks higher is in another scale
FLOATS = ("FLOAT", "DOUBLE")
OPUS_RATE = 48_000  # Hz; opus counts in it, whatever it was made from


@dataclass
class Meter:
    """Gathers facts while a file streams by."""

    frames: int = 0
    peak: float = 0.0
    energy: float = 0.0
    damage: str = ""
    values: int = field(default=0, repr=False)
    given: float = 0.0  # energy of what was made of the file
    given_values: int = field(default=0, repr=False)

    def give(self, block: np.ndarray) -> None:
        self.given += float(np.vdot(block, block))
        self.given_values += block.size

    @property
    def silent(self) -> bool:
        """Whether what was given out is: channels that cancel leave nothing when mixed."""
        return self.given < SILENCE**2 * max(1, self.given_values)

    def add(self, block: np.ndarray) -> None:
        self.frames += len(block)
        self.values += block.size
        self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
        self.energy += float(np.vdot(block, block))

    @property
    def rms(self) -> float:
        return math.sqrt(self.energy / max(1, self.values))


def decoded(file: Header, block: int, partial: bool, meter: Meter) -> Iterator[np.ndarray]:
    """[n C] float32 at the file's own rate and channels, checked."""
    import soundfile

    broken, gap = "", _gap(file)
    if gap and not partial:
        raise BadInput(f"{file.path} is {gap}; get it again.")
    block = min(block, 4096) if partial else block  # what a broken block holds is lost
    try:
        for stream in file.streams:
            with stream.opened(file.path) as sound:
                while meter.frames < file.frames:
                    wanted = min(block, sound.frames - sound.tell(), file.frames - meter.frames)
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


def _gap(file: Header) -> str:
    """Where an ogg has a page that libsndfile would leave out in silence; '' where it has none."""
    after = ogg_pages.damaged_after(file.path) if file.format == "OGG" else None
    if after is None:
        return ""
    seconds = after / (OPUS_RATE if file.subtype == "OPUS" else file.rate)
    return f"damaged after {seconds:.2f} of {file.seconds:.2f} s"


def _check(piece: np.ndarray, file: Header, meter: Meter) -> None:
    """Adds a piece to the meter, or refuses it."""
    if not np.isfinite(piece).all():
        at = meter.frames + int(np.argmin(np.isfinite(piece).all(axis=1)))
        raise BadInput(f"{file.path} holds NaN or infinity at sample {at:,}: export it again.")
    meter.add(piece)
    if file.subtype in FLOATS and meter.peak > LOUDEST:
        raise BadInput(
            f"{file.path} peaks at {meter.peak:.4g}, but float audio lies in -1..1: scale it down."
        )


def resampled(
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


def regrouped(
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
