"""What systems made, as files for pages: short sounds, pictures, and a JSON that says what is what.

    made.json   {licence, pieces: {name: shown}, weights: {name: {config, about, made: [...]}}}

where each of `made` is {command, shown: [...]} and `shown` has a label and what there is of sound,
picture and text.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import durable, escapes
from zoo.pages import gallery, sounds
from zoo.pages.gallery import Exhibit

_SECONDS, _FADE = 6.0, 0.1  # of a sound; of its end
_RATE = 22_050  # Hz at most: MP3 at lower rates takes half the bits
_LEVEL = 0.6  # of compression: 64 kbit/s; at 8 kHz none gives more
ACROSS = 900  # pixels of a picture at most
HEAVIEST = 40_000  # bytes of a picture
INDEX = "made.json"


def write_excerpts(
    folder: Path, pieces: Mapping[str, Path], exhibits: Sequence[Exhibit], licence: str
) -> list[Path]:
    """Files of all pieces and exhibits, in place of what stood there; returns them."""
    folder.mkdir(parents=True, exist_ok=True)
    old = {path for kind in ("*.mp3", "*.webp") for path in folder.glob(kind)}
    book = _Book(folder)
    index: dict[str, Any] = {
        "licence": licence,
        "pieces": {name: book.sound(path, name, f"piece-{name}") for name, path in pieces.items()},
        "weights": {one.name: _made(one, book) for one in exhibits},
    }
    durable.write_atomically(folder / INDEX, json.dumps(index, indent=1, ensure_ascii=False) + "\n")
    for path in old - set(book.written):
        path.unlink()
    return [*book.written, folder / INDEX]


def _made(exhibit: Exhibit, book: _Book) -> dict[str, Any]:
    made = []
    for number, (command, folder) in enumerate(zip(exhibit.commands, exhibit.folders)):
        stem = f"{escapes.file_name(exhibit.name.replace('/', '-'))}-{number}"
        made.append({"command": command, "shown": list(_shown(folder, book, stem))})
    return {"config": exhibit.config, "about": exhibit.about, "made": made}


def _shown(folder: Path, book: _Book, stem: str) -> Iterator[dict[str, str]]:
    """Of what stands in a folder, and in the folder of each piece or song."""
    for path in sorted(folder.glob("*.wav")):
        yield book.sound(path, path.stem, f"{stem}-{escapes.file_name(path.stem)}")
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        begin = f"{stem}-{escapes.file_name(inner.name)}"
        if (inner / "info.json").is_file():
            files = json.loads((inner / "info.json").read_text(encoding="utf-8"))["files"]
            for name, file in files.items():
                yield book.sound(inner / file, name, f"{begin}-{escapes.file_name(name)}")
            continue
        said = {}
        if (inner / "tags.json").is_file():
            said["text"] = gallery.strongest_tags(inner / "tags.json")
        for path in sorted(inner.glob("*.png")):
            about = {"label": f"{inner.name}, {path.stem}", **said}
            yield about | book.picture(path, f"{begin}-{escapes.file_name(path.stem)}")
            said = {}
        for path in sorted(inner.glob("*.mid")):
            if played := gallery.render_midi(path):
                yield book.sound(played, f"{inner.name}, the notes played", f"{begin}-played")


class _Book:
    """Writes files into a folder, and says how they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, list[Path]()

    def _keep(self, name: str, content: bytes) -> str:
        path = self.folder / name
        durable.write_atomically(path, content)
        self.written.append(path)
        return name

    def sound(self, path: Path, label: str, name: str) -> dict[str, str]:
        """The beginning of a sound as MP3, and its spectrogram."""
        audio, rate = _short(*sounds.read_sound(path))
        mp3 = self._keep(f"{name}.mp3", _as_mp3(audio, rate))
        seen = sounds.spectrogram_png(audio[:, None], rate, width=480, height=120)
        return {"label": label, "sound": mp3, "picture": self._keep(f"{name}.webp", _webp(seen))}

    def picture(self, path: Path, name: str) -> dict[str, str]:
        return {"picture": self._keep(f"{name}.webp", _webp(path.read_bytes()))}


def _short(audio: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """(the beginning of audio [T C], mono [T] and faded out; its rate)."""
    import soxr

    audio = audio[: round(_SECONDS * rate)].mean(1)
    if rate > _RATE:
        audio, rate = soxr.resample(audio, rate, _RATE), _RATE
    end = min(round(_FADE * rate), len(audio))
    audio = audio.copy()
    audio[len(audio) - end :] *= np.linspace(1, 0, end)
    return audio, rate


def _as_mp3(audio: np.ndarray, rate: int) -> bytes:
    """Mono audio [T] as MP3."""
    import soundfile

    memory = io.BytesIO()
    level = _LEVEL if rate >= 16_000 else 0.0
    how = {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": level}
    soundfile.write(memory, np.clip(audio, -1, 1), rate, **how)
    return memory.getvalue()


def _webp(picture: bytes) -> bytes:
    """A picture of at most 900 pixels across and 40 kB."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB")
    if image.width > ACROSS:
        image = image.resize((ACROSS, round(image.height * ACROSS / image.width)))
    content = b""
    for quality in (85, 70, 50, 30, 10):
        memory = io.BytesIO()
        image.save(memory, "WEBP", quality=quality, method=6)
        content = memory.getvalue()
        if len(content) <= HEAVIEST:
            break
    return content
