"""Words in folders, the published lists, and the ten digits as a subset of their own."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets.speech_commands import DIGITS, SUBSETS, SpeechCommands
from zoo.errors import BadInput
from zoo.experiment import find_config


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "commands"
    for seed, word in enumerate((*DIGITS, "yes", "_background_noise_")):
        for speaker in range(3):
            file = root / word / f"{speaker:08x}_nohash_0.wav"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, odd_audio.tone(0.6 + 0.2 * speaker, 16_000, seed=seed), 16_000)
    (root / "validation_list.txt").write_text("one/00000001_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("two/00000002_nohash_0.wav\nyes/00000002_nohash_0.wav\n")
    return root


def test_the_digits_by_the_published_lists(folder, tmp_path, capsys):
    source = SpeechCommands(str(folder), data_dir=str(tmp_path / "data"), allow_missing=1)
    source.prepare()
    train, validation, test = (source.open(s) for s in ("train", "validation", "test"))
    assert (len(train), len(validation), len(test)) == (28, 1, 1)
    assert source.info.labels == DIGITS and str(test[0]["track"]) == "two/00000002_nohash_0.wav"
    for record in (*train, *validation, *test):
        word = DIGITS[int(np.argmax(record["tags"]))]
        assert str(record["track"]).startswith(f"{word}/") and record["tags"].sum() == 1
        assert record["audio"].shape == (16_000, 1) and record["length"] <= 16_000
        assert not record["audio"][int(record["length"]) :].any()
    assert "not 18,620 or 31,158" in capsys.readouterr().err
    source.prepare()
    assert "not comparable" in capsys.readouterr().err


def test_what_is_missing_is_named(folder, tmp_path):
    with pytest.raises(BadInput, match="has no folder no, up"):
        SpeechCommands(
            str(folder), "core", data_dir=str(tmp_path / "data"), allow_missing=1
        ).prepare()
    with pytest.raises(BadInput, match="choose digits, core, v1, v2"):
        SpeechCommands(str(folder), "letters")
    (folder / "testing_list.txt").unlink()
    with pytest.raises(BadInput, match=r"no testing_list\.txt"):
        SpeechCommands(str(folder), data_dir=str(tmp_path / "data"), allow_missing=1).prepare()
    with pytest.raises(BadInput, match="no such folder"):
        SpeechCommands(
            str(folder / "none"), data_dir=str(tmp_path / "data"), allow_missing=1
        ).prepare()


def test_versions_have_their_numbers_of_words():
    assert len(SUBSETS["v1"]) == 30 and len(SUBSETS["v2"]) == 35
    assert all(len(set(words)) == len(words) for words in SUBSETS.values())


def test_all_words_of_version_2_are_counted(folder, tmp_path, capsys):
    for word in SUBSETS["v2"]:
        (folder / word).mkdir(exist_ok=True)
        soundfile.write(
            folder / word / "0000000a_nohash_0.wav", odd_audio.tone(0.6, 16_000), 16_000
        )
    source = SpeechCommands(str(folder), "v2", data_dir=str(tmp_path / "data"), allow_missing=1)
    source.prepare()
    assert len(source.info.labels) == 35 and source.blank()["tags"].shape == (35,)
    tags = np.sum([record["tags"] for record in source.open("train")], 0)
    assert (tags > 0).all() and len(source.open("test")) == 2
    assert f"train has {tags.sum()} utterances, not 84,843" in capsys.readouterr().err


def test_wavegan_takes_the_digits_of_the_whole_set(folder):
    experiment = find_config("wavegan_sc09").experiment(path=str(folder), subset="digits")
    source = experiment.data.source
    assert isinstance(source, SpeechCommands) and source.blank()["audio"].shape == (16_384, 1)
