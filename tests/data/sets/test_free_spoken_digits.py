"""Digits in files DIGIT_SPEAKER_NUMBER.wav: the official split, and one speaker left out."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.folds import Folded
from zoo.data.sets.free_spoken_digits import DIGITS, FreeSpokenDigits
from zoo.errors import BadInput

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    root = tmp_path_factory.mktemp("fsdd")
    (root / "recordings").mkdir()
    for speaker in SPEAKERS:
        for digit in (0, 3, 7):
            for number in (2, 5, 49):
                file = root / "recordings" / f"{digit}_{speaker}_{number}.wav"
                soundfile.write(file, odd_audio.tone(0.2 + 0.4 * (digit == 7), 8_000), 8_000)
    return root


@pytest.fixture(scope="module")
def source(clone, tmp_path_factory):
    made = FreeSpokenDigits(
        str(clone), seconds=0.5, data_dir=str(tmp_path_factory.mktemp("data")), allow_missing=1
    )
    made.prepare()
    return made


def test_the_official_split_by_the_number_of_the_recording(source, capsys):
    for split, number in (("test", 2), ("validation", 5), ("train", 49)):
        records = source.open(split)
        assert len(records) == 18
        for record in records:
            speaker, name = str(record["track"]).split("/")
            assert name == f"{name[0]}_{speaker}_{number}"
            assert DIGITS[int(np.argmax(record["tags"]))] == DIGITS[int(name[0])]
            assert record["tags"].sum() == 1 and record["known"].all()
    source.prepare()
    assert "train has 18 tracks, not 2,400" in capsys.readouterr().err


def test_short_words_are_repeated_and_long_ones_kept(source):
    for record in source.open("test"):
        audio, seven = record["audio"], "/7" in str(record["track"])
        assert len(audio) == record["length"] == (4_800 if seven else 4_000)
        if not seven:
            np.testing.assert_array_equal(audio[1_600:3_200], audio[:1_600])
            np.testing.assert_array_equal(audio[3_200:], audio[:800])


def test_zeros_follow_a_short_word_where_it_is_not_repeated(clone, source, tmp_path):
    made = FreeSpokenDigits(
        str(clone), seconds=0.5, data_dir=str(tmp_path), repeat=False, allow_missing=1
    )
    made.prepare()
    for record, repeated in zip(made.open("test"), source.open("test")):
        own = 4_800 if "/7" in str(record["track"]) else 1_600
        np.testing.assert_array_equal(record["audio"][:own], repeated["audio"][:own])
        assert not record["audio"][own:].any() and len(record["audio"]) == len(repeated["audio"])
    assert made.record_name != source.record_name


def test_six_folds_leave_one_speaker_out_each(source):
    left = []
    for fold in range(6):
        folded = Folded(source, fold, 6, group=1, validation=False)
        names = {
            split: {str(record["track"]).split("/")[0] for record in folded.open(split)}
            for split in ("train", "test")
        }
        assert len(names["test"]) == 1 and len(names["train"]) == 5
        left += names["test"]
    assert sorted(left) == sorted(SPEAKERS)


def test_what_is_no_such_folder_is_refused(clone, tmp_path):
    with pytest.raises(BadInput, match="no such folder; clone"):
        FreeSpokenDigits(str(tmp_path / "none")).prepare()
    (tmp_path / "mine").mkdir()
    with pytest.raises(BadInput, match="no audio"):
        FreeSpokenDigits(str(tmp_path / "mine"), data_dir=str(tmp_path)).prepare()
    soundfile.write(tmp_path / "mine" / "seven.wav", odd_audio.tone(0.2, 8_000), 8_000)
    with pytest.raises(BadInput, match=r"seven\.wav.*7_jackson_32"):
        FreeSpokenDigits(str(tmp_path / "mine"), data_dir=str(tmp_path)).prepare()


def test_a_damaged_recording_ends_the_build_by_name(tmp_path):
    for number in (0, 5, 10):
        soundfile.write(tmp_path / f"1_theo_{number}.wav", odd_audio.tone(0.2, 8_000), 8_000)
    (tmp_path / "2_theo_10.wav").write_bytes(b"")
    with pytest.raises(BadInput, match=r"2_theo_10\.wav is empty"):
        FreeSpokenDigits(str(tmp_path), data_dir=str(tmp_path / "data"), allow_missing=1).prepare()
