"""Sound in a page: encoded and embedded within a budget, each with its spectrogram to click on."""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.audio.blocks import open_song, read_blocks
from zoo.pages.html import data_uri
from zoo.pages.markup import section, tag, text

BUDGET = 8_000_000  # bytes of embedded audio in a page, as base64
MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
COLUMNS = 6  # steps shown side by side
FLOOR = 70  # dB below the loudest bin that are shown
ROLES = ("mixture", "estimated", "reference")
SAMPLES = "What the model made at these steps; loudness is as it came out."
STEMS = (
    "Everything plays in sync. S: hear this one alone; M: leave it out. "
    "At first all estimated stems sound together."
)


@dataclass
class AudioBudget:
    """Puts sounds into the page while they fit, then beside it. lossless: FLAC, else MP3."""

    directory: Path  # of the page
    lossless: bool
    left: int  # bytes

    def place(self, path: Path, audio: np.ndarray, rate: int) -> str:
        """The address of a sound [T C]: a data URI, or a file in report_files/."""
        content, kind = encode(audio, rate, self.lossless)
        uri = data_uri(content, kind)
        if len(uri) <= self.left:
            self.left -= len(uri)
            return uri
        inside = path.relative_to(self.directory)
        beside = self.directory / "report_files" / inside
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, beside)
        return beside.relative_to(self.directory).as_posix()


def audio_budget(directory: Path) -> AudioBudget:
    """Lossless where all sounds of the run fit so: an encoder's artefacts are not the model's."""
    songs = [open_song(path) for path in directory.glob("samples/**/*.wav")]
    songs += [open_song(path) for path in directory.glob("figures/*.wav")]
    size = sum(song.length * song.channels * 2 for song in songs)  # 16 bit
    return AudioBudget(directory, lossless=size <= BUDGET * 0.75, left=BUDGET)


def encode(audio: np.ndarray, rate: int, lossless: bool) -> tuple[bytes, str]:
    """(file content, media type) of audio [T C]."""
    import soundfile

    small = not lossless and rate in MP3_RATES and audio.shape[1] <= 2
    form = "MP3" if small and "MP3" in soundfile.available_formats() else "FLAC"
    memory = io.BytesIO()
    soundfile.write(memory, np.clip(audio, -1, 1), rate, format=form)
    return memory.getvalue(), {"MP3": "audio/mpeg", "FLAC": "audio/flac"}[form]


def read(path: Path) -> tuple[np.ndarray, int]:
    """(audio [T C] float32, rate). Raises BadInput where it is damaged."""
    song = open_song(path)
    nothing = np.zeros((0, song.channels), np.float32)
    return np.concatenate([nothing, *read_blocks(song)]), song.rate


def spectrogram(audio: np.ndarray, rate: int, width: int = 360, height: int = 96) -> bytes:
    """A PNG of audio [T C]: mel-spaced rows up to Nyquist, dB below the loudest bin."""
    import matplotlib
    from PIL import Image

    mono = audio.mean(1) if len(audio) else np.zeros(1, np.float32)
    size = 1 << int(np.log2(max(rate * 0.046, 32)))
    padded = np.pad(mono, (size // 2, size))
    starts = np.linspace(0, max(len(mono) - 1, 0), width).astype(int)
    frames = padded[starts[:, None] + np.arange(size)] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)) ** 2
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), height)
    bins = 700 * (10 ** (mels / 2595) - 1) / rate * size
    rows = np.stack([np.interp(bins, np.arange(power.shape[1]), column) for column in power], 1)
    level = 10 * np.log10(rows / max(rows.max(), 1e-9) + 1e-12)
    shade = np.clip(255 * (1 + level / FLOOR), 0, 255).astype(np.uint8)[::-1]
    image = Image.fromarray(shade, "P")
    colours = matplotlib.colormaps["magma"](np.arange(256))[:, :3]
    image.putpalette((colours * 255).astype(np.uint8).tobytes())
    memory = io.BytesIO()
    image.save(memory, "PNG", optimize=True)
    return memory.getvalue()


def player(path: Path, stand: AudioBudget, label: str = "") -> str:
    """A spectrogram that plays when clicked, with its length."""
    audio, rate = read(path)
    picture = data_uri(spectrogram(audio, rate), "image/png")
    facts = f"{len(audio) / rate:.1f} s"
    return sound(stand.place(path, audio, rate), picture, label or path.stem, facts)


def sound(
    address: str, picture: str, label: str, facts: str = "", span: tuple[float, ...] = (0, 1)
) -> str:
    """A player on a picture, time running from span[0] to span[1] of its width."""
    start, end = span
    face = tag(
        "div", f'<img src="{picture}" alt="{text(label)}">', tag("i", class_="cursor"),
        class_="face", data_start=f"{start:.4f}", data_end=f"{end:.4f}",
    )  # fmt: skip
    button = tag("button", "▶", type="button", aria_label=f"play {label}")
    line = tag("figcaption", button, tag("span", text(label)), tag("small", text(facts)))
    audio = tag("audio", src=address, preload="metadata")
    return tag("figure", face, line, audio, class_="sound")


def samples(directory: Path, stand: AudioBudget) -> str:
    """RUN/samples/STEP/*.wav: a column per step, at most six, the last one included."""
    folders = [p for p in (directory / "samples").glob("*") if p.is_dir() and p.name != "stems"]
    folders = sorted((p for p in folders if any(p.glob("*.wav"))), key=by_step)
    if not folders:
        return ""
    if len(folders) > COLUMNS:
        chosen = np.linspace(0, len(folders) - 1, COLUMNS).round().astype(int)
        folders = [folders[index] for index in chosen]
    columns = [
        tag(
            "div", tag("h3", text(step_name(folder.name))),
            *(player(path, stand) for path in sorted(folder.glob("*.wav"))),
        )
        for folder in folders
    ]  # fmt: skip
    style = f"--columns:{len(columns)}"
    return section("Samples", tag("div", *columns, class_="steps", style=style), lead=SAMPLES)


def by_step(folder: Path) -> tuple[int, str]:
    return (int(folder.name), "") if folder.name.isdecimal() else (1 << 60, folder.name)


def step_name(name: str) -> str:
    return f"step {int(name):,}" if name.isdecimal() else name.replace("_", " ")


def stems(directory: Path, stand: AudioBudget) -> str:
    """RUN/samples/stems/SONG/*.wav: mixture, estimates, and NAME.reference as mixers."""
    folders = sorted(p for p in (directory / "samples" / "stems").glob("*") if p.is_dir())
    mixers = [mixer(folder, stand) for folder in folders if any(folder.glob("*.wav"))]
    return section("Separated songs", *mixers, lead=STEMS)


def mixer(folder: Path, stand: AudioBudget) -> str:
    """One song's mixture, stems and references, played in sync."""
    files = sorted(folder.glob("*.wav"), key=lambda path: (role(path), path.name))
    rows, seconds = [], 0.0
    for path in files:
        audio, rate = read(path)
        seconds = max(seconds, len(audio) / rate)
        picture = data_uri(spectrogram(audio, rate, 900, 56), "image/png")
        rows.append(mixer_row(path, stand.place(path, audio, rate), picture))
    head = tag(
        "header", tag("button", "▶", type="button", class_="play", aria_label="play or pause"),
        tag("b", text(folder.name)), tag("output", f"0:00 / {clock(seconds)}"),
    )  # fmt: skip
    return tag("div", head, *rows, class_="mixer", data_seconds=f"{seconds:.3f}")


def role(path: Path) -> int:
    """What went in, what came out, what was meant."""
    if path.stem in ("mixture", "mix"):
        return 0
    return 2 if path.stem.endswith(".reference") else 1


def mixer_row(path: Path, address: str, picture: str) -> str:
    kind = ROLES[role(path)]
    name = path.stem.removesuffix(".reference")
    buttons = (
        tag("button", letter, type="button", class_=word, aria_label=f"{word} {kind} {name}",
            aria_pressed=str(word == "mute" and kind != "estimated").lower())
        for letter, word in (("S", "solo"), ("M", "mute"))
    )  # fmt: skip
    face = tag(
        "div", f'<img src="{picture}" alt="">', tag("i", class_="cursor"), class_="face",
        data_start="0", data_end="1",
    )  # fmt: skip
    title = tag("div", tag("span", text(name)), tag("small", "" if kind == name else kind))
    return tag("div", title, *buttons, face, class_=f"track {kind}", data_src=address)


def clock(seconds: float) -> str:
    return f"{int(seconds // 60)}:{int(seconds % 60):02}"
