"""Folds: every track tested once, groups together, tags spread, the same deal for everyone."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from zoo.data.folds import Folded
from zoo.data.records import NoSplit
from zoo.data.source import Info
from zoo.errors import BadInput

GENRES = ("jazz", "rock", "folk")


@dataclass(frozen=True)
class Clips:
    """Tracks of three genres by `artists` with five clips each, two records to a track."""

    artists: int = 12
    tagged: bool = True
    info: Info = Info("clips", 8000, 1, GENRES, "none", "none")

    def blank(self):
        return self.record(0, 0)

    def prepare(self):
        pass

    def record(self, track, chunk):
        tags = np.arange(3) == track % 3
        found = {"track": f"artist{track // 5}/clip{track}", "chunk": chunk}
        return {**found, "tags": tags.astype(np.uint8)} if self.tagged else found

    def open(self, split):
        if split == "validation":
            raise NoSplit("none fell into it")
        every = [self.record(t, c) for t in range(5 * self.artists) for c in (0, 1)]
        return every[:30] if split == "test" else every[30:]


def tracks(records):
    return [record["track"] for record in records]


@pytest.mark.parametrize("validation", [True, False])
@pytest.mark.parametrize("group", [0, 1, None])
@pytest.mark.parametrize("tagged", [True, False])
def test_every_track_is_tested_once_and_learnt_from_otherwise(validation, group, tagged):
    source, tested, dealt = Clips(tagged=tagged), [], {}
    for fold in range(5):
        folded = Folded(source, fold, 5, group, validation)
        parts = {split: folded.open(split) for split in ("train", "validation", "test")}
        names = {split: set(tracks(records)) for split, records in parts.items()}
        assert not names["train"] & (names["test"] | names["validation"])
        assert (names["validation"] == names["test"]) == (not validation)
        assert len(set().union(*names.values())) == 60
        assert max(Counter(tracks(parts["test"])).values()) == 2  # both records of a track
        following = Folded(source, (fold + 1) % 5, 5, group, validation).open("test")
        assert not validation or names["validation"] == set(tracks(following))
        tested += names["test"]
        dealt |= dict.fromkeys(names["test"], fold)
    assert sorted(tested) == sorted(set(tracks(source.open("train") + source.open("test"))))
    by_artist = {track.split("/")[0]: set() for track in dealt}
    for track, fold in dealt.items():
        by_artist[track.split("/")[0]].add(fold)
    assert all(len(folds) == 1 for folds in by_artist.values()) == (group != 0)


def test_tags_are_spread_evenly():
    for fold in range(5):
        counts = np.sum([r["tags"] for r in Folded(Clips(), fold, 5, 0).open("test")], 0)
        assert counts.tolist() == [8, 8, 8]  # of 20 tracks each, two records


def test_records_are_the_source_s_own():
    folded = Folded(Clips(), 2, 5)
    assert folded.info == Clips().info and folded.blank().keys() == Clips().blank().keys()
    records = folded.open("test")
    for number in (0, len(records) - 1):
        track = int(records[number]["track"].rpartition("clip")[2])
        expected = Clips().record(track, records[number]["chunk"])["tags"]
        assert (records[number]["tags"] == expected).all()


def test_what_cannot_be_dealt_is_refused():
    with pytest.raises(BadInput, match="fold=5: give 0 to 4"):
        Folded(Clips(), 5, 5)
    with pytest.raises(BadInput, match="give 3 or more"):
        Folded(Clips(), 0, 2)
    with pytest.raises(BadInput, match="has 12 groups of tracks: give fewer folds"):
        Folded(Clips(), 0, 13, group=1).open("train")
    with pytest.raises(BadInput, match="no split 'all'"):
        Folded(Clips(), 0, 5).open("all")
