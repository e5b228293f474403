"""The speaker task on files laid out like TIMIT's."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets.timit import SPEAKERS, Timit
from zoo.errors import BadInput


def test_sentences_and_speakers_come_from_file_names(tmp_path):
    for i, name in enumerate(["FB", "MA", "MC"]):
        for sentence in ("SA1", "SX12", "SX13", "SI9"):
            file = tmp_path / "TRAIN" / f"DR{i % 2}" / name / f"{sentence}.WAV"
            file.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(file, odd_audio.tone(0.4, 16_000, seed=i), 16_000, format="NIST")
            file.with_suffix(".WRD").write_text("800 2000 she\n2000 5600 had\n")
    again = tmp_path / "TRAIN" / "DR0" / "FB" / "SX12.WAV.wav"
    soundfile.write(again, odd_audio.tone(0.4, 16_000, seed=0), 16_000)
    with pytest.raises(BadInput, match="of 3,696 sentences are missing: train 6 of"):
        Timit(str(tmp_path), data_dir=str(tmp_path / "data")).prepare()
    source = Timit(str(tmp_path), allow_missing=True, data_dir=str(tmp_path / "data"))
    source.prepare()
    assert source.info.labels == ("FB", "MA", "MC")
    train, test = source.open("train"), source.open("test")
    assert (len(train), len(test), len(source.open("validation"))) == (6, 3, 3)
    for record in (*train, *test):
        speaker = source.info.labels[int(np.argmax(record["tags"]))]
        assert speaker in str(record["track"]) and record["tags"].sum() == 1
        assert record["audio"].shape == (4_800, 1) and record["known"].all()
    whole, _ = soundfile.read(tmp_path / "TRAIN/DR0/FB/SX12.WAV", dtype="int16")
    np.testing.assert_array_equal(train[0]["audio"][:, 0], whole[800:5600])


def test_word_times_are_asked_for_or_done_without(tmp_path):
    for name in ("SX12", "SI9"):
        file = tmp_path / "TRAIN" / "DR1" / "FB" / f"{name}.WAV"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, odd_audio.tone(0.4, 16_000), 16_000)
    source = Timit(str(tmp_path / "TRAIN"), allow_missing=True, data_dir=str(tmp_path / "data"))
    with pytest.raises(BadInput, match="no word times"):
        source.prepare()
    source = Timit(
        str(tmp_path / "TRAIN"), trim=False, allow_missing=True, data_dir=str(tmp_path / "data")
    )
    source.prepare()
    assert source.open("test")[0]["audio"].shape == (6_400, 1)


def test_without_the_folder_its_size_is_known_and_its_name_asked_for(tmp_path):
    source = Timit(str(tmp_path / "none"), data_dir=str(tmp_path / "data"))
    assert len(source.info.labels) == SPEAKERS == source.blank()["tags"].size
    with pytest.raises(BadInput, match="TRAIN folder"):
        source.prepare()
