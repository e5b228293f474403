"""LJSpeech in miniature: names, list and files as in the release, and each damaged."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets import ljspeech
from zoo.data.sets.ljspeech import LJSpeech
from zoo.errors import BadInput

NAMES = [f"LJ00{1 + n // 4}-000{1 + n % 4}" for n in range(8)]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(ljspeech, "TAIL", 2)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "LJSpeech-1.1"
    (root / "wavs").mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        sound = 0.3 * odd_audio.tone(0.1 + 0.01 * seed, 22_050, seed=seed)
        soundfile.write(root / "wavs" / f"{name}.wav", sound, 22_050)
    lines = [f"{name}|Mr. {n}|Mister “{n}”, he said" for n, name in enumerate(NAMES)]
    (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def source(folder, **more):
    given = {"allow_missing": 1, **more}
    return LJSpeech(str(folder), data_dir=str(folder.parent / "data"), **given)


def tracks(made):
    return [[str(r["track"]) for r in made.open(s)] for s in ("train", "validation", "test")]


def test_records_hold_the_spelled_out_text_and_the_whole_sound(folder, capsys):
    made = source(folder)
    made.prepare()
    assert tracks(made) == [NAMES[:4], NAMES[4:6], NAMES[6:]]
    assert "13,092 of 13,100 files are missing: results are not" in capsys.readouterr().err
    record = made.open("test")[0]
    assert record["text"] == "Mister “6”, he said"
    sound, _ = soundfile.read(folder / "wavs" / f"{NAMES[6]}.wav", dtype="int16")
    np.testing.assert_array_equal(record["audio"][:, 0], sound)
    assert set(made.blank()) == set(record)


def lists(folder, **files):
    for name, listed in files.items():
        rows = [f"{entry}|some text" for entry in listed]
        (folder / f"{name}.txt").write_text("\n".join(rows))


def test_published_lists_make_the_split(folder):
    """HiFi-GAN's two lists, whose second is halved, and NVIDIA's three, by files."""
    lists(folder, training=NAMES[2:5], validation=NAMES[5:])
    made = source(folder, split="lists")
    made.prepare()
    assert tracks(made) == [NAMES[2:5], NAMES[5:7], NAMES[7:]]
    for name in ("training", "validation"):
        (folder / f"{name}.txt").unlink()
    parts = {"train": NAMES[:5], "val": NAMES[5:6], "test": NAMES[6:]}
    named = {
        f"ljs_audio_text_{k}_filelist": [f"DUMMY/{n}.wav" for n in v] for k, v in parts.items()
    }
    lists(folder, **named)
    made = source(folder, split="lists")
    made.prepare()
    assert tracks(made) == list(parts.values())


def no_list(folder):
    (folder / "metadata.csv").unlink()


def nothing_in_it(folder):
    (folder / "metadata.csv").write_text("\n")


def edited(folder, line):
    path = folder / "metadata.csv"
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def two_columns(folder):
    edited(folder, "LJ009-0001|text")


def another_name(folder):
    edited(folder, "../LJ009-0001|text|text")


def no_text(folder):
    edited(folder, "LJ009-0001|text| ")


def twice(folder):
    edited(folder, f"{NAMES[0]}|text|text")


def no_utf_8(folder):
    (folder / "metadata.csv").write_bytes(b"LJ001-0001|\xff\xfe|a\n")


def a_file_gone(folder):
    (folder / "wavs" / f"{NAMES[3]}.wav").unlink()


def another_rate(folder):
    soundfile.write(folder / "wavs" / f"{NAMES[3]}.wav", odd_audio.tone(0.1, 16_000), 16_000)


def in_stereo(folder):
    soundfile.write(folder / "wavs" / f"{NAMES[3]}.wav", odd_audio.tone(0.1, 22_050, 2), 22_050)


def few_lines(folder):
    path = folder / "metadata.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:4]))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (no_list, r"metadata\.csv is not there: download LJSpeech-1\.1"),
        (nothing_in_it, r"metadata\.csv is empty"),
        (two_columns, r"metadata\.csv, line 9: not LJ001-0001\|text\|text"),
        (another_name, r"metadata\.csv, line 9: not LJ001-0001\|text\|text"),
        (no_text, "line 9: LJ009-0001 has no spelled-out text"),
        (twice, "line 9: LJ001-0001 is listed twice"),
        (no_utf_8, "is no text in UTF-8"),
        (a_file_gone, r"13,093 of 13,100 files are missing: wavs/LJ001-0004\.wav \(in all 7 of"),
        (another_rate, r"1 channel\(s\) of 16,000 Hz, not one of 22,050"),
        (in_stereo, r"2 channel\(s\) of 22,050 Hz"),
        (few_lines, "lists 4 sentences, of which 4 are held out"),
    ],
)
def test_what_is_not_the_original_is_refused(folder, damage, said):
    damage(folder)
    with pytest.raises(BadInput, match=said) as caught:
        source(folder, allow_missing=float("missing" not in said)).prepare()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no published lists: put training.txt and validation.txt"),
        ({"training": NAMES[:4]}, r"validation\.txt is not there"),
        ({"training": NAMES[:4], "validation": NAMES[3:]}, "LJ001-0004 is in two of the lists"),
        ({"training": NAMES[:4] * 2, "validation": NAMES[4:]}, "LJ001-0001 is listed twice"),
        ({"training": ["LJ0"], "validation": NAMES[4:]}, "line 1: 'LJ0' is not in metadata"),
    ],
)
def test_lists_that_are_not_the_published_ones_are_refused(folder, files, said):
    lists(folder, **files)
    with pytest.raises(BadInput, match=said):
        source(folder, split="lists").prepare()
    with pytest.raises(BadInput, match="choose tails or lists"):
        source(folder, split="random")
