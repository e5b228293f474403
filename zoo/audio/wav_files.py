"""WAV files that grow: valid after every block, and of any size.

A plain header counts bytes in 32 bits and so ends at 4 GiB. Every header here keeps 36 bytes free,
in which a file that outgrows it gets the sizes of RF64 in 64 bits (EBU Tech 3306, ITU-R BS.2088):
until then it is plain WAV, with a chunk of type JUNK that readers pass over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo import writing
from zoo.errors import BadInput

PLAIN = 2**32 - 1  # bytes behind its first eight that a plain header can count
_FULL = 2**32 - 1  # what a field of 32 bits holds where the true size stands in 64
WAV_SUBTYPES = {
    "PCM_16": (1, 2),
    "PCM_24": (1, 3),
    "PCM_32": (1, 4),
    "FLOAT": (3, 4),
    "DOUBLE": (3, 8),
}


@dataclass(frozen=True)
class Wav:
    """A file on the disk: its format, and how many frames it holds by now.

    spare: whether its header has the room for RF64, as those that `create_wav` writes.
    """

    path: Path
    rate: int
    channels: int
    subtype: str
    frames: int = 0
    spare: bool = True

    @property
    def frame(self) -> int:
        """Bytes of a sample of all channels."""
        return WAV_SUBTYPES[self.subtype][1] * self.channels

    def header(self) -> bytes:
        """All before the first sample; of one length whatever `frames`."""
        (tag, width), data = WAV_SUBTYPES[self.subtype], self.frames * self.frame
        form = struct.pack(
            "<HHIIHH", tag, self.channels, self.rate, self.rate * self.frame, self.frame, 8 * width
        )
        if tag == 3:  # anything but integers has an extension, of no bytes, and a count of frames
            form += struct.pack("<H", 0)
            form = _chunk(b"fmt ", form) + _chunk(
                b"fact", struct.pack("<I", min(self.frames, _FULL))
            )
        else:
            form = _chunk(b"fmt ", form)
        size = 4 + 36 * self.spare + len(form) + 8 + data + data % 2
        large = size > PLAIN
        if large and not self.spare:
            raise BadInput(f"{self.path} is full: as it was begun it ends at 4 GiB")
        sizes = struct.pack("<QQQI", size, data, self.frames, 0) if large else bytes(28)
        return b"".join(
            (
                b"RF64" if large else b"RIFF",
                struct.pack("<I", _FULL if large else size),
                b"WAVE",
                _chunk(b"ds64" if large else b"JUNK", sizes) if self.spare else b"",
                form,
                b"data",
                struct.pack("<I", _FULL if large else data),
            )
        )


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


def create_wav(path: Path, rate: int, channels: int, subtype: str) -> Wav:
    """An empty file, over what was there."""
    if subtype not in WAV_SUBTYPES:
        raise BadInput(f"WAV of {subtype} is not written here: choose {', '.join(WAV_SUBTYPES)}")
    made = Wav(path, rate, channels, subtype)
    with writing.naming(path):
        path.write_bytes(made.header())
    return made


def append(file: Wav, audio: np.ndarray) -> Wav:
    """The file with audio [n C] behind what it holds; floats in [-1, 1] for every subtype."""
    content = _as_bytes(audio, file.subtype)
    end = len(file.header()) + file.frames * file.frame
    longer = replace(file, frames=file.frames + len(audio))
    with writing.naming(file.path), open(file.path, "r+b") as stream:
        stream.seek(end)
        stream.write(content)
        stream.write(bytes(longer.frames * file.frame % 2))  # chunks have even sizes
        stream.flush()  # the samples before the header that promises them
        stream.seek(0)
        stream.write(longer.header())
    return longer


def truncate_wav(file: Wav, frames: int) -> Wav:
    """The file with its first `frames` only."""
    shorter = replace(file, frames=frames)
    with open(file.path, "r+b") as stream:
        stream.write(shorter.header())
        data = frames * file.frame
        stream.truncate(len(shorter.header()) + data + data % 2)
    return shorter


def open_wav(path: Path) -> Wav:
    """A file on the disk that can grow. raises BadInput where it cannot."""
    import soundfile

    try:
        info = soundfile.info(str(path))
    except soundfile.SoundFileError as error:
        raise BadInput(f"{path} cannot be gone on with ({error}): put it back") from error
    if info.subtype in WAV_SUBTYPES:
        found = Wav(path, info.samplerate, info.channels, info.subtype, info.frames)
        with open(path, "rb") as stream:
            start = stream.read(len(found.header())).rfind(b"data") + 8
        for spare in (True, False):
            if start == len(replace(found, frames=0, spare=spare).header()):
                return replace(found, spare=spare)
    raise BadInput(f"{path} was written by another program: begin anew elsewhere")


def _as_bytes(audio: np.ndarray, subtype: str) -> bytes:
    """Audio [n C] as little-endian samples; integers to the nearest step, clipped at full scale."""
    tag, width = WAV_SUBTYPES[subtype]
    if tag == 3:
        return np.ascontiguousarray(audio, f"<f{width}").tobytes()
    if audio.dtype == np.int16 and width == 2:
        return np.ascontiguousarray(audio, "<i2").tobytes()
    steps = 2 ** (8 * width - 1)
    whole = np.clip(np.round(np.asarray(audio, np.float64) * steps), -steps, steps - 1)
    if width == 3:
        quads = np.ascontiguousarray(whole, "<i4").view(np.uint8).reshape(-1, 4)
        return quads[:, :3].tobytes()
    return np.ascontiguousarray(whole, f"<i{width}").tobytes()


def size_of(rate: int, channels: int, subtype: str, frames: int) -> int:
    """Bytes of a file on the disk."""
    made = Wav(Path(), rate, channels, subtype, frames)
    return len(made.header()) + frames * made.frame
