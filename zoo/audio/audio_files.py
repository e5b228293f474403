"""A user's sound files: find, check, read whole or stream, [T C] float32 at any rate and channels.

Reads what libsndfile reads (wav, flac, ogg, opus, mp3, aiff, au) and, with the extra `av`, AAC and
ALAC (m4a, mp4, aac), resamples with soxr (HQ) and maps
channels. Every refusal is one line of BadInput; what is done to the audio is noted, ReadReport.
"""

from __future__ import annotations

import glob
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.audio import channels as channel_maps
from zoo.audio import decoding, mpeg4
from zoo.audio.decoding import SILENCE, Meter
from zoo.audio.probing import GIVE, Header, read_header
from zoo.errors import BadInput

_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"),
    *(".wave", ".bwf", ".rf64", ".w64", ".caf", ".aifc", ".snd", ".sph", ".mp2", ".mpga"),
)
UNREADABLE = (  # sound that is known but that libsndfile does not decode, or not reliably
    *(".m4p", ".wma", ".asf", ".ape"),
    *(".wv", ".mpc", ".mp+", ".tta", ".tak", ".ofr", ".shn", ".spx", ".ac3", ".eac3", ".ec3"),
    *(".dts", ".amr", ".awb", ".gsm", ".3gp", ".3ga", ".ra", ".rm", ".ram", ".mka", ".mkv"),
    *(".webm", ".weba", ".mov", ".m4v", ".avi", ".flv", ".mpg", ".mpeg", ".ogv", ".ogm", ".ogx"),
    *(".dsf", ".dff", ".aax", ".voc", ".svx", ".8svx", ".iff", ".paf", ".pvf", ".avr", ".raw"),
    ".pcm",
)
_MAGIC = re.compile(  # how sound begins whose name does not say what it is
    rb"RIFF....WAVE|RIFX....WAVE|RF64|BW64|riff\x2e\x91\xcf\x11|caff|FORM....AIF|\.snd\0|fLaC|OggS"
    rb"|ID3[\2-\4]|NIST_1A|....ftyp(?!heic|avif|mif1|crx)"
    rb"|\x30\x26\xb2\x75|\x1a\x45\xdf\xa3|MAC |wvpk|DSD |TTA1|MPCK",
    re.DOTALL,
)
_LONGEST = 4 * 3600  # seconds that `read_audio` takes into memory


@dataclass(frozen=True)
class ReadReport:
    """What was read and what was done to it. peak and rms: of the file itself, full scale is 1.

    silent: what became of it, at the rate and in the channels asked for.
    """

    probe: Header
    peak: float
    rms: float
    notes: tuple[str, ...]
    silent: bool

    def __str__(self) -> str:
        p = self.probe
        channels = channel_maps.describe_channels(p.channels)
        kind = f"{p.seconds:.2f} s, {p.rate:,} Hz, {channels}, {p.format}"
        return "; ".join((f"{p.path.name}: {kind}", *self.notes))


def find_audio_files(inputs: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files, folders (searched through) and patterns ('~/Music/*.mp3') -> sorted, unique paths.

    A file that is named is kept whatever its suffix, and in folders those of known but unreadable
    kinds are, for `read_header` to refuse. raises BadInput when nothing is found; where one of
    several leads to nothing, it is kept too.
    """
    asked = [os.fspath(item) for item in inputs]
    found: dict[Path, None] = {}
    empty = 0
    for item in asked:
        path = Path(item).expanduser()
        matches = [path] if path.exists() else [Path(m) for m in _globbed(path)]
        inside = [p for m in sorted(matches) for p in (_all_in(m) if m.is_dir() else [m])]
        empty += not inside
        found |= dict.fromkeys(inside or [path])
    if empty == len(asked):
        raise BadInput(f"no audio in {', '.join(asked) or 'an empty list'}: {GIVE}.")
    return list(found)


def audio_in(folder: Path) -> list[Path]:
    """All files below a folder whose suffix says audio, sorted, without hidden ones.

    raises BadInput where there are none.
    """
    found = _with_suffix(folder, taken_suffixes())
    if not found:
        more = unreadable_in(folder)
        readable = f" that can be read, only {count_suffixes(more)}" if more else ""
        raise BadInput(f"no audio in {folder}{readable}: {GIVE}.")
    return found


def taken_suffixes() -> tuple[str, ...]:
    """Endings of what is taken from a folder."""
    return (*_SUFFIXES, *mpeg4.SUFFIXES) if mpeg4.pyav_installed() else _SUFFIXES


def unreadable_in(folder: Path) -> list[Path]:
    """All files below a folder that are sound but not taken; `why_not` says why each."""
    return [p for p in _visible(folder) if why_not(p)]


def why_not(path: Path) -> str:
    """Why a file that is sound is not taken from a folder; '' where it is taken, or no sound.

    A file whose name says nothing of sound is known by its first bytes.
    """
    kind = path.suffix.lower()
    if kind in mpeg4.SUFFIXES:
        return (
            "" if mpeg4.pyav_installed() else f"cannot be read here without an extra: {mpeg4.EXTRA}"
        )
    if kind in UNREADABLE:
        return "cannot be read here: convert it to wav, flac, ogg or mp3"
    try:
        with path.open("rb") as file:
            sound = kind not in taken_suffixes() and _MAGIC.match(file.read(16))
    except OSError:
        sound = None
    return (
        "is sound by its first bytes, not by its name: end that in .wav, .mp3, ..." if sound else ""
    )


def count_suffixes(files: Iterable[Path]) -> str:
    """'8 m4a, 1 stem.mp4': files counted by their endings."""
    names = (path.name.lower() for path in files)
    counts = Counter("stem.mp4" if n.endswith(".stem.mp4") else _ending(n) for n in names)
    return ", ".join(f"{count} {ending}" for ending, count in sorted(counts.items()))


def _ending(name: str) -> str:
    return Path(name).suffix[1:] or "without an ending"


def _all_in(folder: Path) -> list[Path]:
    return sorted({*_with_suffix(folder, taken_suffixes()), *unreadable_in(folder)})


def _with_suffix(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    return [p for p in _visible(folder) if p.suffix.lower() in suffixes]


def _visible(folder: Path) -> list[Path]:
    """All files below a folder, sorted, without hidden ones."""
    return sorted(
        p
        for p in folder.rglob("*")
        if not any(part.startswith(".") for part in p.relative_to(folder).parts) and p.is_file()
    )


def _globbed(pattern: Path) -> list[str]:
    matches = glob.glob(str(pattern), recursive=True)
    return [
        m
        for m in matches
        if os.path.isdir(m) or Path(m).suffix.lower() in taken_suffixes() or why_not(Path(m))
    ]


def resampled_length(file: Header, sample_rate: int | None = None) -> int:
    """Samples after resampling: frames x target / source, rounded, a half upwards (as soxr)."""
    target = sample_rate or file.rate
    return (2 * file.frames * target + file.rate) // (2 * file.rate)


def stream_audio(
    path: str | os.PathLike[str] | Header,
    sample_rate: int | None = None,
    channels: int | None = None,
    block: int = 65_536,
    *,
    partial: bool = False,
    meter: Meter | None = None,
) -> Iterator[np.ndarray]:
    """Streams a file as arrays [block C] float32, the last one shorter, in constant memory.

    path: may be one of the file's `probing.read_track_headers`. Together exactly
    `resampled_length(read_header(path), sample_rate)` samples. None keeps the file's own rate or
    channels. raises BadInput at a NaN, and where a file breaks off unless `partial`: then silence
    fills it up to its promised length and `meter.damage` says so.
    """
    file = read_header(path)
    meter = meter if meter is not None else Meter()
    target = channels or file.channels
    ogg = file.format == "OGG"
    before = min(target, file.channels)  # fewer channels first: less to resample
    mapped = (
        channel_maps.convert(b, before, ogg) for b in decoding.decoded(file, block, partial, meter)
    )
    resampled = decoding.resampled(mapped, file.rate, sample_rate or file.rate, before)
    total = resampled_length(file, sample_rate)
    for piece in decoding.regrouped(resampled, block, total, before):
        made = channel_maps.convert(piece, target)
        meter.give(made)
        yield made


def read_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    channels: int | None = None,
    *,
    partial: bool = False,
    longest: float = _LONGEST,
) -> tuple[np.ndarray, ReadReport]:
    """A whole file as [T C] float32, and what was done to it. See `stream_audio`.

    longest: seconds; a small file can unpack to many gigabytes, so longer ones are refused.
    """
    file = read_header(path)
    refuse_longer(file, longest)
    meter = Meter()
    target = channels or file.channels
    audio = np.zeros((resampled_length(file, sample_rate), target), np.float32)
    at = 0
    for piece in stream_audio(path, sample_rate, channels, partial=partial, meter=meter):
        audio[at : at + len(piece)] = piece
        at += len(piece)
    return audio, report(file, meter, sample_rate, channels)


def refuse_longer(file: Header, longest: float = _LONGEST) -> None:
    """raises BadInput for a file of more than `longest` seconds."""
    if file.seconds > longest:
        raise BadInput(
            f"{file.path} lasts {file.seconds / 3600:.1f} h, more than {longest / 3600:.1f} h: "
            "cut it into pieces."
        )


def report(
    file: Header, meter: Meter, sample_rate: int | None = None, channels: int | None = None
) -> ReadReport:
    """What a meter saw when the file was streamed with these settings."""
    notes = [meter.damage] if meter.damage else []
    if sample_rate and sample_rate != file.rate:
        notes.append(f"resampled to {sample_rate:,} Hz")
    if channels and channels != file.channels:
        notes.append(f"mixed to {channel_maps.describe_channels(channels)}")
    if meter.peak > 1:
        notes.append(f"peaks at {20 * math.log10(meter.peak):+.1f} dBFS")
    if meter.silent and meter.rms >= SILENCE:
        notes.append("silent once mixed: its channels cancel")
    elif meter.silent:
        notes.append("silent (RMS below -60 dBFS)")
    return ReadReport(file, meter.peak, meter.rms, tuple(notes), meter.silent)
