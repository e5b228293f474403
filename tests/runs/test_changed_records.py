"""A run that goes on is told when its records are others than before."""

import os

import numpy as np
import pytest
import soundfile

from zoo.data.folds import Folded
from zoo.data.sets.folder import Folder
from zoo.runs import changed_records

RNG = np.random.default_rng(0)


def write(root, name):
    soundfile.write(root / f"{name}.wav", RNG.normal(0, 0.1, 4000), 4000)


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "songs"
    made.mkdir()
    for number in range(8):
        write(made, f"{number}")
    return made


def marks(root):
    source = Folder(str(root), 4000, chunk_seconds=0.5, data_dir=str(root.parent / "data"))
    source.prepare()
    assert changed_records.record_hashes(Folded(source, 0, 3)) == changed_records.record_hashes(
        source
    )
    return changed_records.record_hashes(source)


def test_files_that_changed_are_told_by_split(root):
    before = marks(root)
    assert set(before) == {"train", "validation", "test"}
    os.utime(root / "0.wav")  # built again, of the same content
    assert marks(root) == before and changed_records.changed_records_line(before, marks(root)) == ""
    for number in range(8):
        write(root, f"{number}")
    told = changed_records.changed_records_line(before, marks(root))
    assert "train (4 tracks of other content), validation (3 tracks of other content)" in told
    now = marks(root)
    write(root, "new")
    told = changed_records.changed_records_line(now, marks(root))
    assert "-> " in told and "\n" not in told and "another --workdir" in told


def test_records_without_an_index_say_nothing(tmp_path):
    class Source:
        directory = tmp_path

    assert changed_records.record_hashes(Source()) == changed_records.record_hashes(object()) == {}
    assert changed_records.changed_records_line({}, {"train": "1 tracks, ab"}) == ""
