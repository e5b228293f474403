"""Records of songs, scores and whole tracks know their place, too, and what they lack."""

import csv
import shutil
from functools import partial

import odd_audio
import pytest
import soundfile
import test_fma
import test_maestro
import test_maps
import test_mtg_jamendo as jamendo
import test_stem_songs as songs

from zoo.data import records
from zoo.data.sets import fma, mtg_jamendo
from zoo.data.sets.maestro import Maestro
from zoo.data.sets.maestro_notes import MaestroNotes
from zoo.data.sets.maps import Maps
from zoo.data.sets.midi_folder import MidiFolder
from zoo.errors import BadInput


def of_songs(name, root, data):
    root.mkdir()
    kind = songs.MADE[name][0](root)
    return kind(str(root), chunk_seconds=0.3, allow_missing=1, data_dir=data)


def a_maestro(kind, root, data):
    parts = ("train", "train", "validation", "test")
    rows = [test_maestro.performance(root, c, p, 44_100) for c, p in zip("abcd", parts)]
    with open(root / "maestro-v3.0.0.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([test_maestro.HEADER, *rows])
    return kind(str(root), allow_missing=1, data_dir=data)


def an_fma(root, data):
    for number in (2, 140, 1_482):
        track = f"{number:06d}"
        file = root / "fma_small" / track[:3] / f"{track}.mp3"
        file.parent.mkdir(parents=True, exist_ok=True)
        sound = odd_audio.tone(0.7, 22_050, 1, seed=number)
        soundfile.write(file, sound, 22_050, format="MP3")
    test_fma.table(root, [row for row in test_fma.ROWS if row[0] in (2, 140, 1_482)])
    return fma.Fma(str(root), "small", 16_000, 1, data)


def a_maps(root, data):
    test_maps.of_a_repository(root)
    return Maps(str(root), 16_000, 1.0, data, 1)


def some_midi(root, data):
    a_maestro(Maestro, root, data)
    return MidiFolder(str(root), data_dir=data)


PREPARED = {
    **{name: partial(of_songs, name) for name in songs.MADE},
    "maestro": partial(a_maestro, Maestro),
    "maps": a_maps,
    "fma": an_fma,
}
KEPT = {"maestro_notes": partial(a_maestro, MaestroNotes), "midi_folder": some_midi}


@pytest.mark.parametrize("name", PREPARED)
def test_a_wrong_path_or_a_part_is_not_served(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fma, "SECONDS", 0.5)
    make, data = PREPARED[name], str(tmp_path / "data")
    source = make(tmp_path / "right", data)
    source.prepare()
    assert records.metadata(source.directory)["about"]["source"] == str(tmp_path / "right")
    capsys.readouterr()
    source.prepare()
    assert "not comparable" in capsys.readouterr().err
    shutil.copytree(tmp_path / "right", tmp_path / "other")
    wrong = type(source)(**{**vars(source), "path": str(tmp_path / "rihgt")})
    other = type(source)(**{**vars(source), "path": str(tmp_path / "other")})
    assert len({s.directory for s in (source, wrong, other)}) == 3
    with pytest.raises(BadInput, match="rihgt"):
        wrong.prepare()
    (tmp_path / "right").rename(tmp_path / "away")
    source.prepare()
    said = capsys.readouterr().err
    assert "is gone: the records made from it are used" in said and "not comparable" in said


@pytest.mark.parametrize("name", KEPT)
def test_notes_are_of_the_folder_that_is_given(name, tmp_path):
    make, data = KEPT[name], str(tmp_path / "data")
    source = make(tmp_path / "right", data)
    source.prepare()
    shutil.copytree(tmp_path / "right", tmp_path / "other")
    other = type(source)(**{**vars(source), "path": str(tmp_path / "other")})
    with pytest.raises(BadInput, match="prepare"):
        other.open("train")
    (tmp_path / "right").rename(tmp_path / "away")
    with pytest.raises(BadInput, match="right"):
        source.prepare()


def test_whole_tracks_are_asked_for_again_where_fewer_are_allowed(tmp_path, capsys):
    root = tmp_path / "jamendo"
    for number, path in (("1", "14/214.mp3"), ("3", "16/216.mp3"), ("4", "17/217.mp3")):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        sound = odd_audio.tone(31, 8_000, 1, seed=int(number))
        soundfile.write(file, sound, 8_000, format="MP3")
    jamendo.write_lists(root)
    source = jamendo.source_of(root, allow_missing=0.25)
    for _ in range(2):
        source.prepare()
        said = capsys.readouterr().err
        assert "1 of 4 tracks are missing: results are not comparable" in said
    assert len(source.open("train")) == 1
    with pytest.raises(BadInput, match=r"1 of 4 tracks are missing: 15/215.mp3"):
        jamendo.source_of(root).prepare()
    shutil.copytree(root, tmp_path / "other")
    with pytest.raises(BadInput, match="prepare the data set first"):
        jamendo.source_of(tmp_path / "other").open("train")
    (root / "15").mkdir()
    sound = odd_audio.tone(32, 8_000, 1, seed=2)
    soundfile.write(root / "15" / "215.low.mp3", sound, 8_000, format="MP3")
    whole = mtg_jamendo.MtgJamendo(str(root), split=2, data_dir=source.data_dir)
    whole.prepare()
    assert len(whole.open("train")) == 2 and "missing" not in capsys.readouterr().err
    root.rename(tmp_path / "away")
    with pytest.raises(BadInput, match="no such folder"):
        whole.prepare()
