"""MAESTRO's builder on a miniature tree of the right names, columns and rates."""

import csv

import numpy as np
import pretty_midi
import pytest
import soundfile

from zoo.data.sets.maestro import Maestro
from zoo.data.track_crops import TrackCrop, crops
from zoo.errors import BadInput
from zoo.evaluation.transcription import whole_pieces

HEADER = (
    "canonical_composer",
    "canonical_title",
    "split",
    "year",
    "midi_filename",
    "audio_filename",
    "duration",
)
ONSETS = np.arange(0.25, 4.0, 0.5)


def performance(root, name, split, rate):
    """4.1 s of stereo with a click at every onset, and its MIDI."""
    (root / "2018").mkdir(parents=True, exist_ok=True)
    audio = np.random.default_rng(0).normal(0, 0.01, (int(4.1 * rate), 2))
    audio[(ONSETS * rate).astype(int)] = 0.9
    soundfile.write(root / f"2018/{name}.wav", audio, rate, "PCM_16")
    score, piano = pretty_midi.PrettyMIDI(resolution=1000), pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(80 + i, 60 + i, t, t + 0.4) for i, t in enumerate(ONSETS)]
    score.instruments.append(piano)
    score.write(str(root / f"2018/{name}.midi"))
    files = (f"2018/{name}.midi", f"2018/{name}.wav")
    return ("Nobody", "Clicks, Op. 1", split, "2018", *files, "4.1")


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "maestro-v3.0.0"
    rows = [
        performance(root, "a", "train", 44_100),
        performance(root, "b", "train", 48_000),
        performance(root, "c", "validation", 44_100),
        performance(root, "d", "test", 44_100),
    ]
    with open(root / "maestro-v3.0.0.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return root


def test_notes_follow_a_crop_across_records(tree, tmp_path):
    source = Maestro(str(tree), 16_000, 1.0, 1, str(tmp_path / "data"))
    source.prepare()
    cut = crops(source.open("train"), TrackCrop(20_480, hop=512, draw="window"))
    across = 0
    for number in range(len(cut)):
        example = cut.draw(number, np.random.default_rng(number))
        onset, pitch = example["notes"]["onset"], example["notes"]["pitch"]
        clicks = np.flatnonzero(np.abs(example["audio"][:, 0]) > 6000) / 16_000
        inside = (onset > 0.01) & (onset < 1.28 - 0.01)
        for time in onset[inside]:
            assert np.abs(clicks - time).min() < 2e-3
        for click in clicks:
            assert np.abs(onset - click).min() < 2e-3
        start = 512 * (number % (len(cut) // 2)) / 16_000
        np.testing.assert_allclose(onset, ONSETS[pitch - 60] - start, atol=2e-3)
        across += inside.sum() > 1
    assert across > len(cut) // 2


def test_builds_chunks_whose_notes_are_their_own(tree, tmp_path):
    source = Maestro(str(tree), 16_000, 1.0, 1, str(tmp_path / "data"))
    source.prepare()
    train = source.open("train")
    blank = source.blank()
    assert {str(r["track"]) for r in train} == {"2018/a.wav", "2018/b.wav"} and len(train) == 8
    for record in train:
        assert set(blank) <= set(record) and record["audio"].dtype == np.int16
        onset = record["notes"]["onset"]
        clicks = np.flatnonzero(np.abs(record["audio"][:, 0]) > 6000)
        near = onset[(onset >= 0) & (onset < len(record["audio"]) / 16_000 - 0.01)]
        assert len(near) >= 1 and record["loudest"] == 80 + len(ONSETS) - 1
        for time in near:
            assert np.abs(clicks / 16_000 - time).min() < 2e-3
    (piece,) = whole_pieces(source.open("test"), 16_000)
    np.testing.assert_allclose(piece.notes["onset"], ONSETS, atol=2e-3)
    np.testing.assert_allclose(piece.notes["offset"], ONSETS + 0.4, atol=2e-3)
    np.testing.assert_array_equal(piece.notes["pitch"], 60 + np.arange(len(ONSETS)))
    assert abs(len(piece.audio) - 4.1 * 16_000) <= 1


def test_says_what_is_missing(tree, tmp_path):
    with pytest.raises(BadInput, match=r"1,272 of 1,276 performances are missing: train 2 of 962"):
        Maestro(str(tree)).prepare()
    with pytest.raises(BadInput, match=r"no|holds 0 files maestro"):
        Maestro(str(tmp_path / "nowhere")).prepare()
    (tree / "2018/b.midi").unlink()
    source = Maestro(str(tree), 16_000, 1.0, 1, str(tmp_path / "data"))
    source.prepare()
    assert {str(r["track"]) for r in source.open("train")} == {"2018/a.wav"}
