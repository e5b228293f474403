import pickle
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zoo.data import builder, plans, records
from zoo.data.source import Info
from zoo.errors import BadInput

INFO = Info("invented", 8000, 2, ("one", "two", "three"), "ours", "")


def pcm(seed: int, samples: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(-32768, 32768, (samples, 2)).astype(np.int16)


def job(seed: int, samples: int) -> plans.Job:
    tags = np.uint8([seed % 2, 1, 0])
    example = {"audio": pcm(seed, samples), "tags": tags, "known": np.ones_like(tags)}
    return plans.Job(f"Stück {seed}", lambda: example)


def refuse(error: Exception) -> plans.Job:
    def load() -> dict:
        raise error

    return plans.Job("bad", load)


def plan(train: tuple, tolerate: float = 0.5, **changes: object) -> plans.Plan:
    facts = dict(
        name="invented-8000",
        info=INFO,
        blank=plans.blank_record(100, 2, tags=3),
        jobs={"train": train, "test": (job(9, 120),), "validation": ()},
        shortest=100,
        tolerate=tolerate,
        about={"made": [1, 2]},
    )
    return plans.Plan(**{**facts, **changes})


LENGTHS = (450, 99, 100, 299, 30)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("records"))
    jobs = tuple(job(seed, samples) for seed, samples in enumerate(LENGTHS))
    bad = refuse(BadInput("bad.wav is silent."))
    folder = builder.build_records(
        plan((*jobs[:2], bad, *jobs[2:]), skipped=(("old", "no row"),)), root
    )
    assert folder == records.directory("invented-8000", root)
    return folder


def test_records_come_back_as_they_went_in(built):
    train = records.open_records(built, "train")
    assert len(train) == 4 + 1 + 1 + 2 + 1
    first = train[0]
    assert first["track"] == "Stück 0" and (first["chunk"], first["chunks"]) == (0, 4)
    np.testing.assert_array_equal(first["audio"], pcm(0, 450)[:112])
    assert first["audio"].dtype == np.int16 and first["tags"].tolist() == [0, 1, 0]
    assert train[-1]["track"] == "Stück 4"
    blank = plans.blank_record(100, 2, tags=3)
    assert set(first) == set(blank)
    for key in ("tags", "known", "audio"):
        assert first[key].dtype == blank[key].dtype
    with pytest.raises(IndexError):
        train[9]
    assert len(list(train)) == 9


def test_every_chunk_is_long_enough_for_a_crop_and_short_tracks_are_padded(built):
    train = records.open_records(built, "train")
    assert all(100 <= len(record["audio"]) < 200 for record in train)
    padded = next(record for record in train if record["track"] == "Stück 4")
    assert padded["length"] == 30 and not padded["audio"][30:].any()


def test_tracks_are_joined_without_their_padding(built):
    joined = list(records.join_tracks(records.open_records(built, "train")))
    assert [track["track"] for track in joined] == [f"Stück {i}" for i in range(5)]
    for seed, (track, samples) in enumerate(zip(joined, LENGTHS)):
        np.testing.assert_array_equal(track["audio"], pcm(seed, samples))
    shuffled = list(records.open_records(built, "train"))
    shuffled[1:3] = shuffled[2:0:-1]
    with pytest.raises(BadInput, match=r"chunks \[0, 2, 1, 3\]"):
        list(records.join_tracks(shuffled))


def test_stems_are_cut_along_time():
    stems = np.arange(2 * 250 * 1, dtype=np.int16).reshape(2, 250, 1)
    chunks = list(records.cut_chunks({"track": "x", "stems": stems}, 100))
    assert [c["stems"].shape for c in chunks] == [(2, 125, 1)] * 2
    np.testing.assert_array_equal(next(records.join_tracks(chunks))["stems"], stems)
    (whole,) = records.cut_chunks({"track": "x", "stems": stems}, 0)
    np.testing.assert_array_equal(whole["stems"], stems)


def test_notes_pass_through_where_a_record_is_a_track():
    note = {"onset": np.float32([0.1]), "pitch": np.int32([60])}
    record = {"track": "x", "chunk": 0, "audio": pcm(0, 10), "notes": note}
    assert next(records.join_tracks([record]))["notes"] is note
    with pytest.raises(BadInput, match="notes"):
        list(records.join_tracks([record, {**record, "chunk": 1}]))


def test_pickled_records_read_the_same(built):
    train = records.open_records(built, "train")
    again = pickle.loads(pickle.dumps(train))
    assert len(pickle.dumps(train)) < 20_000
    np.testing.assert_array_equal(again[3]["audio"], train[3]["audio"])


def test_slices_of_splits(built):
    assert len(records.open_records(built, "train[:4]")) == 4
    assert records.open_records(built, "test")[0]["track"] == "Stück 9"
    with pytest.raises(BadInput, match="no split 'validation': it has 'train', 'test'"):
        records.open_records(built, "validation")
    with pytest.raises(BadInput, match="prepare the data set first"):
        records.open_records(built / "none", "train")


def test_plain_tfds_reads_the_folder(built):
    import tensorflow_datasets as tfds

    source = tfds.builder_from_directory(built).as_data_source("train")
    np.testing.assert_array_equal(source[4]["audio"][:99], pcm(1, 99))


@pytest.mark.parametrize("damage", ["half", "empty", "gone", "flipped"])
def test_damaged_files_are_refused(built, tmp_path, damage):
    folder = shutil.copytree(built, tmp_path / "copy")
    (file,) = folder.glob("*train*")
    data = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "flipped":
        data[200:220] = bytes(b ^ 0x5A for b in data[200:220])
        file.write_bytes(data)
    else:
        file.write_bytes(data[: len(data) // 2 if damage == "half" else 0])
    with pytest.raises(BadInput, match="damaged"):
        list(records.open_records(folder, "train"))


def test_rejects_are_listed_with_their_reasons(built):
    lines = (built / "rejects.csv").read_text().splitlines()
    assert lines == ["file,reason", "old,no row", "bad,bad.wav is silent."]


def test_too_many_rejects_stop_the_build_and_leave_nothing(tmp_path):
    bad = plan((job(0, 100), refuse(BadInput("bad.wav is silent."))), tolerate=0.2)
    with pytest.raises(BadInput, match=r"1 of 3 tracks cannot be used: bad\.wav is silent"):
        builder.build_records(bad, str(tmp_path))
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
    left_out = plan((job(0, 100), refuse(plans.LeftOut("too short for the protocol"))), 0.0)
    folder = builder.build_records(left_out, str(tmp_path))
    assert "too short for the protocol" in (folder / "rejects.csv").read_text()


def test_two_that_want_the_same_build_it_once(tmp_path):
    begun = threading.Event()

    def load() -> dict:
        begun.set()
        time.sleep(0.3)  # long enough for the other to arrive
        return job(0, 100).load()

    (tmp_path / "waveform_records/invented-8000/1.0.0.incomplete.killed").mkdir(parents=True)
    builds = [plan((plans.Job("slow", load),)), plan((refuse(ZeroDivisionError("built twice")),))]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(builder.build_records, builds[0], str(tmp_path))
        assert begun.wait(30)
        second = pool.submit(builder.build_records, builds[1], str(tmp_path))
        assert first.result() == second.result() == records.directory("invented-8000", tmp_path)
    assert records.open_records(first.result(), "train")[0]["track"] == "slow"
    assert [path.name for path in first.result().parent.iterdir()] == ["1.0.0"]


def test_a_programming_error_is_not_swallowed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        builder.build_records(plan((refuse(ZeroDivisionError("ours")),)), str(tmp_path))


def test_duplicates_are_refused(tmp_path):
    with pytest.raises(BadInput, match="'Stück 9' occurs twice"):
        builder.build_records(plan((job(9, 100),)), str(tmp_path))


def test_records_are_current_until_their_origin_changes(built, tmp_path):
    assert builder.is_current({"made": (1, 2)}, built)
    assert not builder.is_current({"made": (1, 3)}, built)
    assert not builder.is_current({"made": (1, 2)}, tmp_path)


def test_sixteen_bit_audio_survives_the_float_round_trip():
    every = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(records.to_int16(every.astype(np.float32) / 32768), every)
    assert records.to_int16(np.float32([1.0, -1.5])).tolist() == [32767, -32768]


def test_grain_batches_resume_where_they_stopped(built):
    from zoo.data.pipeline import Data
    from zoo.data.transforms import Crop, Keep, ToFloat

    class Built:
        info = INFO

        def blank(self) -> dict:
            return plans.blank_record(64, 2, tags=len(INFO.labels))

        def open(self, split: str) -> records.Records:
            return records.open_records(built, split)

    data = Data(Built(), (Crop(64), ToFloat(), Keep("audio", "tags")))
    batches = data.batches(4, seed=1)
    first = [next(batches) for _ in range(4)]
    assert first[0]["audio"].shape == (4, 64, 2) and first[0]["audio"].dtype == np.float32
    again = next(data.batches(4, seed=1, first=3))
    np.testing.assert_array_equal(again["audio"], first[3]["audio"])
