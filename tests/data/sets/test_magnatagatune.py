import csv
from pathlib import Path

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data import records
from zoo.data.sets.magnatagatune import COUNTS, SPLITS, TAGS, MagnaTagATune, count_deviations
from zoo.errors import BadInput

OTHERS = ("bass", "jazz")
# clip_id, folder, seconds, tags
CLIPS = (
    ("2", "0", 29.2, ("guitar", "jazz")),
    ("10", "b", 29.2, ("choral",)),
    ("11", "9", 29.2, ("jazz",)),  # no tag of the fifty
    ("12", "a", 28.9, ("rock",)),  # short
    ("35644", "6", 0.0, ("rock",)),  # broken everywhere
    ("20", "c", 29.2, ("metal", "female voice")),
    ("30", "d", 29.2, ("no vocals",)),
    ("31", "f", 29.2, ()),
)


def clip_path(clip_id: str, folder: str) -> str:
    return f"{folder}/an_artist-an_album-{clip_id}-0-29.mp3"


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The download in its real layout: quoted, TAB-separated annotations and 16 kHz mono mp3."""
    root = tmp_path_factory.mktemp("mtat")
    columns = ["clip_id", *sorted({*TAGS, *OTHERS}), "mp3_path"]
    with open(root / "annotations_final.csv", "w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        for clip_id, folder, _, tags in CLIPS:
            values = ["1" if name in tags else "0" for name in columns[1:-1]]
            writer.writerow([clip_id, *values, clip_path(clip_id, folder)])
    for i, (clip_id, folder, seconds, _) in enumerate(CLIPS):
        path = root / "mp3" / clip_path(clip_id, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        if seconds:
            audio = 0.3 * odd_audio.tone(seconds, 16_000, seed=i)
            soundfile.write(path, audio, 16_000, bitrate_mode="CONSTANT", compression_level=0.9)
        else:
            path.touch()
    return root


def prepared(tree: Path, root: Path, **settings: object) -> MagnaTagATune:
    source = MagnaTagATune(str(tree), data_dir=str(root), **{"allow_missing": 1, **settings})
    source.prepare()
    return source


@pytest.fixture(scope="module")
def sample_cnn(tree, tmp_path_factory) -> MagnaTagATune:
    return prepared(tree, tmp_path_factory.mktemp("records"))


def ids(source: MagnaTagATune) -> dict[str, list[str]]:
    return {
        split: [record["track"].split("-")[2] for record in source.open(split)] for split in SPLITS
    }


def test_the_protocol_of_sample_cnn(sample_cnn):
    assert ids(sample_cnn) == {"train": ["2", "10"], "validation": ["20"], "test": ["30"]}
    listed = (sample_cnn.directory / "rejects.csv").read_text()
    assert "lasts 28.9" in listed and "35644" not in listed


def test_the_protocol_of_all_clips(tree, tmp_path):
    source = prepared(tree, tmp_path, protocol="all_clips", chunk_seconds=9.0)
    chunks = ids(source)
    assert {split: list(dict.fromkeys(found)) for split, found in chunks.items()} == {
        "train": ["2", "10", "11", "12"],
        "validation": ["20"],
        "test": ["30", "31"],
    }
    assert chunks["validation"] == ["20"] * 3
    (track,) = records.join_tracks(source.open("validation"))
    assert abs(len(track["audio"]) - 29.2 * 16_000) < 2400


def test_tags_stand_in_the_order_of_the_list(sample_cnn):
    assert sample_cnn.info.labels == TAGS and len(set(TAGS)) == 50
    assert (TAGS[0], TAGS[-3:]) == ("guitar", ("metal", "female voice", "choral"))
    record = sample_cnn.open("validation")[0]
    assert [TAGS[i] for i in np.flatnonzero(record["tags"])] == ["metal", "female voice"]
    assert record["known"].all() and record["tags"].dtype == np.uint8
    blank = sample_cnn.blank()
    assert set(record) == set(blank) and record["tags"].shape == blank["tags"].shape == (50,)
    assert len(record["audio"]) >= len(blank["audio"]) == 465_600


def test_another_rate_and_an_unchanged_download(tree, tmp_path):
    source = prepared(tree, tmp_path, sample_rate=22_050)
    assert len(source.open("test")[0]["audio"]) >= 29.1 * 22_050
    before = (source.directory / "metadata.json").stat().st_mtime_ns
    source.prepare()
    assert (source.directory / "metadata.json").stat().st_mtime_ns == before


def test_what_is_missing_is_named(tree, tmp_path):
    with pytest.raises(BadInput, match=r"annotations_final\.csv is not there: download mp3\.zip"):
        prepared(tmp_path, tmp_path / "r")
    (tmp_path / "annotations_final.csv").write_bytes((tree / "annotations_final.csv").read_bytes())
    with pytest.raises(BadInput, match="no folders 0 to f"):
        prepared(tmp_path, tmp_path / "r")
    (tmp_path / "0").mkdir()
    with pytest.raises(BadInput, match=r"clips are missing: 0/an_artist"):
        prepared(tmp_path, tmp_path / "r", allow_missing=0)
    (tmp_path / "annotations_final.csv").write_text("clip_id\tguitar\tmp3_path\n1\t0\t0/x.mp3\n")
    with pytest.raises(BadInput, match="lacks the columns"):
        prepared(tmp_path, tmp_path / "r")
    with pytest.raises(BadInput, match="choose sample_cnn or all_clips"):
        MagnaTagATune("x", protocol="mine")


def test_missing_clips_may_be_allowed(tree, tmp_path):
    import shutil

    copy = shutil.copytree(tree, tmp_path / "copy")
    (copy / "mp3" / clip_path("10", "b")).unlink()
    with pytest.raises(BadInput, match="clips are missing: "):
        prepared(copy, tmp_path / "r", allow_missing=0)
    source = prepared(copy, tmp_path / "r", allow_missing=0.9999)
    assert ids(source)["train"] == ["2"]
    assert "10-0-29.mp3,missing" in (source.directory / "rejects.csv").read_text()


def test_deviations_from_the_published_splits_are_reported(tree, tmp_path, capsys):
    assert [sum(counts.values()) for counts in COUNTS.values()] == [21_105, 25_863 - 3]
    for protocol, counts in COUNTS.items():
        assert count_deviations(protocol, counts) == ""
        assert "test has" in count_deviations(protocol, {**counts, "test": counts["test"] - 1})
    assert not count_deviations("sample_cnn", {**COUNTS["sample_cnn"], "train": 15_250})
    prepared(tree, tmp_path)
    assert "train has 3 clips, not 15,244" in capsys.readouterr().err
