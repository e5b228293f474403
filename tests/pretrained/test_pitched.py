"""A data set with its pitch: found once, cut with the audio, and refused beside other records."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from zoo.data.pitch_targets import CropFrames
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.pretrained.pitched import Pitched

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
    source = Pitched(Records(tmp_path / "records"), Tracker())
    assert source.blank()["f0"].shape == (10, 1)
    source.prepare()
    calls = len(CALLS)
    assert calls == 9  # three records of three splits
    source.prepare()
    assert len(CALLS) == calls
    found = source.open("train")
    assert [len(record["f0"]) for record in found] == [10, 10, 20]
    assert found[1]["f0"][0] == 0 and found[-2]["f0"][3] == 104
    crop = CropFrames(320, 64)(np.random.default_rng(0), found[2])
    assert crop["audio"].shape == (320, 1) and crop["f0"].shape == (5, 1)
    assert np.all(np.diff(crop["f0"][:, 0])[1:] == 1)
    with pytest.raises(BadInput, match="larger chunk_seconds"):
        CropFrames(1280, 64)(np.random.default_rng(0), found[0])


def test_curves_of_other_records_are_refused(tmp_path):
    Pitched(Records(tmp_path), Tracker()).prepare()
    with pytest.raises(BadInput, match="does not belong"):
        Pitched(Records(tmp_path, 2), Tracker()).open("train")
