"""GTZAN's layout: genres by name, the reader's lists or a hash as splits."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets.gtzan import GENRES, Gtzan
from zoo.errors import BadInput


@pytest.fixture
def folder(tmp_path):
    for seed, name in enumerate(["jazz", "rock", "pop"]):
        for number in range(3):
            file = tmp_path / "genres" / name / f"{name}.0000{number}.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, odd_audio.tone(0.5, 8_000, seed=seed), 8_000)
    return tmp_path / "genres"


def test_genres_by_name_and_the_reader_s_lists(folder, tmp_path):
    for split, number in (("train", 0), ("valid", 1), ("test", 2)):
        names = [f"{name}/{name}.0000{number}.wav" for name in ("jazz", "rock")]
        (folder.parent / f"{split}_filtered.txt").write_text("\n".join(names) + "\n")
    source = Gtzan(str(folder), 8_000, 0.4, data_dir=str(tmp_path / "data"), allow_missing=1)
    source.prepare()
    for split, number in (("train", 0), ("validation", 1), ("test", 2)):
        records = source.open(split)
        assert len(records) == 2
        for record in records:
            genre = GENRES[int(np.argmax(record["tags"]))]
            assert str(record["track"]) == f"{genre}.0000{number}" and record["tags"].sum() == 1
            assert record["audio"].shape == (4_000, 1) and record["known"].all()


def test_without_lists_all_clips_are_split_and_that_is_said(folder, tmp_path, capsys):
    source = Gtzan(str(folder), 8_000, 0.4, data_dir=str(tmp_path / "data"), allow_missing=1)
    source.prepare()
    assert "not comparable" in capsys.readouterr().err
    assert sum(len(source.open(split)) for split in ("train", "validation", "test")) == 9
    assert all(len(source.open(split)) for split in ("train", "validation", "test"))


def test_missing_clips_of_the_lists_are_named(folder, tmp_path):
    for split, number in (("train", 0), ("valid", 1), ("test", 2)):
        (folder / f"{split}_filtered.txt").write_text(f"jazz/jazz.0000{number}.wav\n")
    (folder / "jazz" / "jazz.00000.wav").rename(folder / "jazz" / "jazz.00009.wav")
    source = Gtzan(str(folder), 8_000, 0.4, data_dir=str(tmp_path / "data"))
    with pytest.raises(BadInput, match=r"928 of 930 clips are missing: jazz\.00000"):
        source.prepare()


def test_some_of_the_lists_are_not_enough(folder, tmp_path):
    (folder / "train_filtered.txt").write_text("jazz/jazz.00000.wav\n")
    with pytest.raises(BadInput, match="no valid_filtered"):
        Gtzan(str(folder), 8_000, 0.4, data_dir=str(tmp_path / "data"), allow_missing=1).prepare()


def test_a_wrong_folder_is_refused(tmp_path):
    with pytest.raises(BadInput, match="genres folder"):
        Gtzan(str(tmp_path / "none")).prepare()
