"""The gallery: what systems did to the same pieces, on one page that holds all of its sounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import BadInput
from zoo.pages import html, sounds
from zoo.pages.markup import escape_text, section, tag
from zoo.pages.sounds import AudioBudget, MixerTrack

_TITLE = "What the systems do to the same eight bars"
_PLAYED = 16_000  # Hz, of transcriptions
_TAGS = 6  # that are listed of a piece


@dataclass(frozen=True)
class Exhibit:
    """name, config, about: of the weights. commands: as typed, each into one of `folders`."""

    name: str
    config: str
    about: str
    commands: tuple[str, ...]
    folders: tuple[Path, ...]


def gallery_page(pieces: Mapping[str, Path], exhibits: Sequence[Exhibit], licence: str) -> str:
    """The whole page as HTML. pieces: name -> sound."""
    stand = AudioBudget(Path(), lossless=False, left=1 << 40, beside="")
    top = tag(
        "header", tag("h1", escape_text(_TITLE)), tag("p", escape_text(licence)), class_="top"
    )
    given = [sounds.player(path, stand, name) for name, path in pieces.items()]
    contents = tag("p", " ".join(map(_link, exhibits)), class_="files")
    parts = [top, section("The pieces", contents, *given)]
    parts += [_shown(one, stand) for one in exhibits]
    return html.document(_TITLE, "".join(parts), styles=("own.css",))


def _link(exhibit: Exhibit) -> str:
    return tag("a", escape_text(exhibit.name), href=f"#{_anchor(exhibit)}")


def _anchor(exhibit: Exhibit) -> str:
    return exhibit.name.replace("/", "-")


def _shown(exhibit: Exhibit, stand: AudioBudget) -> str:
    """A section: each command, then what it made."""
    made = [
        tag(
            "div",
            tag("pre", tag("code", escape_text(command))),
            *_contents(folder, stand),
            class_="pair",
        )
        for command, folder in zip(exhibit.commands, exhibit.folders)
    ]
    body = section(exhibit.name, *made, lead=exhibit.about)
    return tag("div", body, id=_anchor(exhibit))


def _contents(folder: Path, stand: AudioBudget) -> Iterator[str]:
    """Of the files beside one another and of each piece's folder."""
    for path in sorted(folder.glob("*.wav")):
        if path.with_suffix(".png").is_file():
            yield _picture(path.with_suffix(".png"))
        yield sounds.player(path, stand)
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if (inner / "info.json").is_file():
            yield _mixer(inner, stand)
        else:
            yield from _findings(inner, stand)


def _mixer(folder: Path, stand: AudioBudget) -> str:
    """The stems of a song in sync."""
    facts = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    tracks = [
        MixerTrack(name, *sounds.place_sound(folder / file, stand.directory, stand)[:2])
        for name, file in facts["files"].items()
    ]
    return sounds.mixer_of(folder.name, tracks, facts["length"] / facts["rate"])


def _findings(folder: Path, stand: AudioBudget) -> Iterator[str]:
    """Pictures, the strongest tags, and a transcription as it sounds on a piano."""
    yield tag("h3", escape_text(folder.name))
    if (folder / "tags.json").is_file():
        yield tag("p", escape_text(strongest_tags(folder / "tags.json")))
    for path in sorted(folder.glob("*.png")):
        yield _picture(path)
    for path in sorted(folder.glob("*.mid")):
        if sound := render_midi(path):
            yield sounds.player(sound, stand, "the notes that were found, played")


def _picture(path: Path) -> str:
    address = html.data_uri(path.read_bytes(), "image/png")
    image = f'<img src="{address}" alt="{escape_text(path.stem)}">'
    return tag("div", tag("figure", image), class_="plate")


def strongest_tags(path: Path) -> str:
    """'guitar 0.61, ...' out of tags.json."""
    means = json.loads(path.read_text(encoding="utf-8"))["tags"]
    best = sorted(means.items(), key=lambda pair: -pair[1])[:_TAGS]
    return ", ".join(f"{name} {score:.2f}" for name, score in best)


def render_midi(midi: Path) -> Path | None:
    """A WAV of the notes beside them; None where there are none."""
    import soundfile

    from zoo.data.midi import read_notes
    from zoo.data.score_render.instrument import Instrument

    try:
        notes = read_notes(midi)
    except BadInput:  # which says that it holds none
        return None
    samples = round((float(np.max(notes["offset"])) + 1) * _PLAYED)
    target = midi.with_suffix(".wav")
    soundfile.write(target, Instrument(rate=_PLAYED).play(notes, 0, samples), _PLAYED)
    return target
