"""Whole tracks by published lists, of which only the crops are decoded."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.audio import audio_files
from zoo.data import file_audio
from zoo.data.file_audio import FileAudio
from zoo.data.pipeline import Data
from zoo.data.sets.mtg_jamendo import MtgJamendo
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.base import unpadded_audio

ROWS = {
    "train": [
        ("1", "14/214.mp3", 31.0, "genre---rock", "mood/theme---sad"),
        ("2", "15/215.mp3", 32),
    ],
    "validation": [("3", "16/216.mp3", 31.0, "genre---pop")],
    "test": [("4", "17/217.mp3", 31.0, "genre---rock")],
}
ROWS["train"][1] += ("instrument---piano",)
HEAD = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"


def write_lists(root, rows=ROWS, head=HEAD):
    folder = root / "splits" / "split-2"
    folder.mkdir(parents=True, exist_ok=True)
    for split, tracks in rows.items():
        lines = ["\t".join(map(str, (n, "a", "b", *rest))) for n, *rest in tracks]
        text = "\n".join([head, *lines]) + "\n"
        (folder / f"autotagging_top50tags-{split}.tsv").write_text(text)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("jamendo")
    for rows in ROWS.values():
        for number, path, seconds, *_ in rows:
            audio = odd_audio.tone(seconds, 44_100, 2, seed=int(number))
            file = root / (path.replace(".mp3", ".low.mp3") if number == "2" else path)
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, audio, 44_100, format="MP3")
    write_lists(root)
    return root


@pytest.fixture
def folder(made, tmp_path):
    """Lists of one's own over the same sound."""
    (tmp_path / "jamendo").mkdir()
    for file in made.iterdir():
        if file.name != "splits":
            (tmp_path / "jamendo" / file.name).symlink_to(file)
    write_lists(tmp_path / "jamendo")
    return tmp_path / "jamendo"


def source_of(folder, **how):
    return MtgJamendo(str(folder), split=2, data_dir=str(folder.parent / "data"), **how)


def test_tracks_and_tags_of_the_lists(folder, capsys):
    source = source_of(folder)
    source.prepare()
    assert source.info.labels == (
        *("genre---pop", "genre---rock", "instrument---piano", "mood/theme---sad"),
    )
    train = source.open("train")
    assert [record["tags"].tolist() for record in train] == [[0, 1, 0, 1], [0, 0, 1, 0]]
    assert [len(source.open(split)) for split in ("validation", "test")] == [1, 1]
    assert abs(train[1]["length"] - 32 * 16_000) < 3_000
    whole, _ = audio_files.read_audio(folder / "15/215.low.mp3", 16_000, 1)
    np.testing.assert_allclose(
        unpadded_audio(train[1])[:, 0], whole[: train[1]["length"], 0], atol=2e-3
    )
    assert "tracks train 2, validation 1, test 1" in capsys.readouterr().err


def test_a_crop_decodes_no_more_than_it_takes(folder, monkeypatch):
    decoded = []
    real = file_audio.FileAudio._decoded

    def counted(self, file, start, stop):
        decoded.append(stop - start)
        return real(self, file, start, stop)

    monkeypatch.setattr(file_audio.FileAudio, "_decoded", counted)
    source = source_of(folder)
    source.prepare()
    data = Data(source, (Crop(8_000), ToFloat(), Keep("audio", "tags", "known")))
    batch = next(data.batches(4, seed=0))
    assert batch["audio"].shape == (4, 8_000, 1) and np.abs(batch["audio"]).max() > 0.1
    assert decoded and set(decoded) == {8_000}


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [44_100, 16_000, 8_000])
def test_any_place_is_what_the_whole_file_has_there(tmp_path, suffix, rate):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, odd_audio.tone(6.0, rate, 2), rate, format=suffix.upper())
    whole, _ = audio_files.read_audio(path, 16_000, 1)
    lazy = FileAudio(path, 16_000, len(whole))
    assert lazy.shape == whole.shape and len(lazy) == len(whole)
    for start in (0, 1, 16_001, 50_007, len(whole) - 4_000):
        found = lazy[start : start + 4_000] / 32768
        np.testing.assert_allclose(found, whole[start : start + 4_000], atol=3e-3)
    beyond = FileAudio(path, 16_000, len(whole) + 100)
    assert not beyond[-90:].any() and np.asarray(lazy).dtype == np.int16


def test_files_that_are_missing_or_cut_off_are_named(folder):
    rows = {**ROWS, "test": [("4", "18/218.mp3", 31.0, "genre---rock")]}
    write_lists(folder, rows)
    with pytest.raises(BadInput, match=r"1 of 4 tracks are missing: 18/218\.mp3; download raw_30s"):
        source_of(folder).prepare()
    few = source_of(folder, allow_missing=0.25)
    few.prepare()
    assert len(few.open("test")) == 0 and len(few.open("train")) == 2
    write_lists(folder, {**ROWS, "test": [("4", "17/217.mp3", 99.0, "genre---rock")]})
    with pytest.raises(BadInput, match=r"217\.mp3 lasts 31\.\d s, the list says 99\.0 s"):
        source_of(folder).prepare()
    (folder / "19").mkdir()
    (folder / "19" / "219.mp3").write_bytes(b"nothing")
    write_lists(folder, {**ROWS, "test": [("4", "19/219.mp3", 31.0, "genre---rock")]})
    with pytest.raises(BadInput, match=r"219\.mp3 cannot be read"):
        source_of(folder).prepare()
    with pytest.raises(BadInput, match=r"219\.mp3 cannot be read at sample 5"):
        FileAudio(folder / "19" / "219.mp3", 16_000, 100)[5:7]


@pytest.mark.parametrize(
    ("rows", "head", "message"),
    [
        ([("1", "14/214.mp3")], HEAD, "line 2, is cut off"),
        ([("1", "14/214.mp3", 31.0)], HEAD, "line 2: no tags"),
        ([("1", "../214.mp3", 31.0, "genre---pop")], HEAD, "no path below"),
        ([("1", "14/214.mp3", 31.0, "genre---pop")] * 2, HEAD, "names 1 twice"),
        (ROWS["train"], "ID\tPATH", "does not begin with TRACK_ID"),
    ],
)
def test_lists_that_are_not_the_published_are_refused(folder, rows, head, message):
    write_lists(folder, {**ROWS, "train": rows}, head)
    with pytest.raises(BadInput, match=message):
        source_of(folder).prepare()


def test_what_is_not_there_is_said(folder):
    with pytest.raises(BadInput, match="subset=top10 split=0: choose all, top50"):
        MtgJamendo(str(folder), "top10")
    with pytest.raises(BadInput, match=r"autotagging_genre-train\.tsv is not there"):
        source_of(folder, subset="genre").prepare()
    absent = MtgJamendo(str(folder / "none"))
    assert len(absent.info.labels) == 50 and absent.blank()["tags"].shape == (50,)
    with pytest.raises(BadInput, match="no such folder; download raw_30s"):
        absent.prepare()
    with pytest.raises(BadInput, match="prepare the data set first"):
        source_of(folder).open("train")
