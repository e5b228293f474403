"""What a sound file is before any of it is decoded: header facts, or one line saying what is wrong.

libsndfile opens many broken files without an error (truncated wav, mp3 and ogg, 7 Hz, no samples)
and guesses the length of an mp3 without a Xing header: all of that is settled here.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from zoo.audio import mp3_frames, ogg_pages
from zoo.audio.silently import silently
from zoo.errors import BadInput

GIVE = "give wav, flac, ogg or mp3"
RATES = (4_000, 384_000)  # Hz; anything outside is a broken header
MP3_SLACK = 2 * 1152  # frames by which mp3 headers are honestly wrong (encoder delay)
SLACK = 0.01  # seconds that any other file may lack
NO_FILE = "File does not exist or is not a regular file (possibly a pipe?)"
UNKNOWN = 1 << 60  # libsndfile's way to say that it does not know the length


@dataclass(frozen=True)
class Probe:
    """Header facts of a readable sound file. frames: samples per channel that it promises."""

    path: Path
    rate: int  # Hz
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    @property
    def slack(self) -> int:
        """Frames that may be missing without the file being called truncated."""
        return MP3_SLACK if self.format == "MP3" else round(SLACK * self.rate)


def probe(path: str | os.PathLike[str]) -> Probe:
    """The facts in a sound file's header. raises BadInput: what is wrong, what would be right."""
    path = Path(path).expanduser()
    if any("\udc80" <= letter <= "\udcff" for letter in str(path)):  # as Python keeps odd bytes
        raise BadInput(f"{str(path)!a}: its name is not in UTF-8: rename it.")
    if path.is_dir():
        raise BadInput(f"{path} is a folder: name a file in it.")
    if not path.is_file():
        if path.is_symlink():
            raise BadInput(f"{path} is a link to nothing: name the file itself.")
        if path.exists():
            raise BadInput(f"{path} is a pipe or a device: name a file.")
        raise BadInput(f"{path}: no such file.")
    if not path.stat().st_size:
        raise BadInput(f"{path} is empty (0 bytes): copy or download it again.")
    try:
        with open(path, "rb") as file:
            head = file.read(1024)
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}): make it readable.") from error
    if foreign := _foreign(head):
        raise BadInput(f"{path} {foreign}")
    return _opened(path)


def _opened(path: Path) -> Probe:
    import soundfile

    try:
        info = silently(soundfile.info, str(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split()).rsplit(": ", 1)[-1].rstrip(".")
        reason = reason.replace(NO_FILE, "Format not recognised")  # it is there: see `probe`
        raise BadInput(f"{path} cannot be read as audio ({reason}): {GIVE}.") from error
    if not RATES[0] <= info.samplerate <= RATES[1]:
        low, high = RATES
        raise BadInput(
            f"{path} claims {info.samplerate:,} Hz, outside {low:,} to {high:,}: "
            "its header is wrong; export it again."
        )
    if not 0 < info.frames < UNKNOWN:
        raise BadInput(f"{path} holds no samples: it is empty or cut off; get it again.")
    frames = info.frames
    if info.format == "OGG" and ogg_pages.break_off(path):
        raise BadInput(f"{path} breaks off in the middle of a page: it is cut off; get it again.")
    if info.format == "MP3":
        frames = _mp3_frames(path, frames, info.samplerate)
    claimed = _wav_frames(path) if info.format.startswith("WAV") else 0
    if claimed > frames + SLACK * info.samplerate:
        frames = claimed
    return Probe(path, info.samplerate, info.channels, frames, info.format, info.subtype)


def _foreign(head: bytes) -> str:
    """What a file is when its first bytes say that it is no audio that libsndfile reads."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "is a web page, not audio: download the file itself."
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not audio: run 'git lfs pull' where it came from."
    if not head.strip(b"\0"):
        return "begins with nothing but zero bytes: copy or download it again."
    if head[4:8] == b"ftyp" or re.match(rb"\xff[\xf0\xf1\xf8\xf9]", head):
        return f"is AAC or MPEG-4 (m4a, mp4), which cannot be read here: convert it, {GIVE}."
    if head.startswith(b"\x30\x26\xb2\x75"):
        return f"is Windows Media (wma), which cannot be read here: convert it, {GIVE}."
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return f"is Matroska or WebM, which cannot be read here: extract its sound, {GIVE}."
    if head.startswith(b"MThd"):
        return f"is a MIDI file, notes and not sound: render it first, {GIVE}."
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return "is an archive, not audio: unpack it first."
    return ""


def _mp3_frames(path: Path, guess: int, rate: int) -> int:
    """The true length of an mp3; libsndfile only guesses it where the file does not tell."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if mp3_frames.has_length(data):  # mapped: it may be hours of sound, and is read often
            return guess
        frames = mp3_frames.count_samples(data)
    if frames > guess + MP3_SLACK:
        raise BadInput(
            f"{path} lacks the length header that a variable bit rate needs, {guess / rate:.1f} of "
            f"its {frames / rate:.1f} s would be read: convert it to wav or flac."
        )
    return frames


def _wav_frames(path: Path) -> int:
    """Frames that the data chunk of a RIFF file claims; libsndfile reports only those present."""
    width = 1
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return 0
        file.seek(12)
        while len(header := file.read(8)) == 8:
            name, size = header[:4], struct.unpack("<I", header[4:])[0]
            if name == b"fmt ":
                fields = file.read(16)
                width = struct.unpack("<H", fields[12:14])[0]
                file.seek(size - 16 + size % 2, 1)
            elif name == b"data":
                # Programs that write into a pipe leave the size open.
                return 0 if size >= 0xFFFFFF00 else size // max(1, width)
            else:
                file.seek(size + size % 2, 1)
    return 0
