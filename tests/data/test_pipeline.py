"""Batch i is a function of (seed, i): for any start, worker count and number of processes."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from zoo.data.examples import Batches
from zoo.data.pipeline import Data
from zoo.data.source import Info
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput


@dataclass(frozen=True)
class Counted:
    """Records whose samples name the record and the place."""

    records: int = 10
    length: int = 100

    @property
    def info(self):
        return Info("counted", 100, 1, (), "none", "none")

    def blank(self):
        return self.record(0)

    def record(self, number):
        audio = np.arange(self.length, dtype=np.int16)[:, None] + 200 * number
        return {"audio": audio, "track": f"track{number}", "chunk": 0}

    def prepare(self):
        pass

    def open(self, split):
        return Records(self, {"train": self.records, "test": 2}.get(split, 0))


@dataclass(frozen=True)
class Records:
    source: Counted
    count: int

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.source.record(range(self.count)[index])


def data(workers=0, **fields):
    return Data(Counted(**fields), (Crop(30), ToFloat(), Keep("audio")), workers)


def take(batches, count):
    return [batch["audio"] for batch in itertools.islice(batches, count)]


def test_resuming_continues_the_same_batches():
    whole = take(data().batches(4, seed=1), 7)
    rest = take(data().batches(4, seed=1, first=3), 4)
    np.testing.assert_array_equal(whole[3:], rest)


def test_seeds_differ_and_epochs_are_shuffled_anew():
    one, two = (np.concatenate(take(data().batches(5, seed=s), 4)) for s in (1, 2))
    assert not np.array_equal(one, two)
    numbers = np.floor(one[:, 0, 0] * 32768 / 200).astype(int).reshape(2, 10)
    assert sorted(numbers[0]) == sorted(numbers[1]) == list(range(10))
    assert list(numbers[0]) != list(numbers[1])


def test_two_workers_give_the_same_batches():
    none = take(data().batches(4, seed=3), 5)
    two = take(data(workers=2).batches(4, seed=3), 5)
    np.testing.assert_array_equal(none, two)


def test_large_batches_go_through_shared_memory_unchanged():
    from grain.multiprocessing import SharedMemoryArray

    large = Data(Counted(length=40_000), (Crop(20_000), Keep("audio")))
    none = take(large.batches(4, seed=3), 3)
    np.testing.assert_array_equal(none, take(replace(large, workers=1).batches(4, seed=3), 3))
    made = Batches(large.examples(3), 4, 0, 1, shared=True)[0]["audio"]
    assert isinstance(made, SharedMemoryArray)
    np.testing.assert_array_equal(made, none[0])
    made.unlink_on_del()


def test_processes_share_the_global_batch():
    whole = take(data().batches(4, seed=5), 3)
    parts = [take(data().batches(4, 5, 0, process, 2), 3) for process in (0, 1)]
    for step in range(3):
        both = np.concatenate([parts[0][step], parts[1][step]])
        key = lambda rows: sorted(map(bytes, rows))  # noqa: E731
        assert key(both) == key(whole[step])


def test_names_are_those_of_the_batch():
    (batch,) = take(data().batches(4, seed=7, first=2), 1)
    numbers = np.floor(batch[:, 0, 0] * 32768 / 200).astype(int)
    assert data().names(4, 7, 2) == [f"track{n}" for n in numbers]


def test_spec_needs_no_disk_and_tells_the_shapes():
    spec = data().spec(6)
    assert {k: (v.shape, v.dtype) for k, v in spec.items()} == {"audio": ((6, 30, 1), np.float32)}


def test_an_empty_split_is_refused():
    with pytest.raises(BadInput, match="training split is empty"):
        next(data(records=0).batches(2, seed=0))
