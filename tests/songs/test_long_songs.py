"""What is held of a song while it is separated: no more of a long one than of a short one."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from zoo.audio import ogg_pages, stream_bytes
from zoo.pages import sounds
from zoo.songs.segments import Segments, echo
from zoo.songs.separating import Partner, Separator
from zoo.songs.spreads import Spread
from zoo.songs.stem_files import separate_file

RATE = 8000
SEGMENTS = Segments(8000, 7000, 6000, "fade")
HOW = Separator(SEGMENTS, RATE, 2, ("a", "b"))
BLIND = {"channels": 1, "stereo": "joint", "segments": replace(SEGMENTS, unordered=True)}
WAYS = {
    "resampled and normalised": ("wav", {"rate": 6000, "normalise": True}),
    "levelled, sums kept": ("ogg", {"loudness": -18.0, "keep_sum": True, "band": 3000.0}),
    "shifted, with what is left": ("flac", {"shifts": 2, "residual": True}),
    "channel by channel": ("wav", {"channels": 1}),
    "blind": ("wav", BLIND),
    "blended": ("wav", {"partners": (Partner(echo(SEGMENTS, 2), HOW, 0.5),)}),
    "an ensemble": ("mp3", {"spread": Spread()}),
}


def held(call, *arguments, **fields):
    """Bytes that Python and NumPy held at most."""
    tracemalloc.start()
    call(*arguments, **fields)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def noise(path, blocks):
    """A song of so many of the blocks in which it is read, 8 s and 0.5 MB of floats each."""
    block = np.random.default_rng(0).uniform(-0.1, 0.1, (65_536, 2))
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(blocks):
            file.write(block)
    return path


@pytest.mark.parametrize("way", WAYS)
def test_a_long_song_is_held_no_more_than_a_short_one(tmp_path, way):
    kind, fields = WAYS[way]
    how = replace(HOW, **fields)
    predict = echo(how.segments, 4 if how.spread else 2)

    def separated(blocks):
        song = noise(tmp_path / f"{blocks}.{kind}", blocks)
        return held(separate_file, predict, song, tmp_path / str(blocks), how)

    separated(1)  # what is imported does not count
    assert separated(6) < 1.1 * separated(3)


def test_a_sound_goes_into_a_page_block_by_block(tmp_path, monkeypatch):
    path = noise(tmp_path / "a.wav", 7)  # 3.7 MB as float32, less than 0.5 MB as MP3
    stand = sounds.AudioBudget(tmp_path, lossless=False, left=sounds.BUDGET)
    monkeypatch.setattr(sounds, "waveform_overview", lambda *_, **__: b"")
    assert held(sounds.place_sound, path, tmp_path, stand) < 3e6


def test_pages_of_an_ogg_are_checked_window_by_window(tmp_path, monkeypatch):
    windows, size = [], 70_000  # bytes, more than a page
    monkeypatch.setattr(stream_bytes, "WINDOW_BYTES", size)
    path = noise(tmp_path / "a.ogg", 3)

    class Watched(stream_bytes.ByteWindow):
        def __call__(self, start, stop):
            found = super().__call__(start, stop)
            windows.append(len(self._data))
            return found

    monkeypatch.setattr(ogg_pages, "ByteWindow", Watched)
    assert path.stat().st_size > 1.5 * size
    assert ogg_pages.damaged_after(path) is None
    assert max(windows) <= size
