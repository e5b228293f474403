"""What a sound file is before any of it is decoded: header facts, or one line saying what is wrong.

libsndfile opens many broken files without an error (truncated wav, mp3 and ogg, 7 Hz, no samples)
and believes every header that tells a length: all of that is settled here.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from zoo.audio import flac_streams, long_chunks, mp3_frames, mpeg4, ogg_pages, wave_chunks
from zoo.audio.silently import silently
from zoo.audio.stream_bytes import ByteWindow, Stream
from zoo.errors import BadInput

GIVE = "give wav, flac, ogg or mp3"
_RATES = (4_000, 384_000)  # Hz; anything outside is a broken header
MP3_SLACK = 2 * 1152  # frames by which mp3 headers are honestly wrong (encoder delay)
_SLACK = 0.01  # seconds that any other file may lack
NO_FILE = "File does not exist or is not a regular file (possibly a pipe?)"
UNKNOWN = 1 << 60  # libsndfile's way to say that it does not know the length
MPEG = (".mp3", ".mp2", ".mp1", ".mpga")
_MEASURED = (  # formats of libsndfile of which a file that is cut off, or joined, is seen to be so
    *("WAV", "WAVEX", "RF64", "W64", "NIST", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"),
)


@dataclass(frozen=True)
class Header:
    """Header facts of a readable sound file. frames: samples per channel that it promises.

    streams: what must be decoded, one after the other, to have them all.
    """

    path: Path
    rate: int  # Hz
    channels: int
    frames: int
    format: str
    subtype: str
    streams: tuple[Stream, ...] = field(default=(Stream(),), repr=False)

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    @property
    def slack(self) -> int:
        """Frames that may be missing without the file being called truncated."""
        lossy = {"MP3": MP3_SLACK, "MP4": mpeg4.SLACK, "ADTS": mpeg4.SLACK}
        return lossy.get(self.format, round(_SLACK * self.rate))


def read_header(path: str | os.PathLike[str] | Header) -> Header:
    """The facts in a sound file's header. raises BadInput: what is wrong, what would be right.

    Of a file of several tracks the first is meant; another is what `read_track_headers` gives, as
    it is.
    """
    return path if isinstance(path, Header) else read_track_headers(path)[0]


def read_track_headers(path: str | os.PathLike[str]) -> tuple[Header, ...]:
    """As `read_header`, of all tracks: one, but of MPEG-4, as stem files are."""
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
    stat = path.stat()
    return _probed(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _probed(path: Path, _size: int, _changed: int) -> tuple[Header, ...]:
    """The facts; found once as long as a file stays as it is."""
    with open(path, "rb") as file:
        compressed = mpeg4.BEGINS.match(file.read(16))
    return (
        tuple(map(partial(_inside, path), mpeg4.find_audio_tracks(path)))
        if compressed
        else (_alone(path),)
    )


def _inside(path: Path, found: mpeg4.TrackFacts) -> Header:
    """A track of MPEG-4."""
    _check_rate(path, found.rate)
    if not 0 < found.frames < UNKNOWN:
        raise BadInput(f"{path} holds no samples: it is empty or cut off; get it again.")
    facts = found.rate, found.channels, found.frames, found.format, found.subtype
    return Header(path, *facts, (found.track,))


def _check_rate(path: Path, rate: int) -> None:
    if not _RATES[0] <= rate <= _RATES[1]:
        low, high = _RATES
        raise BadInput(
            f"{path} claims {rate:,} Hz, outside {low:,} to {high:,}: "
            "its header is wrong; export it again."
        )


def _alone(path: Path) -> Header:
    streams = _streams(path)
    parts = [_opened(path, stream) for stream in streams]
    first = parts[0]
    other = next((p for p in parts if (p.rate, p.channels) != (first.rate, first.channels)), None)
    if other:
        raise BadInput(
            f"{path} is {len(parts)} files joined, of {first.rate:,} Hz and {first.channels} "
            f"channels, then {other.rate:,} Hz and {other.channels}: cut them apart."
        )
    frames = sum(part.frames for part in parts)
    return Header(path, first.rate, first.channels, frames, first.format, first.subtype, streams)


def _streams(path: Path) -> tuple[Stream, ...]:
    """The file's streams, by its first bytes; one of unknown length where the format is another."""
    with open(path, "rb") as file:
        data = ByteWindow(file)
        head = data(0, 10)
        inside = mp3_frames.tag_size(head)
        magic = data(inside, inside + 4)
        found: list[Stream] = []
        try:
            if head[:4] in wave_chunks.WAVE_HEADS:
                found = wave_chunks.wave_streams(data)
            elif magic == b"fLaC":
                found = flac_streams.flac_streams(data, inside)
            elif magic == b"OggS":
                found = ogg_pages.ogg_streams(data)
            elif head[:4] in long_chunks.LONG_HEADS:
                found = long_chunks.long_chunk_streams(data)
            elif head[:4] == b"NIST":
                found = [Stream(frames=_nist_frames(data(0, 1024)))]
            elif inside or path.suffix.lower() in MPEG or head[:1] == b"\xff":
                found = mp3_frames.mp3_streams(data, _guess(path))
        except BadInput as error:
            raise BadInput(f"{path} {error}") from error
        except struct.error:  # it ends within its header, which libsndfile then refuses
            found = []
    return tuple(found) or (Stream(),)


def _guess(path: Path) -> int:
    """Samples that libsndfile takes for the length of a file; 0 where it cannot read it."""
    import soundfile

    try:
        return silently(soundfile.info, str(path)).frames
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return 0


def _opened(path: Path, stream: Stream) -> Header:
    import soundfile

    try:
        with stream.opened(path) as sound:
            rate, channels, frames = sound.samplerate, sound.channels, sound.frames
            format_, subtype = sound.format, sound.subtype
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split()).rsplit(": ", 1)[-1].rstrip(".")
        reason = reason.replace(NO_FILE, "Format not recognised")  # it is there: see `read_header`
        with open(path, "rb") as file:
            if not file.read(1024).strip(b"\0"):
                reason = "begins with nothing but zero bytes"
                raise BadInput(f"{path} {reason}: copy or download it again.") from error
        raise BadInput(f"{path} cannot be read as audio ({reason}): {GIVE}.") from error
    if format_ not in _MEASURED:
        raise BadInput(
            f"{path} is {format_}, a kind that cannot be read here, for it does not show whether "
            f"all is there: convert it, {GIVE}."
        )
    _check_rate(path, rate)
    if format_ == "NIST" and 0 < stream.frames < frames - _SLACK * rate:
        raise BadInput(
            f"{path} holds {frames:,} samples, its header announces {stream.frames:,}: cut joined "
            "files apart, or export it again."
        )
    unsure = format_ == "MP3" or frames > UNKNOWN
    if stream.frames and (unsure or stream.frames > frames + _SLACK * rate):
        frames = stream.frames
    if not 0 < frames < UNKNOWN:
        raise BadInput(f"{path} holds no samples: it is empty or cut off; get it again.")
    if format_ == "OGG" and ogg_pages.break_off(path):
        raise BadInput(f"{path} breaks off in the middle of a page: it is cut off; get it again.")
    return Header(path, rate, channels, frames, format_, subtype)


def _nist_frames(head: bytes) -> int:
    """Samples that the header of a NIST (SPHERE) file promises."""
    if b"shorten" in head:
        raise BadInput("is a compressed SPHERE file: unpack it with w_decode or sph2pipe.")
    found = re.search(rb"sample_count\s+-i\s+(\d+)", head)
    return int(found[1]) if found else 0


def _foreign(head: bytes) -> str:
    """What a file is when its first bytes say that it is no audio that libsndfile reads."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "is a web page, not audio: download the file itself."
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not audio: run 'git lfs pull' where it came from."
    if head.startswith(b"\x30\x26\xb2\x75"):
        return f"is Windows Media (wma), which cannot be read here: convert it, {GIVE}."
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return f"is Matroska or WebM, which cannot be read here: extract its sound, {GIVE}."
    if head.startswith(b"MThd"):
        return f"is a MIDI file, notes and not sound: render it first, {GIVE}."
    if head.startswith((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        return "is an archive, not audio: unpack it first."
    return ""
