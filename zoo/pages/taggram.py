"""A page on which a song plays above its taggram: no server, no scripts from elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zoo.audio.blocks import Song, open_song, read_blocks, reblock
from zoo.pages import html, own, recording
from zoo.songs.taggram import Taggram

PEAKS = 1200
_FILES = ("tags.csv", "tags.json", "taggram.png")


def write_taggram(
    taggram: Taggram, path: str | Path, sound: str | Path, *, count: int = 20
) -> Path:
    """Writes the page: player, waveform and the `count` strongest tags, aligned with the playback.

    The song is embedded where it takes up to 6 MB as it is or as mp3, else laid beside the page.
    """
    song = open_song(sound)
    order = [taggram.labels.index(label) for label, _ in taggram.top(count)]
    data = {
        "duration": taggram.duration,
        "edges": np.round(taggram.edges, 4).tolist(),
        "labels": [taggram.labels[index] for index in order],
        "means": [round(float(taggram.mean[index]), 4) for index in order],
        "scores": np.round(taggram.scores[:, order].T, 4).tolist(),
        "peaks": np.round(_peaks(song), 3).tolist(),
    }
    source = recording.recording_address(song, Path(path).parent)
    body = html.fill_template("taggram.html", source=source)
    return own.write_page(path, song.path.name, body, files=_FILES, script="taggram.js", data=data)


def _peaks(song: Song) -> np.ndarray:
    """The largest magnitude in up to 1,200 equal stretches of the song, scaled to 1."""
    size = max(1, -(-song.length // PEAKS))
    peaks = [float(np.abs(block).max()) for block in reblock(read_blocks(song), size)]
    return np.array(peaks) / max(max(peaks, default=0.0), 1e-9)
