"""MIR-1K in miniature: names, channels and singers as in the original, and damaged."""

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data.sets.mir1k import Mir1K
from zoo.errors import BadInput

CLIPS = ("abjones_1_01", "abjones_5_08", "amy_2_01", "amy_16_01", "Ani_1_01", "titon_2_03")


@pytest.fixture
def folder(tmp_path):
    below = tmp_path / "MIR-1K" / "Wavfile"
    below.mkdir(parents=True)
    for seed, name in enumerate(CLIPS):
        left = odd_audio.tone(0.5 + 0.1 * seed, 16_000, seed=seed)
        right = odd_audio.tone(0.5 + 0.1 * seed, 16_000, seed=100 + seed)
        both = np.concatenate([left.reshape(-1, 1), 0.5 * right.reshape(-1, 1)], 1)
        soundfile.write(below / f"{name}.wav", both, 16_000)
    return below.parent


def source(folder, tmp_path, **more):
    more = {"allow_missing": True, **more}
    return Mir1K(str(folder), chunk_seconds=0.7, data_dir=str(tmp_path / "data"), **more)


def test_singers_make_the_split_and_channels_the_stems(folder, tmp_path, capsys):
    made = source(folder, tmp_path)
    made.prepare()
    tracks = {s: [str(r["track"]) for r in made.open(s)] for s in ("train", "validation", "test")}
    assert {s: sorted(names) for s, names in tracks.items()} == {
        "train": ["abjones_1_01", "amy_2_01"],
        "validation": ["abjones_5_08", "amy_16_01"],
        "test": ["Ani_1_01", "titon_2_03"],
    }
    record = next(r for r in made.open("train") if str(r["track"]) == "abjones_1_01")
    sound, _ = soundfile.read(folder / "Wavfile" / "abjones_1_01.wav", dtype="int16")
    assert record["stems"].shape == (2, 11_200, 1) and record["length"] == 8_000
    np.testing.assert_array_equal(record["stems"][0, :8_000, 0], sound[:, 0])
    np.testing.assert_array_equal(record["stems"][1, :8_000, 0], sound[:, 1])
    assert made.info.labels == ("accompaniment", "vocals")
    assert made.blank()["stems"].shape == record["stems"].shape
    assert "825: results are not comparable" in capsys.readouterr().err


def test_the_folder_of_the_clips_itself_will_do(folder, tmp_path):
    made = source(folder / "Wavfile", tmp_path)
    made.prepare()
    assert len(made.open("test")) == 2


def test_what_is_not_the_original_is_refused(folder, tmp_path):
    with pytest.raises(BadInput, match="994 of 1,000 files are missing: train 2 of"):
        source(folder, tmp_path, allow_missing=False).prepare()
    with pytest.raises(BadInput, match="no such folder"):
        source(folder / "none", tmp_path).prepare()
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no audio in"):
        source(tmp_path / "empty", tmp_path).prepare()
    soundfile.write(folder / "Wavfile" / "song.wav", np.zeros((100, 2)), 16_000)
    with pytest.raises(BadInput, match="otherwise than abjones_1_01"):
        source(folder, tmp_path).prepare()


@pytest.mark.parametrize(
    "damage, said",
    [("mono", "1 channel"), ("rate", "8,000 Hz"), ("silent", "silent"), ("cut", "abjones_1_01")],
)
def test_a_bad_clip_is_named(folder, tmp_path, damage, said):
    file = folder / "Wavfile" / "abjones_1_01.wav"
    audio, _ = soundfile.read(file)
    if damage == "mono":
        soundfile.write(file, audio[:, :1], 16_000)
    elif damage == "rate":
        soundfile.write(file, audio, 8_000)
    elif damage == "silent":
        soundfile.write(file, 0 * audio, 16_000)
    else:
        file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(BadInput, match=said):
        source(folder, tmp_path).prepare()
