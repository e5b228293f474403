"""Piano rolls out of .mat files, filled up for a model, and scored by their steps alone."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import scipy.io

from zoo.data.pipeline import Data
from zoo.data.rolls import FillRoll, pad_roll
from zoo.data.sets import polyphonic
from zoo.data.sets.polyphonic import Polyphonic
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.rolls import RollScore

LENGTHS = {"train": (5, 9, 16), "validation": (7,), "test": (6, 12)}


def piece(steps, seed):
    return (np.random.default_rng(seed).random((steps, 88)) < 0.1).astype(np.uint8)


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A collection in the published format, pinned as such."""
    content = {}
    for split, lengths in LENGTHS.items():
        cells = np.empty(len(lengths), object)
        cells[:] = [piece(steps, steps) for steps in lengths]
        content[polyphonic.SPLITS[split]] = cells[None]
    file = tmp_path / "JSB_Chorales.mat"
    scipy.io.savemat(file, content)
    pinned = replace(polyphonic.SETS["jsb"], sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    monkeypatch.setitem(polyphonic.SETS, "jsb", pinned)
    return Polyphonic(str(tmp_path))


def test_pieces_are_read_in_their_splits(source):
    source.prepare()
    for split, lengths in LENGTHS.items():
        records = source.open(split)
        assert [len(record["roll"]) for record in records] == list(lengths)
        for record, steps in zip(records, lengths):
            np.testing.assert_array_equal(record["roll"], piece(steps, steps))
            assert record["roll"].dtype == np.uint8
    assert len({r["track"] for split in LENGTHS for r in source.open(split)}) == 6
    labels = source.info.labels  # A0 = MIDI 21 to C8 = 108
    assert (labels[0], labels[3], labels[39], labels[48], labels[87]) == (
        "A0",
        "C1",
        "C4",
        "A4",
        "C8",
    )


def test_another_file_is_refused(source, tmp_path):
    (tmp_path / "JSB_Chorales.mat").write_bytes(b"other")
    polyphonic._read.cache_clear()
    with pytest.raises(BadInput, match="SHA-256 differs"):
        source.prepare()
    with pytest.raises(BadInput, match="fetch Nottingham"):
        Polyphonic(str(tmp_path), "nottingham").prepare()
    with pytest.raises(BadInput, match="no set 'bach'"):
        Polyphonic("x", "bach")


def test_a_piece_is_filled_up_to_the_next_length(source):
    example = pad_roll(piece(9, 0), (8, 12, 16))
    assert example["roll"].shape == (12, 88) and example["known"].tolist() == [1] * 9 + [0] * 3
    assert not example["roll"][9:].any()
    assert pad_roll(piece(12, 0), (8, 12, 16))["roll"].shape == (12, 88)
    with pytest.raises(BadInput, match="a piece of 17 steps"):
        pad_roll(piece(17, 0), (8, 12, 16))
    data = Data(source, (FillRoll((8, 160)), Keep("roll", "known")))
    batches = data.batches(1, seed=0)
    shapes = [next(batches)["roll"].shape for _ in range(3)]
    assert sorted(shapes) == [(1, 8, 88), (1, 160, 88), (1, 160, 88)]
    assert data.spec(1)["roll"].shape == (1, 160, 88)


@pytest.mark.parametrize("lengths", [(16,), (6, 8, 12, 16), (40,)])
def test_the_score_is_the_total_by_steps_however_pieces_are_filled(source, lengths):
    records = source.open("test")
    calls = []

    def predict(batch):  # a nat for every step, and one for every key that sounds then
        calls.append(batch["roll"].shape)
        assert batch["known"].shape == batch["roll"].shape[:2]
        return {"nats": 1.0 + batch["roll"][:, 1:].sum(-1)}

    report = RollScore(lengths).run(predict, records, source.info)
    sounding = sum(int(record["roll"][1:].sum()) for record in records)
    assert report.metrics["nats_per_step"] == pytest.approx((16 + sounding) / 16)
    assert report.counts == {"pieces": 2, "steps": 5 + 11}
    assert {shape[1] for shape in calls} <= set(lengths)
    only = RollScore(lengths).run(predict, records, source.info, limit=1)
    assert only.counts == {"pieces": 1, "steps": 5}
    whole = report.scores.statistics(np.ones((1, 2), int))
    assert whole["nats_per_step"][0] == pytest.approx(report.metrics["nats_per_step"])
