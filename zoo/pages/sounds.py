"""Sound in a page: encoded and embedded within a budget, each with its spectrogram to click on."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.audio.audio_writing import MP3_RATES
from zoo.audio.blocks import Blocks, Song, open_song, read_blocks, reblock
from zoo.pages import recording
from zoo.pages.html import data_uri
from zoo.pages.markup import escape_text, tag

BUDGET = 8_000_000  # bytes of embedded audio in a page, as base64
_FLOOR = 70  # dB below the loudest bin that are shown
MIXER_HELP = (
    "Everything plays in sync. S: play this one alone; M: leave it out. "
    "At first all estimated stems sound together."
)


@dataclass
class AudioBudget:
    """Puts sounds into the page while they fit, then beside it. lossless: FLAC, else MP3.

    beside: folder into which what does not fit is copied; "" where it may be linked as it lies.
    """

    directory: Path  # of the page
    lossless: bool
    left: int  # bytes
    beside: str = "report_files"

    def place(self, path: Path, audio: np.ndarray, rate: int) -> str:
        """The address of a sound [T C]: a data URI, or a file in report_files/."""
        return self.place_blocks(path, [audio], rate, audio.shape[1])

    def place_blocks(self, path: Path, blocks: Blocks, rate: int, channels: int) -> str:
        """As `place`, of a sound in blocks [n C], which is never held whole."""
        content, kind = _encode(blocks, rate, channels, self.lossless)
        uri = data_uri(content, kind)
        if len(uri) <= self.left:
            self.left -= len(uri)
            return uri
        return self.aside(path)

    def aside(self, path: Path) -> str:
        """The address of a sound that stays outside the page."""
        inside = path.relative_to(self.directory)
        if not self.beside:
            return recording.address(path, self.directory)
        beside = self.directory / self.beside / inside
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, beside)
        return recording.address(beside, self.directory)


def _encode(blocks: Blocks, rate: int, channels: int, lossless: bool) -> tuple[bytes, str]:
    """(file content, media type) of audio in blocks [n C]."""
    import soundfile

    small = not lossless and rate in MP3_RATES and channels <= 2
    form = "MP3" if small and "MP3" in soundfile.available_formats() else "FLAC"
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", rate, channels, format=form) as file:
        for block in blocks:
            file.write(np.clip(block, -1, 1))
    return memory.getvalue(), {"MP3": "audio/mpeg", "FLAC": "audio/flac"}[form]


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """(audio [T C] float32, rate) of a file that the zoo wrote. Raises BadInput without sound."""
    song = open_song(path)
    return _joined(song, ours=True), song.rate


def _read(song: Song, ours: bool) -> Blocks:
    """Blocks [n C]. ours: of a file that the zoo wrote, whose floats may exceed full scale."""
    import soundfile

    if not ours:
        return read_blocks(song)
    return soundfile.blocks(song.path, 65_536, dtype="float32", always_2d=True)


def _joined(song: Song, ours: bool) -> np.ndarray:
    return np.concatenate([np.zeros((0, song.channels), np.float32), *_read(song, ours)])


def frame_size(rate: int) -> int:
    """Samples of a spectrogram's window: a power of two of some 46 ms."""
    return 1 << int(np.log2(max(rate * 0.046, 32)))


def spectrogram_png(audio: np.ndarray, rate: int, width: int = 360, height: int = 96) -> bytes:
    """A PNG of audio [T C]: mel-spaced rows up to Nyquist, dB below the loudest bin."""
    mono = audio.mean(1) if len(audio) else np.zeros(1, np.float32)
    size = frame_size(rate)
    padded = np.pad(mono, (size // 2, size))
    starts = np.linspace(0, max(len(mono) - 1, 0), width).astype(int)
    return _painted(padded[starts[:, None] + np.arange(size)], rate, height)


def _painted(frames: np.ndarray, rate: int, height: int) -> bytes:
    """The spectra of frames [F N], a column each, as a PNG."""
    import matplotlib
    from PIL import Image

    size = frames.shape[1]
    power = np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), height)
    bins = 700 * (10 ** (mels / 2595) - 1) / rate * size
    rows = np.stack([np.interp(bins, np.arange(power.shape[1]), column) for column in power], 1)
    level = 10 * np.log10(rows / max(rows.max(), 1e-9) + 1e-12)
    shade = np.clip(255 * (1 + level / _FLOOR), 0, 255).astype(np.uint8)[::-1]
    image = Image.fromarray(shade, "P")
    colours = matplotlib.colormaps["magma"](np.arange(256))[:, :3]
    image.putpalette((colours * 255).astype(np.uint8).tobytes())
    memory = io.BytesIO()
    image.save(memory, "PNG", optimize=True)
    return memory.getvalue()


def sound_player(
    address: str, picture: str, label: str, facts: str = "", span: tuple[float, ...] = (0, 1)
) -> str:
    """A player on a picture, time running from span[0] to span[1] of its width."""
    start, end = span
    face = tag(
        "div",
        f'<img src="{picture}" alt="{escape_text(label)}">',
        tag("i", class_="cursor"),
        class_="face",
        data_start=f"{start:.4f}",
        data_end=f"{end:.4f}",
    )
    button = tag("button", "▶", type="button", aria_label=f"play {label}")
    line = tag(
        "figcaption", button, tag("span", escape_text(label)), tag("small", escape_text(facts))
    )
    audio = tag("audio", src=address, preload="metadata")
    return tag("figure", face, line, audio, class_="sound")


def clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"


def player(path: Path, stand: AudioBudget, label: str = "") -> str:
    """A spectrogram that plays when clicked, with its length."""
    address, picture, seconds = place_sound(path, stand.directory, stand)
    return sound_player(address, picture, label or path.stem, f"{seconds:.1f} s")


def place_sound(
    path: Path, folder: Path, stand: AudioBudget, name: str = "", track: int = 0
) -> tuple[str, str, float]:
    """(address, spectrogram as an address, seconds) of a sound of any length.

    name: given for a sound from elsewhere, of which a copy is laid beside the page of `folder`.
    track: of a file of several.
    """
    song = open_song(path, track)
    seconds = song.length / song.rate
    picture = data_uri(waveform_overview(song, ours=not name), "image/png")
    if name:
        found = recording.recording_address(song, folder, name, stand.left)
        stand.left -= len(found) if found.startswith("data:") else 0
        return found, picture, seconds
    if seconds * recording.BYTES_PER_SECOND > stand.left:  # not worth encoding it
        return stand.aside(path), picture, seconds
    blocks = _read(song, ours=True)
    return stand.place_blocks(path, blocks, song.rate, song.channels), picture, seconds


def waveform_overview(
    song: Song, width: int = 900, height: int = 96, *, ours: bool = False
) -> bytes:
    """As `spectrogram_png`; of a long song without ever holding it whole.

    ours: of a file that the zoo wrote, in which positions may be sought.
    """
    hop = -(-song.length // width)
    if hop < frame_size(song.rate):
        return spectrogram_png(_joined(song, ours), song.rate, width, height)
    blocks = _sought(song, hop) if ours else reblock(read_blocks(song), hop)
    # Cut, then averaged: a view of the mean would keep all of its block.
    frames = [block[: frame_size(song.rate)].mean(1) for block in blocks]
    frames = [np.pad(frame, (0, frame_size(song.rate) - len(frame))) for frame in frames[:width]]
    return _painted(np.stack(frames), song.rate, height)


def _sought(song: Song, hop: int) -> Iterator[np.ndarray]:
    """The beginnings [n C] of every `hop` samples of a WAV or FLAC."""
    import soundfile

    with soundfile.SoundFile(song.path) as file:
        for start in range(0, song.length, hop):
            file.seek(start)
            yield file.read(frame_size(song.rate), dtype="float32", always_2d=True)


@dataclass(frozen=True)
class MixerTrack:
    """One line of a mixer. picture: the address of its spectrogram."""

    name: str
    address: str
    picture: str
    role: str = "estimated"  # mixture, estimated or reference


def mixer_of(title: str, tracks: Sequence[MixerTrack], seconds: float) -> str:
    """Sounds that play in sync, each alone or left out."""
    head = tag(
        "header",
        tag("button", "▶", type="button", class_="play", aria_label="play or pause"),
        tag("b", escape_text(title)),
        tag("output", f"0:00 / {clock(seconds)}"),
    )
    return tag("div", head, *map(_line, tracks), class_="mixer", data_seconds=f"{seconds:.3f}")


def _line(track: MixerTrack) -> str:
    buttons = (
        tag(
            "button",
            letter,
            type="button",
            class_=word,
            aria_label=f"{word} {track.role} {track.name}",
            aria_pressed=str(word == "mute" and track.role != "estimated").lower(),
        )
        for letter, word in (("S", "solo"), ("M", "mute"))
    )
    face = tag(
        "div",
        f'<img src="{track.picture}" alt="">',
        tag("i", class_="cursor"),
        class_="face",
        data_start="0",
        data_end="1",
    )
    said = "" if track.role == track.name else track.role
    title = tag("div", tag("span", escape_text(track.name)), tag("small", said))
    return tag("div", title, *buttons, face, class_=f"track {track.role}", data_src=track.address)
