"""Windows of a clip follow one another, whatever batch the reading begins at."""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest

from zoo.data import tracks
from zoo.data.levels import MinMax, min_max
from zoo.data.source import Info
from zoo.data.track_crops import TrackCrop
from zoo.data.tracks import Track
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.data.windows import Windows
from zoo.errors import BadInput


@dataclass(frozen=True)
class Ramps:
    """Records whose samples tell which record and which place they are of."""

    info = Info("ramps", 16_000, 1, (), "none", "")

    def blank(self):
        return {"audio": np.zeros((23, 1), np.int16), "track": "", "chunk": 0}

    def open(self, split):
        place = np.arange(23, dtype=np.int16)[:, None]
        return [{"audio": 100 * r + place, "track": f"r{r}", "chunk": 0} for r in range(7)]


DATA = Windows(Ramps(), (Crop(21), ToFloat(), Keep("audio")), samples=5)


def read(first, count, **options):
    rows = islice(DATA.batches(2, 3, first, **options), count)
    return [{k: v.copy() for k, v in row.items()} for row in rows]


def test_windows_of_a_clip_follow_one_another_and_the_first_is_marked():
    batches = read(0, 12)
    assert DATA.per_clip == 4
    for group in range(3):
        four = batches[4 * group : 4 * group + 4]
        assert [bool(b["reset"].all()) for b in four] == [True, False, False, False]
        assert not any(b["reset"].any() for b in four[1:])
        whole = np.concatenate([b["audio"] for b in four], 1) * 32768
        np.testing.assert_array_equal(np.diff(whole[..., 0]), 1)
        records = [int(row[0, 0] // 100) for row in whole]
        assert DATA.names(2, 3, 4 * group + 2) == [f"r{r}" for r in records]
    assert batches[0].keys() == DATA.spec(2).keys() == {"audio", "reset"}
    for key, value in DATA.spec(2).items():
        assert value.shape == batches[0][key].shape and value.dtype == batches[0][key].dtype


def test_a_split_once_is_every_window_of_every_clip():
    """What selection by the validation loss reads; the last batch is smaller."""
    found = [b["audio"][..., 0] * 32768 for b in DATA.once("validation", 2, 0)]
    assert [len(rows) for rows in found] == 3 * 4 * [2] + 4 * [1]
    for index, rows in enumerate(found):
        assert (rows[:, 0] // 100).tolist() == [2 * (index // 4) + row for row in range(len(rows))]
        np.testing.assert_array_equal(np.diff(rows), 1)


def test_any_batch_can_be_the_first_and_processes_share_the_rows():
    batches = read(0, 11)
    for begun in (1, 4, 6):
        for later, batch in zip(read(begun, 5), batches[begun:]):
            np.testing.assert_array_equal(later["audio"], batch["audio"])
            np.testing.assert_array_equal(later["reset"], batch["reset"])
    halves = [read(2, 5, process=p, processes=2) for p in range(2)]
    for one, other, batch in zip(*halves, batches[2:]):
        both = np.concatenate([one["audio"], other["audio"]])
        np.testing.assert_array_equal(both, batch["audio"])


def test_min_max_fills_the_range_and_leaves_silence():
    audio = np.random.default_rng(0).uniform(-0.2, 0.5, (50, 1)).astype(np.float32)
    scaled = MinMax()(None, {"audio": audio, "track": "a"})["audio"]
    slope, offset = np.polyfit(audio[:, 0], scaled[:, 0], 1)
    np.testing.assert_allclose(audio * slope + offset, scaled, atol=1e-5)
    assert scaled.min() == -1 and scaled.max() == 1 and scaled.dtype == np.float32
    assert not min_max(np.zeros((9, 1), np.float32)).any()


def test_clips_must_hold_a_window():
    with pytest.raises(BadInput, match="hold no window of 30"):
        Windows(Ramps(), (ToFloat(), Keep("audio")), 30).names(2, 0, 0)


class OneTrack(list):
    """Records of one track of 40 samples that count them."""

    def track_index(self):
        return (Track("long", 0, 4, 40, 0.0, 0.0, 0.0, ""),)

    def window(self, *which):
        return tracks.read_window(self, *which)


class Long(Ramps):
    def open(self, split):
        place = np.arange(40, dtype=np.int16).reshape(4, 10, 1)
        return OneTrack({"audio": place[c], "track": "long", "chunk": c} for c in range(4))


def test_clips_may_be_windows_of_whole_tracks():
    """Across the borders of records, and followed through all of a clip."""
    data = Windows(Long(), (ToFloat(), Keep("audio")), 5, crop=TrackCrop(21, draw="window"))
    batches = list(islice(data.batches(4, 0), 20))
    clips = np.stack([b["audio"][..., 0] * 32768 for b in batches]).reshape(5, 4, 4, 5)
    clips = clips.transpose(0, 2, 1, 3).reshape(20, 20)
    np.testing.assert_array_equal(np.diff(clips), 1)
    assert sorted(clips[:, 0]) == list(range(20)) and data.count() == 20
