"""A page of what a chain of systems made of a recording: sounds to play, notes as piano rolls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo.pages import html, own, recording, sounds
from zoo.pages.markup import escape_text, section, tag


def write_stages_page(folder: Path, song: Path, titles: Mapping[str, str]) -> Path:
    """folder/page.html. titles: of each .mid and .wav in the folder, in order."""
    stand = sounds.AudioBudget(folder, lossless=False, left=sounds.BUDGET, beside="")
    body = section("Recording", own.original_player(song, folder, stand))
    for name, title in titles.items():
        path = folder / name
        shown = _roll(path) if path.suffix == ".mid" else sounds.player(path, stand, name)
        body += section(title, shown)
    return own.write_page(folder / own.PAGE_NAME, song.name, body, files=[*titles, "info.json"])


def _roll(midi: Path) -> str:
    """The piano roll beside a MIDI file, where it could be drawn, and a link to the file."""
    link = tag(
        "p", tag("a", escape_text(midi.name), href=recording.quote(midi.name)), class_="files"
    )
    picture = midi.with_suffix(".png")
    if not picture.is_file():
        return link
    address = html.data_uri(picture.read_bytes(), "image/png")
    return (
        tag("div", f'<img src="{address}" alt="{escape_text(midi.name)}">', class_="plate") + link
    )
