"""A user's folder: held-out folders, songs in pieces, unreadable kinds, changes between starts."""

import shutil

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.audio import mpeg4
from zoo.data import records
from zoo.data.sets.folder import Folder
from zoo.errors import BadInput

RATE = 8_000


@pytest.fixture
def music(tmp_path):
    """Writes tones: music('a/b.wav', ...)."""

    def put(*names: str) -> None:
        for seed, name in enumerate(names):
            path = tmp_path / "music" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, odd_audio.tone(1.2, RATE, seed=seed), RATE)

    return put


def source(tmp_path, **changes) -> Folder:
    settings = dict(chunk_seconds=1.0, data_dir=str(tmp_path / "data"), validation=0.2, test=0.2)
    return Folder(str(tmp_path / "music"), RATE, **{**settings, **changes})


def splits(folder: Folder) -> dict[str, str]:
    found = {}
    for split in records.SPLITS:
        try:
            found |= {str(record["track"]): split for record in folder.open(split)}
        except records.NoSplit:
            continue
    return found


def listed(folder: Folder) -> str:
    return (folder.directory / "rejects.csv").read_text()


def test_a_test_folder_beside_training_is_tested_on(tmp_path, music, capsys):
    names = [f"{part}/{i}.wav" for part in ("train", "test") for i in range(6)]
    music(*names)
    folder = source(tmp_path)
    folder.prepare()
    found = splits(folder)
    assert {name for name in names if found[name] == "test"} == set(names[6:])
    assert sum(split == "validation" for split in found.values()) >= 1
    for _ in range(2):  # and at the next start, when nothing is built
        said = capsys.readouterr().err
        assert "split by the folders named for test, train; of training validation 20%" in said
        folder.prepare()
    table = (folder.directory / "splits.csv").read_text()
    assert table.startswith("track,split\n") and "test/0.wav,test\n" in table


def test_pieces_of_songs_do_not_fall_on_both_sides(tmp_path, music, capsys):
    names = [f"song {s}/{i}.wav" for s in range(6) for i in range(4)]
    music(*names)
    folder = source(tmp_path)
    folder.prepare()
    songs = {}
    for name, split in splits(folder).items():
        songs.setdefault(name.split("/")[0], set()).add(split)
    assert len(songs) == 6 and all(len(there) == 1 for there in songs.values())
    assert "6 groups of files" in capsys.readouterr().err
    alone = source(tmp_path, group=0)
    alone.prepare()
    assert "each file by itself" in capsys.readouterr().err
    assert alone.directory != folder.directory


def test_a_column_says_what_belongs_together(tmp_path, music, capsys):
    names = [f"{i}.wav" for i in range(24)]
    music(*names)
    rows = [f"{n},{'loud' if i % 2 else 'soft'},band {i // 4}" for i, n in enumerate(names)]
    table = tmp_path / "labels.csv"
    table.write_text("file,tags,artist\n" + "\n".join(rows) + "\n")
    folder = source(tmp_path, labels=str(table), group="artist")
    folder.prepare()
    bands = {}
    for name, split in splits(folder).items():
        bands.setdefault(int(name.split(".")[0]) // 4, set()).add(split)
    assert folder.info.labels == ("loud", "soft") and all(len(s) == 1 for s in bands.values())
    assert set.union(*bands.values()) == set(records.SPLITS)
    with pytest.raises(BadInput, match="no column 'album'"):
        source(tmp_path, labels=str(table), group="album").prepare()
    with pytest.raises(BadInput, match="is a column of labels=CSV"):
        source(tmp_path, group="artist")


def test_genres_in_folders_are_in_every_split(tmp_path, music, capsys):
    names = [f"{genre}/{i}.wav" for genre in ("jazz", "rock", "folk") for i in range(8)]
    music(*names)
    table = tmp_path / "labels.csv"
    table.write_text("file,tags\n" + "".join(f"{n},{n.split('/')[0]}\n" for n in names))
    folder = source(tmp_path, labels=str(table))
    folder.prepare()
    found = splits(folder)
    for part in records.SPLITS:
        assert {n.split("/")[0] for n, s in found.items() if s == part} == {"jazz", "rock", "folk"}
    said = capsys.readouterr().err
    assert "tags spread evenly" in said and "cannot be measured" not in said


def test_thirteen_files_with_a_test_of_one_say_so(tmp_path, music, capsys):
    names = [f"{i}.wav" for i in range(13)]
    music(*names)
    table = tmp_path / "labels.csv"
    table.write_text("file,tags\n" + "".join(f"{n},all;t{i}\n" for i, n in enumerate(names)))
    source(tmp_path, labels=str(table), test=0.01, validation=0.0).prepare()
    said = capsys.readouterr().err
    assert "its numbers say little" in said and "14 of 14 tags cannot be measured on test" in said


def test_unreadable_kinds_are_listed_and_counted(tmp_path, music, capsys, monkeypatch):
    monkeypatch.setattr(mpeg4, "pyav_installed", lambda: False)
    music("a.wav", "b.wav", "c.wav", "d.wav")
    for i, kind in enumerate(("m4a", "M4A", "aac", "wma", "stem.mp4", "mp4", "webm", "ape")):
        (tmp_path / "music" / f"song {i}.{kind}").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    folder = source(tmp_path)
    folder.prepare()
    assert len(splits(folder)) == 4
    assert listed(folder).count("cannot be read here") == 8
    said = capsys.readouterr().err
    assert "8 files left out" in said and "2 m4a, 1 mp4, 1 stem.mp4" in said
    (tmp_path / "music" / "more.m4a").write_bytes(b"new")
    folder.prepare()
    assert listed(folder).count("cannot be read here") == 9


def test_sound_under_any_name_is_taken_or_listed(tmp_path, music, capsys):
    """4 wav + 8 others: what libsndfile reads reliably is data, the rest is named."""
    music("a.wav", "b.wav", "c.wav", "d.wav")
    there, made = tmp_path / "music", tmp_path / "music" / "a.wav"
    tone, rate = soundfile.read(made)
    for name, kind in (("e.caf", "CAF"), ("f.w64", "W64"), ("g.RF64", "RF64"), ("h.aifc", "AIFF")):
        soundfile.write(there / name, tone * 0.9, rate, format=kind)
    soundfile.write(there / "i.voc", tone, rate, format="VOC")
    for name in ("without ending", "j.wav.bak", "k.sound"):
        shutil.copyfile(made, there / name)
    for name in ("cover.jpg", "notes.txt", "song.mid", "photo.heic"):
        (there / name).write_bytes(b"\0\0\0\x20ftypheic" if "heic" in name else b"MThd, or text")
    folder = source(tmp_path)
    folder.prepare()
    assert len(splits(folder)) == 8 and listed(folder).count("\n") == 5
    assert listed(folder).count("sound by its first bytes") == 3
    said = capsys.readouterr().err
    assert "4 files left out" in said and "1 voc cannot be read here" in said
    assert "1 bak, 1 sound, 1 without an ending is sound by its first bytes" in said


def test_files_that_come_and_go_between_starts_move_no_other(tmp_path, music, capsys):
    names = [f"{i}.wav" for i in range(20)]
    music(*names)
    table = tmp_path / "labels.csv"
    table.write_text("file,tags\n" + "".join(f"{n},t{i % 3}\n" for i, n in enumerate(names)))
    folder = source(tmp_path, labels=str(table))
    folder.prepare()
    before = splits(folder)
    music(*(f"new {i}.wav" for i in range(10)))
    (tmp_path / "music" / "3.wav").unlink()
    kept = [n for n in names if n != "3.wav"]
    rows = [
        *((n, i % 3) for i, n in enumerate(kept)),
        *((f"new {i}.wav", i % 3) for i in range(10)),
    ]
    table.write_text("file,tags\n" + "".join(f"{n},t{t}\n" for n, t in rows))
    capsys.readouterr()
    folder.prepare()
    after = splits(folder)
    assert {n: after[n] for n in kept} == {n: before[n] for n in kept} and len(after) == 29
    said = capsys.readouterr().err
    assert "10 new (new 0.wav, new 1.wav, new 2.wav, ...), 1 gone (3.wav)" in said
    assert "tracks keep their splits" in said


def test_records_of_a_folder_that_is_gone_are_named(tmp_path, music, capsys):
    music("a.wav", "b.wav", "c.wav")
    folder = source(tmp_path)
    folder.prepare()
    (tmp_path / "music").rename(tmp_path / "elsewhere")
    capsys.readouterr()
    folder.prepare()
    assert f"{tmp_path / 'music'} is gone: the records made from it are used" in (
        capsys.readouterr().err
    )
    with pytest.raises(BadInput, match="no such folder"):
        Folder(str(tmp_path / "misuc"), RATE, data_dir=str(tmp_path / "data")).prepare()
    assert np.all(folder.open("train")[0]["length"] > 0)
