"""Pages about a user's own files: one for each file, and one over all that lies in a folder.

An evaluation writes the page of a file, for it knows what there is to show; whose weights made it
is said by whoever loaded them (`sign`). What a folder's index shows, it reads from the folder.
"""

from __future__ import annotations

import html as markup
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import durable, escapes
from zoo.errors import BadInput
from zoo.pages import charts, html, recording, sounds
from zoo.pages.markup import escape_text, html_table, link, pairs, section, tag

PAGE_NAME = "page.html"
ABOUT = "<!-- made by -->"
_OURS = '<meta name="generator" content="waveform-zoo">'
DESCRIBED = re.compile(r'<meta name="description" content="([^"]*)">')
_HEAD = 4096  # bytes of a page that hold what it says of itself
_MOST = 500  # files that an index lists
STREAMED = 12  # files of an endless stream, the last ones, that it plays


def write_page(
    path: str | Path,
    title: str,
    body: str,
    *,
    files: Sequence[str] = (),
    script: str = "",
    data: Mapping[str, Any] | None = None,
    summary: str = "",
) -> Path:
    """The page of one file. body: HTML. files: names beside the page, linked where they are."""
    path = Path(path)
    there = [name for name in files if (path.parent / name).is_file()]
    links = (tag("a", escape_text(name), href=recording.quote(name)) for name in there)
    below = tag("p", *links, class_="files") if there else ""
    top = tag("header", tag("h1", escape_text(title)), ABOUT, class_="top")
    page = html.document(
        title,
        top + body + below,
        description=summary,
        styles=("own.css",),
        scripts=(script,) if script else (),
        data=data,
    )
    durable.write_atomically(path, page)
    return path


def sign(folder: Path, song: Path, summary: str, about: Mapping[str, Any]) -> Path:
    """Names the weights and their licence on the page in `folder`, which is made if there is none.

    about: what `zoo.runs.trained` knows of the weights: checkpoint, step, config, licence, ...
    """
    path = folder / PAGE_NAME
    if not path.is_file():
        write_page(path, song.name, _contents(folder))
    page = path.read_text(encoding="utf-8")
    page = page.replace(ABOUT, made_by(about), 1)
    said = f'<meta name="description" content="{escape_text(summary)}">'
    durable.write_atomically(path, DESCRIBED.sub(lambda _: said, page, count=1))
    return path


def made_by(about: Mapping[str, Any]) -> str:
    """The facts that stand below a page's title."""
    step = f" at step {about['step']:,}" if about.get("step") is not None else ""
    shown = {
        "weights": escape_text(f"{about.get('checkpoint', 'none')}{step}"),
        "config": escape_text(about.get("config", "")),
        "licence of the weights": escape_text(about.get("licence") or "your own training"),
    }
    if about.get("published"):
        shown["published at"] = link(str(about["published"]), str(about["published"]))
    return pairs(shown)


def _contents(folder: Path) -> str:
    """Everything that a folder holds, for results that have no page of their own."""
    stand = sounds.AudioBudget(folder, lossless=False, left=sounds.BUDGET, beside="")
    pictures = [
        tag(
            "div",
            f'<img src="{html.data_uri(p.read_bytes(), "image/png")}" alt="{escape_text(p.stem)}">',
            class_="plate",
        )
        for p in sorted(folder.glob("*.png"))
    ]
    players = [sounds.player(path, stand) for path in sorted(folder.glob("*.wav"))]
    others = (p for p in sorted(folder.iterdir()) if p.suffix not in (".png", ".wav", ".html"))
    links = [
        tag("a", escape_text(p.name), href=recording.quote(p.name)) for p in others if p.is_file()
    ]
    return section("Results", *pictures, *players, tag("p", *links, class_="files"))


def write_stems_page(folder: Path, song: Path, facts: Mapping[str, Any]) -> Path:
    """The page of a separated song: mixture and stems in sync, their levels. facts: info.json."""
    stand = sounds.AudioBudget(folder, lossless=False, left=sounds.BUDGET, beside="")
    tracks = [
        sounds.MixerTrack(
            "mixture", *sounds.place_sound(song, folder, stand, "mixture")[:2], "mixture"
        )
    ]
    inside = facts.get("tracks", {})  # of a file that holds all stems, which no browser plays
    for name, file in facts["files"].items():
        copy = escapes.file_name(name) if name in inside else ""
        laid = sounds.place_sound(folder / file, folder, stand, copy, inside.get(name, 0))
        tracks.append(sounds.MixerTrack(name, *laid[:2]))
    levels = [
        [name, f"{facts['rms_db'][name]:.1f}", f"{facts['peak'][name]:.3f}"]
        for name in facts["files"]
        if name in facts["rms_db"] and name in facts["peak"]
    ]
    left = "The mixture is silent."
    if facts["null_db"] is not None:
        left = (
            f"The mixture minus all stems lies {facts['null_db']:.1f} dB relative to the mixture."
        )
    seconds = facts["length"] / facts["rate"]
    body = section("Stems", sounds.mixer_of(song.name, tracks, seconds), lead=sounds.MIXER_HELP)
    body += section("Levels", html_table(["stem", "RMS, dB", "peak"], levels), lead=left)
    body += confidence(facts["confidence"]) if "confidence" in facts else ""
    files = [*dict.fromkeys(facts["files"].values()), "info.json"]
    return write_page(folder / PAGE_NAME, song.name, body, files=files)


def confidence(curves: Mapping[str, Any]) -> str:
    """How far the members of an ensemble agree on each stem, over the seconds of the song."""
    part = curves["seconds"]
    series = {
        name: [(round(i * part, 2), value) for i, value in enumerate(line)]
        for name, line in curves["db"].items()
    }
    last = max((points[-1][0] for points in series.values() if points), default=0)
    drawn = charts.chart(
        "Confidence, dB", series, max(last, 1), over="seconds of the song", read="% s"
    )
    lead = (
        "The level of each stem over what the members of the ensemble differ by: shifts, levels "
        "and checkpoints. Where it is low, the stem depends on them; it says nothing of errors "
        "that all members share."
    )
    return section("Confidence", tag("div", drawn, class_="charts"), lead=lead)


def index(out: Path, about: Mapping[str, Any]) -> Path | None:
    """out/page.html over all pages and sounds below `out`; None where a page of another is there.

    A sound is listed where the JSON of its name says what it is.
    """
    path = out / PAGE_NAME
    if path.is_file() and _OURS not in _head(path):
        print(
            escapes.terminal_line(f"{path} is not one of ours and stays: no index"), file=sys.stderr
        )
        return None
    pages = sorted(
        page for page in out.rglob(PAGE_NAME) if page.parent != out and _OURS in _head(page)
    )
    found = [(page, _said(page)) for page in pages[:_MOST]]
    made = _sounds_of(out)
    if not found and not made:
        return None
    rows = [
        tag(
            "tr",
            tag(
                "td",
                tag(
                    "a",
                    escape_text(page.parent.relative_to(out)),
                    href=recording.address(page, out),
                ),
            ),
            tag("td", escape_text(words)),
        )
        for page, words in found
    ]
    listed = tag("div", tag("table", tag("tbody", *rows), class_="plain"), class_="scroll")
    more = (
        f"{len(pages):,} files, the first {_MOST}"
        if len(pages) > _MOST
        else f"{len(pages):,} files"
    )
    body = section("Files", listed, lead=more) if found else ""
    title = f"{len(pages) + len(made)} results" if len(pages) + len(made) != 1 else "1 result"
    write_page(path, title, body + _players(out, made))
    sign(out, path, "", about)
    return path


def _head(page: Path) -> str:
    with page.open("rb") as file:
        return file.read(_HEAD).decode(errors="replace")


def _said(page: Path) -> str:
    """The summary that a page gives of itself."""
    found = DESCRIBED.search(_head(page))
    return markup.unescape(found[1]) if found else ""


def _sounds_of(out: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Sounds in `out` with what their JSON says of them; of endless streams the last."""
    made, streamed = [], []
    for note in sorted(out.glob("*.json")):
        try:
            facts = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if not isinstance(facts, dict):
            continue
        file = out / str(facts.get("file", ""))
        if file.parent == out and file.is_file() and "sha256" in facts:
            made.append((file, facts))
        elif file.parent == out and file.is_file() and isinstance(facts.get("stream"), dict):
            streamed.append((file, facts))
    return [*made[:_MOST], *sorted(streamed, key=lambda pair: _begins(pair[1]))[-STREAMED:]]


def _begins(facts: Mapping[str, Any]) -> int:
    """The first sample of a file of a stream."""
    first = facts.get("first_sample")
    return first if isinstance(first, int) else 0


def _players(out: Path, made: Sequence[tuple[Path, Mapping[str, Any]]]) -> str:
    """A player for each sound, after what it was made of."""
    stand = sounds.AudioBudget(out, lossless=False, left=sounds.BUDGET, beside="")
    shown = []
    for file, facts in made:
        request = facts.get("request") or facts.get("stream") or {}
        source = Path(str((request.get("input") or {}).get("file", "")))
        try:
            before = [original_player(source, out, stand)] if source.is_file() else []
        except (BadInput, OSError):  # moved or changed since
            before = []
        label = f"{file.name}, seed {request.get('seed', '-')}"
        below = _score(out, str(facts.get("midi", "")), file)
        shown.append(tag("div", *before, sounds.player(file, stand, label), *below, class_="pair"))
    return section("Sounds", *shown)


def _score(out: Path, midi: str, sound: Path) -> list[str]:
    """The piano roll of composed notes, where one is drawn beside their sound, and their MIDI."""
    if not midi or (out / midi).parent != out or not (out / midi).is_file():
        return []
    picture, shown = sound.with_suffix(".png"), []
    if picture.is_file():
        address = html.data_uri(picture.read_bytes(), "image/png")
        shown.append(tag("div", f'<img src="{address}" alt="{escape_text(midi)}">', class_="plate"))
    return [
        *shown,
        tag("p", tag("a", escape_text(midi), href=recording.quote(midi)), class_="files"),
    ]


def original_player(source: Path, out: Path, stand: sounds.AudioBudget) -> str:
    address, picture, seconds = sounds.place_sound(
        source, out, stand, escapes.file_name(source.stem)
    )
    return sounds.sound_player(
        address, picture, f"{source.name}, as it came in", f"{seconds:.1f} s"
    )
