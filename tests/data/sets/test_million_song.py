"""Million Song clips by published identifiers and tags, or by a CSV of the user's own."""

import csv

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets import million_song
from zoo.data.sets.million_song import TAGS, MillionSong
from zoo.errors import BadInput

NAMES = {
    "train": ["TRAAAAA128F4000001", "TRAAAAB128F4000002"],
    "valid": ["TRBAAAA128F4000003"],
    "test": ["TRCAAAA128F4000004"],
}
SHORT = "TRAAAAB128F4000002"


def rows(names):
    return np.array([np.arange(50) % (int(name[-1]) + 1) == 0 for name in names], bool)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(million_song, "SECONDS", 0.5)
    (tmp_path / "lists").mkdir()
    for part, names in NAMES.items():
        (tmp_path / "lists" / f"{part}_x_msd_id.txt").write_text("\n".join(names) + "\n")
        np.save(tmp_path / "lists" / f"{part}_y.npy", rows(names))
        for name in names:
            file = tmp_path / "audio" / name[2] / name[3] / f"{name}.clip.mp3"
            file.parent.mkdir(parents=True, exist_ok=True)
            sound = odd_audio.tone(0.3 if name == SHORT else 0.7, 22_050, 2)
            soundfile.write(file, sound, 22_050, format="MP3")
    return tmp_path


def source_of(folder, **how):
    lists = str(folder / "lists")
    return MillionSong(
        str(folder / "audio"),
        lists=lists,
        data_dir=str(folder / "data"),
        **{"allow_missing": 1, **how},
    )


def test_splits_and_tags_are_the_published(folder, capsys):
    source = source_of(folder)
    source.prepare()
    found = {
        split: {str(record["track"]): record["tags"] for record in source.open(split)}
        for split in ("train", "validation", "test")
    }
    assert {name for part in found.values() for name in part} == {
        name for part in NAMES.values() for name in part if name != SHORT
    }
    for names in found.values():
        for name, tags in names.items():
            np.testing.assert_array_equal(tags, rows([name])[0])
    assert "241,885 of 241,889 clips are missing" in capsys.readouterr().err
    assert "lasts 0.3" in (source.directory / "rejects.csv").read_text()
    source.prepare()
    assert "the published lists" in capsys.readouterr().err


def test_clips_that_are_missing_are_named_or_allowed(folder):
    next((folder / "audio").rglob("TRBAAAA*")).rename(folder / "gone")
    with pytest.raises(BadInput, match="241,886 of 241,889 clips are missing: TRBAAAA128F4000003"):
        source_of(folder, allow_missing=0).prepare()
    few = source_of(folder, allow_missing=0.99999)
    few.prepare()
    assert len(few.open("test")) == 1


def spoil(folder, name, content):
    target = folder / "lists" / name
    if content is None:
        target.unlink()
    elif isinstance(content, np.ndarray):
        np.save(target, content, allow_pickle=True)
    else:
        target.write_text(content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("valid_x_msd_id.txt", None, r"valid_x_msd_id\.txt is not there"),
        ("test_y.npy", None, r"test_y\.npy is not there"),
        ("test_y.npy", "no array", r"test_y\.npy cannot be read"),
        ("test_y.npy", np.array([{}], object), r"test_y\.npy cannot be read"),
        ("test_y.npy", np.zeros((1, 49)), r"holds \[1, 49\]"),
        ("test_y.npy", np.full((1, 50), 2), "not 0 and 1"),
        ("test_x_msd_id.txt", "SOAAAAA128F4000004\n", "'SOAAAAA128F4000004' is no identifier"),
        ("test_x_msd_id.txt", NAMES["valid"][0] + "\n", "lists TRBAAAA128F4000003 twice"),
    ],
)
def test_lists_that_are_not_the_published_are_refused(folder, name, content, message):
    spoil(folder, name, content)
    with pytest.raises(BadInput, match=message):
        source_of(folder).prepare()


def test_without_lists_a_csv_says_the_tags_and_that_is_said(folder, capsys):
    files = sorted((folder / "audio").rglob("*.mp3"))
    with open(folder / "audio" / "tags.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", *TAGS])
        for path in files:
            table.writerow([path.relative_to(folder / "audio"), *["1"] * 50])
    source = MillionSong(str(folder / "audio"), data_dir=str(folder / "data"))
    source.prepare()
    assert "not in the published splits" in capsys.readouterr().err
    with pytest.raises(BadInput, match="no such folder; lists is the clone"):
        MillionSong(str(folder / "none"), lists=str(folder / "lists")).prepare()
