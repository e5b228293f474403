"""Crops reach every position of a track alike, across the borders of its records."""

import itertools
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from scipy import stats

from zoo.data import builder, plans, records, track_crops, tracks
from zoo.data.pipeline import Data
from zoo.data.source import Info
from zoo.data.track_crops import STATISTICS, TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput

LENGTHS = {"long": 57, "short": 23, "tiny": 4}
SHORTEST = 5  # samples of a record


def samples_of(name, stems=2):
    """[S T 1]: sample t of stem s is 1 + t + 100 s, and 1000 more for each earlier track."""
    at = 1 + np.arange(LENGTHS[name]) + 1000 * list(LENGTHS).index(name)
    return np.stack([at + 100 * stem for stem in range(stems)])[..., None].astype(np.int16)


@dataclass(frozen=True)
class Counted:
    """Three tracks whose samples tell their place."""

    root: str

    info = Info("counted", 100, 1, ("a", "b"), "none", "none")

    def blank(self):
        return plans.blank_record(SHORTEST, 1, stems=2)

    def prepare(self):
        jobs = tuple(plans.Job(n, partial(lambda n: {"stems": samples_of(n)}, n)) for n in LENGTHS)
        plan = plans.Plan(
            "counted", self.info, self.blank(), {"train": jobs}, SHORTEST, 0.0, {}, threads=1
        )
        builder.build_records(plan, self.root)

    def open(self, split):
        return records.open_records(records.directory("counted", self.root), split)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    made = Counted(str(tmp_path_factory.mktemp("counted")))
    made.prepare()
    return made


def data(source, crop, workers=0, **settings):
    return Data(source, (Keep("stems", *STATISTICS),), workers, crop, **settings)


def take(batches, count):
    return [batch["stems"] for batch in itertools.islice(batches, count)]


def examples(source, crop, count, seed=0):
    """Stems [S T 1] of so many examples."""
    return np.concatenate(take(data(source, crop).batches(10, seed), -(-count // 10)))[:count]


def first_of(crops):
    """(track, start) of each crop that lies inside: sample 0 of stem 0 tells both."""
    first = crops[:, 0, 0, 0] - 1
    return list(zip(first // 1000, first % 1000))


def test_every_window_comes_once_in_a_pass(source):
    crop = TrackCrop(11, draw="window")
    starts = [(0, t) for t in range(57 - 10)] + [(1, t) for t in range(23 - 10)] + [(2, 0)]
    for seed in (0, 1):
        assert sorted(first_of(examples(source, crop, len(starts), seed))) == starts


def test_every_start_of_a_track_is_equally_likely(source):
    drawn = first_of(examples(source, TrackCrop(11), 3000))
    tracks = np.bincount([track for track, _ in drawn])
    assert tracks.tolist() == [1000, 1000, 1000]
    for track, starts in ((0, 47), (1, 13)):
        counts = np.bincount([start for own, start in drawn if own == track], minlength=starts)
        assert len(counts) == starts and counts.min() > 0
        assert stats.chisquare(counts).pvalue > 1e-3


def test_windows_hold_what_the_track_has_there(source):
    for crop in examples(source, TrackCrop(24), 100):
        track = (crop[0, 0, 0] - 1) // 1000
        start = (crop[0, 0, 0] - 1) % 1000
        whole = np.pad(samples_of(list(LENGTHS)[track]), [(0, 0), (0, 30), (0, 0)])
        np.testing.assert_array_equal(crop, whole[:, start : start + 24])


@pytest.mark.parametrize("context", [6, -6])
def test_context_reaches_over_the_ends_or_keeps_away_from_them(source, context):
    crop = TrackCrop(11, context=context, draw="window")
    count = len(track_crops.crops(source.open("train"), crop))
    drawn = examples(source, crop, count)
    drawn = drawn[(drawn[:, 0].max(1) < 1000)[:, 0]]  # of the long track
    seen = set(drawn[:, 0].ravel()) - {0}
    assert len(drawn) == 57 - 10 + 2 * context
    inner = range(1 + max(0, -context), 58 - max(0, -context))
    assert seen == set(inner)
    silent = (drawn[:, 0, :, 0] == 0).sum(1).max()
    assert silent == max(0, context)


def test_stems_are_staggered_by_themselves(source):
    drawn = examples(source, TrackCrop(10, hop=4, stagger=4, draw="window"), 400)
    drawn = drawn[(drawn[:, 0, 0, 0] < 1000)]
    starts = np.stack([drawn[:, 0, 0, 0] - 1, drawn[:, 1, 0, 0] - 101], 1)
    assert (starts[:, 0] // 4 == starts[:, 1] // 4).all()
    windows = (57 - 14) // 4 + 1
    for stem in (0, 1):
        counts = np.bincount(starts[:, stem], minlength=4 * windows)
        assert len(counts) == 4 * windows and stats.chisquare(counts).pvalue > 1e-3
    assert abs(np.corrcoef((starts % 4).T)[0, 1]) < 0.2


def test_resumed_and_divided_batches_are_the_same(source):
    crop = TrackCrop(11, stagger=3)
    whole = take(data(source, crop).batches(4, seed=1), 6)
    np.testing.assert_array_equal(whole[4:], take(data(source, crop).batches(4, 1, first=4), 2))
    parts = [take(data(source, crop).batches(4, 1, 0, process, 2), 3) for process in (0, 1)]
    for step in range(3):
        both = np.concatenate([part[step] for part in parts])
        assert sorted(map(bytes, both)) == sorted(map(bytes, whole[step]))


@pytest.mark.parametrize("reading", [{"workers": 1}, {"workers": 2}, {"read_threads": 0}])
def test_batches_do_not_depend_on_who_reads(source, reading):
    crop = TrackCrop(11, stagger=3)
    one, other = (take(data(source, crop, **r).batches(4, seed=3), 5) for r in ({}, reading))
    np.testing.assert_array_equal(one, other)


def test_statistics_are_those_of_the_whole_track(source):
    batch = next(data(source, TrackCrop(3)).batches(3, seed=0))
    found = zip(*(batch[key] for key in STATISTICS))
    for stems, own in zip(batch["stems"], found):
        name = list(LENGTHS)[(stems[0, 0, 0] - 1) // 1000]
        mono = samples_of(name).astype(float).sum(0).mean(-1) / 32768
        np.testing.assert_allclose(own, [mono.mean(), mono.std(), mono.max()], rtol=1e-5)


def test_statistics_of_stereo_are_of_the_sum_of_stems():
    """In blocks, of the channels' mean; the peak of either channel, of either sign."""
    rng = np.random.default_rng(0)
    stems = rng.integers(-9000, 9000, (3, tracks._BLOCK + 5, 2)).astype(np.int16)
    stems[0, -2, 1], stems[1:, -2, 1] = -32768, -9000
    told, mixed = tracks.track_facts({"stems": stems}), stems.sum(0, dtype=float) / 32768
    mono = mixed.mean(-1)
    wanted = [mono.mean(), mono.std(), np.abs(mixed).max()]
    np.testing.assert_allclose([told[key] for key in STATISTICS], wanted, rtol=1e-9)
    assert told["samples"] == stems.shape[1] and wanted[2] == (32768 + 18000) / 32768


def test_the_hash_of_a_track_is_of_all_it_holds():
    audio, tags = np.zeros((9, 1), np.int16), np.zeros(2, np.uint8)
    notes = {"onset": np.zeros(1, np.float32)}
    plain = {"audio": audio, "tags": tags, "notes": notes}
    others = [
        {**plain, "audio": audio + 1},
        {**plain, "tags": tags + 1},
        {**plain, "notes": {"onset": notes["onset"] + 1}},
        {**plain, "audio": audio.reshape(3, 3)},
        {**plain, "loudest": 0},
    ]
    hashes = [tracks.track_facts(one)["content"] for one in (plain, *others)]
    assert len(set(hashes)) == 6 and tracks.track_facts(dict(plain))["content"] == hashes[0]


def test_once_holds_every_sample_once(source):
    batches = list(data(source, TrackCrop(11, stagger=3)).once("train", 4, 0))
    found = np.concatenate([batch["stems"][:, 0].ravel() for batch in batches])
    wanted = np.concatenate([samples_of(name)[0].ravel() for name in LENGTHS])
    np.testing.assert_array_equal(found[found != 0], wanted)


def test_spec_is_what_comes(source):
    made = data(source, TrackCrop(11))
    batch, spec = next(made.batches(4, seed=0)), made.spec(4)
    told = {key: (value.shape, value.dtype) for key, value in spec.items()}
    assert told == {key: (value.shape, value.dtype) for key, value in batch.items()}


def test_names_are_those_of_the_batch(source):
    made = data(source, TrackCrop(4))
    tracks = (next(made.batches(5, 0, first=2))["stems"][:, 0, 0, 0] - 1) // 1000
    assert made.names(5, 0, 2) == [list(LENGTHS)[track] for track in tracks]


def test_a_crop_reads_only_the_records_it_touches(source):
    class Watched(list):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    there, read = source.open("train"), []
    watched, track = Watched(there), there.track_index()[0]
    edges = track.edges()
    found = tracks.read_window(watched, track, edges[2] - 1, 3, 0, np.random.default_rng(0))
    assert read == [1, 2]
    np.testing.assert_array_equal(
        found["stems"], samples_of("long")[:, edges[2] - 1 : edges[2] + 2]
    )


def test_records_without_an_index_are_refused(source, tmp_path):
    with pytest.raises(BadInput, match="has no index of tracks"):
        track_crops.crops([], TrackCrop(3))
    folder = records.directory("counted", source.root)
    kept = (folder / "tracks.json").read_bytes()
    try:
        (folder / "tracks.json").unlink()
        with pytest.raises(BadInput, match=r"tracks\.json is damaged|tracks\.json, which says"):
            next(data(source, TrackCrop(3)).batches(2, seed=0))
    finally:
        (folder / "tracks.json").write_bytes(kept)
