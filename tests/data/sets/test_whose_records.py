"""Records know the place they were made from, for every data set: a wrong path serves none."""

import csv
from dataclasses import fields

import numpy as np
import odd_audio
import pytest
import soundfile
from nsynth_miniature import nsynth

from zoo.data import records
from zoo.data.sets import gtzan, maestro, magnatagatune, musdb18, speech_commands, timit
from zoo.data.sets.folder import Folder
from zoo.data.sets.free_spoken_digits import FreeSpokenDigits
from zoo.data.sets.mir1k import Mir1K
from zoo.data.sets.nsynth import NSynth
from zoo.errors import BadInput


def tone(path, seconds=0.5, rate=16_000, channels=1, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = 0.2 * odd_audio.tone(seconds, rate, channels, seed=seed)
    soundfile.write(path, audio, rate, format="FLAC" if path.suffix == ".flac" else "WAV")
    return audio


def a_folder(root, **more):
    for i in range(4):
        tone(root / f"{i}.wav", seed=i)
    return Folder(str(root), 16_000, chunk_seconds=0.25, **more)


def a_gtzan(root, **more):
    for genre in ("jazz", "rock", "pop"):
        for i in range(3):
            tone(root / genre / f"{genre}.0000{i}.wav", seed=i)
    return gtzan.Gtzan(str(root), 16_000, 0.4, **{"allow_missing": 1, **more})


def a_timit(root, **more):
    for speaker in ("FB", "MA"):
        for sentence in ("SX1", "SI2"):
            tone(root / "TRAIN" / "DR1" / speaker / f"{sentence}.WAV")
    return timit.Timit(str(root), trim=False, **{"allow_missing": 1, **more})


def a_musdb(root, **more):
    for part, song in (("train", "A"), ("train", musdb18.VALIDATION[0]), ("test", "B")):
        parts = [
            tone(root / part / song / f"{stem}.wav", 0.5, 44_100, 2, seed)
            for seed, stem in enumerate(musdb18.STEMS)
        ]
        soundfile.write(root / part / song / "mixture.wav", sum(parts), 44_100)
    return musdb18.Musdb18HQ(str(root), chunk_seconds=0.25, **{"allow_missing": 1, **more})


def commands(root, **more):
    for seed, word in enumerate(speech_commands.DIGITS):
        for i in range(3):
            tone(root / word / f"{i}_nohash_0.wav", seed=seed)
    (root / "validation_list.txt").write_text("one/1_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("two/2_nohash_0.wav\n")
    return speech_commands.SpeechCommands(str(root), **{"allow_missing": 1, **more})


def mtat(root, **more):
    (root).mkdir(parents=True)
    with open(root / "annotations_final.csv", "w", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["clip_id", *magnatagatune.TAGS, "mp3_path"])
        for i, part in enumerate("0cd"):
            tone(root / part / f"{i}.mp3".replace("mp3", "wav"), seed=i)
            table.writerow([i, *["1"] * len(magnatagatune.TAGS), f"{part}/{i}.wav"])
    return magnatagatune.MagnaTagATune(str(root), "all_clips", **{"allow_missing": 1, **more})


def spoken(root, **more):
    for number in (0, 5, 10):
        tone(root / f"1_theo_{number}.wav", rate=8_000)
    return FreeSpokenDigits(str(root), **{"allow_missing": 1, **more})


def a_mir1k(root, **more):
    for name in ("amy_1_01", "amy_16_01", "bobon_1_01"):
        tone(root / "Wavfile" / f"{name}.wav", channels=2)
    return Mir1K(str(root), chunk_seconds=0.25, **{"allow_missing": 1, **more})


def an_nsynth(root, **more):
    return NSynth(str(nsynth(root, 0.5)), **{"allow_missing": 1, **more})


SETS = [a_folder, a_gtzan, a_timit, a_musdb, commands, mtat, spoken, a_mir1k, an_nsynth]


@pytest.mark.parametrize("make", SETS)
def test_a_wrong_path_gets_no_records_of_another(make, tmp_path, capsys):
    source = make(tmp_path / "right", data_dir=str(tmp_path / "data"))
    source.prepare()
    assert records.metadata(source.directory)["about"]["source"] == str(tmp_path / "right")
    wrong = type(source)(**{**settings(source), "path": str(tmp_path / "rihgt")})
    assert wrong.directory != source.directory
    with pytest.raises(BadInput, match="rihgt"):
        wrong.prepare()
    other = make(tmp_path / "other", data_dir=str(tmp_path / "data"))
    other.prepare()
    assert other.directory != source.directory and source.directory.is_dir()
    (tmp_path / "right").rename(tmp_path / "away")
    capsys.readouterr()
    source.prepare()
    said = capsys.readouterr().err
    assert f"{tmp_path / 'right'} is gone: the records made from it are used" in said
    assert len(source.open("train"))


def settings(source) -> dict:
    return {field.name: getattr(source, field.name) for field in fields(source)}


@pytest.mark.parametrize("make", SETS[1:])
def test_counts_that_are_not_the_published_are_said_at_every_start(make, tmp_path, capsys):
    source = make(tmp_path / "few", data_dir=str(tmp_path / "data"))
    for _ in range(2):
        source.prepare()
        assert "results are not comparable" in capsys.readouterr().err


def test_a_link_is_the_place_it_leads_to(tmp_path):
    source = a_folder(tmp_path / "real", data_dir=str(tmp_path / "data"))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    linked = Folder(str(tmp_path / "link"), 16_000, chunk_seconds=0.25, data_dir=source.data_dir)
    assert linked.directory.name == source.directory.name


def test_records_of_an_unknown_place_are_refused(tmp_path):
    folder = tmp_path / "records" / "1.0.0"
    folder.mkdir(parents=True)
    with pytest.raises(BadInput, match="were made from an unknown place"):
        records.serve_alone(tmp_path / "gone", folder)
    assert not records.serve_alone(tmp_path, folder)
    assert maestro.COUNTS == {"train": 962, "validation": 137, "test": 177}


@pytest.mark.parametrize("damage", ["half", "none", "zeros", "header", "text", "packed"])
def test_timit_takes_the_whole_one_of_two_twins(tmp_path, damage):
    folder = tmp_path / "TRAIN" / "DR1" / "FB"
    for sentence in ("SX1", "SI2"):
        path = folder / f"{sentence}.WAV"
        tone(path)
        audio, _ = soundfile.read(path, dtype="int16")
        path.rename(folder / f"{sentence}.WAV.wav")
        soundfile.write(path, audio, 16_000, format="NIST")
        data = path.read_bytes()
        path.write_bytes(
            {
                "half": data[: len(data) // 2],
                "none": b"",
                "zeros": data[:1024] + bytes(len(data) - 1024),
                "header": b"NOT_1A" + data[6:],
                "text": b"<html>gone</html>",
                "packed": data.replace(b"pcm\n", b"pcm,embedded-shorten-v2.00\n"),
            }[damage]
        )
    source = timit.Timit(
        str(tmp_path), trim=False, allow_missing=True, data_dir=str(tmp_path / "data")
    )
    source.prepare()
    for split in ("train", "test"):
        (record,) = source.open(split)
        np.testing.assert_array_equal(record["audio"][:, 0], audio)
