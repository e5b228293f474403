"""FMA's table with two header lines, folders of three digits, splits of the table."""

import csv

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets import fma
from zoo.data.sets.fma import GENRES, SMALL, Fma
from zoo.errors import BadInput

ROWS = [  # track, subset, split, genre
    (2, "small", "training", "Hip-Hop"),
    (5, "small", "training", "Rock"),
    (140, "small", "validation", "Folk"),
    (1_482, "small", "test", "Pop"),
    (98_565, "small", "training", "Folk"),
    (3, "medium", "training", "Jazz"),
    (10, "large", "test", ""),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(fma, "SECONDS", 0.5)
    root = tmp_path / "fma"
    for number, subset, *_ in ROWS:
        for size in ("small", "medium", "large"):
            if subset in fma.SIZES[size]:
                track = f"{number:06d}"
                file = root / f"fma_{size}" / track[:3] / f"{track}.mp3"
                file.parent.mkdir(parents=True, exist_ok=True)
                sound = odd_audio.tone(0.7, 22_050, 2, seed=number)
                soundfile.write(file, sound, 22_050, format="MP3")
    table(root, ROWS)
    return root


def table(root, rows):
    (root / "fma_metadata").mkdir(exist_ok=True)
    with open(root / "fma_metadata" / "tracks.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["", "album", "set", "set", "track", "track"])
        out.writerow(["", "comments", "split", "subset", "genre_top", "title"])
        out.writerow(["track_id", "", "", "", "", ""])
        for number, subset, split, genre in rows:
            out.writerow([number, 0, split, subset, genre, 'A "title", of commas'])


def prepared(root, tmp_path, size, **how):
    source = Fma(
        str(root), size, 16_000, data_dir=str(tmp_path / "data"), **{"allow_missing": 1, **how}
    )
    source.prepare()
    return source


def test_sizes_hold_what_they_should_in_the_published_splits(folder, tmp_path, capsys):
    source = prepared(folder, tmp_path, "small")
    found = {s: [str(r["track"]) for r in source.open(s)] for s in ("train", "validation", "test")}
    assert found == {"train": ["000002", "000005"], "validation": ["000140"], "test": ["001482"]}
    (record,) = source.open("test")
    assert SMALL[int(np.argmax(record["tags"]))] == "Pop" and record["tags"].sum() == 1
    assert len(record["audio"]) >= 0.69 * 16_000 and record["audio"].shape[1] == 1
    assert "4 clips, not 8,000: results are not comparable" in capsys.readouterr().err
    rejects = (source.directory / "rejects.csv").read_text()
    assert "098565" in rejects and "broken in every copy" in rejects
    medium = prepared(folder, tmp_path, "medium")
    assert medium.info.labels == GENRES and len(GENRES) == 16 and len(medium.open("train")) == 3
    large = prepared(folder, tmp_path, "large")
    assert [str(record["track"]) for record in large.open("test")] == ["001482"]


def test_clips_that_are_missing_are_named_or_allowed(folder, tmp_path):
    (folder / "fma_small" / "000" / "000005.mp3").unlink()
    with pytest.raises(
        BadInput, match=r"7,996 of 8,000 files are missing: 000005 .*fma_small\.zip"
    ):
        prepared(folder, tmp_path, "small", allow_missing=0)
    assert len(prepared(folder, tmp_path, "small", allow_missing=0.9995).open("train")) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(2, "small", "training", "Polka")], "line 4: split 'training', genre 'Polka'"),
        ([(2, "small", "none", "Rock")], "line 4: split 'none'"),
        ([("x", "small", "test", "Rock")], "line 4, is cut off"),
    ],
)
def test_tables_that_are_not_fma_s_are_refused(folder, tmp_path, rows, message):
    table(folder, rows)
    with pytest.raises(BadInput, match=message):
        prepared(folder, tmp_path, "small")


def test_what_is_not_there_is_said(folder, tmp_path):
    with pytest.raises(BadInput, match="choose small, medium, large"):
        Fma(str(folder), "huge")
    with pytest.raises(BadInput, match="no such folder; download fma_metadata"):
        Fma(str(tmp_path / "none")).prepare()
    (folder / "fma_metadata" / "tracks.csv").write_text("a,b\nc,d\n\n")
    with pytest.raises(BadInput, match=r"lacks .*genre_top"):
        prepared(folder, tmp_path, "small")
    (folder / "fma_metadata" / "tracks.csv").unlink()
    with pytest.raises(BadInput, match=r"tracks\.csv is not there"):
        prepared(folder, tmp_path, "small")
    (folder / "fma_large").rename(folder / "elsewhere")
    with pytest.raises(BadInput, match="has no folder fma_large"):
        prepared(folder, tmp_path, "large")


def test_a_damaged_clip_ends_the_build_by_name(folder, tmp_path):
    (folder / "fma_small" / "000" / "000002.mp3").write_bytes(b"<html>moved</html>")
    with pytest.raises(BadInput, match=r"000002\.mp3 is a web page"):
        prepared(folder, tmp_path, "small")
