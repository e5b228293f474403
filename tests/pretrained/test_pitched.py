"""A data set with its pitch: found once, cut with the audio, and refused beside other records."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from zoo.data import tracks
from zoo.data.source import Info
from zoo.data.tracks import Track
from zoo.errors import BadInput
from zoo.pretrained.pitched import PitchedRecords, WithPitch

CALLS = []


def tracker_of(audio, hop):
    """Reads the pitch off the first sample; unsure about the first frame."""
    CALLS.append(len(audio))
    frames = -(-len(audio) // hop)
    confidence = np.ones(frames)
    confidence[0] = 0.2
    return np.arange(frames) + round(float(audio[0]) * 32768), confidence


@dataclass(frozen=True)
class Tracker:
    weights: str = "none"

    def __call__(self, audio, hop):
        return tracker_of(audio, hop)


@dataclass(frozen=True)
class Records:
    directory: Path
    count: int = 3

    @property
    def info(self):
        return Info("toy", 16_000, 1, (), "none", "none")

    def blank(self):
        return {"audio": np.zeros((640, 1), np.int16), "track": ""}

    def prepare(self):
        self.directory.mkdir(exist_ok=True)

    def open(self, split):
        lengths = [640, 700, 1280][: self.count]
        return [
            {"audio": np.full((n, 1), 100 + i, np.int16), "track": str(i)}
            for i, n in enumerate(lengths)
        ]


def test_pitch_is_found_once_and_goes_with_the_audio(tmp_path):
    source = PitchedRecords(Records(tmp_path / "records"), Tracker())
    assert source.blank()["f0"].shape == (10, 1)
    source.prepare()
    calls = len(CALLS)
    assert calls == 9  # three records of three splits
    source.prepare()
    assert len(CALLS) == calls
    found = source.open("train")
    assert [len(record["f0"]) for record in found] == [10, 10, 20]
    assert found[1]["f0"][0] == 0 and found[-2]["f0"][3] == 104


class OneTrack(list):
    """Records of one track of 1,400 samples."""

    def track_index(self):
        return (Track("long", 0, 2, 1400, 0.0, 0.0, 0.0, ""),)

    def window(self, *which):
        return tracks.read_window(self, *which)


def test_a_window_across_records_has_the_pitch_of_both(tmp_path):
    """Of the nearest frame of the record that a frame lies in; none behind the end."""
    place = {"track": "long", "chunks": 2, "length": 700}
    pieces = [{"audio": np.zeros((700, 1), np.int16), "chunk": c, **place} for c in range(2)]
    np.save(tmp_path / "f0.npy", np.array([np.arange(12), 100 + np.arange(12)], np.float32))
    found = WithPitch(OneTrack(pieces), str(tmp_path / "f0.npy"), 64)
    (track,) = found.track_index()
    for start, wanted in {640: [9, 100, 101, 102, 103], 1280: [109, 109, 0, 0, 0]}.items():
        example = found.window(track, start, 320, 0, np.random.default_rng(0))
        assert example["audio"].shape == (320, 1)
        np.testing.assert_array_equal(example["f0"][:, 0], np.float32(wanted))


def test_curves_of_other_records_are_refused(tmp_path):
    PitchedRecords(Records(tmp_path), Tracker()).prepare()
    with pytest.raises(BadInput, match="does not belong"):
        PitchedRecords(Records(tmp_path, 2), Tracker()).open("train")
