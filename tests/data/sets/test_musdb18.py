import shutil
from pathlib import Path

import jax
import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data import records
from zoo.data.sets.musdb18 import STEMS, VALIDATION, Musdb18HQ
from zoo.errors import BadInput
from zoo.experiment import find_config

SONGS = {
    "train": ("A Classic Education - NightOwl", VALIDATION[6], VALIDATION[0]),
    "test": ("Jokers, Jacks & Kings - Sea Of Leaves", "Al James - Schoolboy Facination"),
}
RATE = 44_100


def write_song(folder: Path, seconds: float, seed: int) -> None:
    """The mixture is the sum of its stems, rounded to 16 bits, as in the original."""
    folder.mkdir(parents=True)
    stems = {
        name: 0.2 * odd_audio.tone(seconds, RATE, 2, seed=10 * seed + i)
        for i, name in enumerate(STEMS)
    }
    for name, audio in {**stems, "mixture": sum(stems.values())}.items():
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="PCM_16")


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("musdb")
    for part, names in SONGS.items():
        for seed, name in enumerate(names):
            write_song(root / "musdb18hq" / part / name, 1.1 + 0.3 * seed, seed)
    return root


def prepared(tree: Path, root: Path, **settings: object) -> Musdb18HQ:
    defaults = dict(allow_missing=1, chunk_seconds=0.5, data_dir=str(root))
    source = Musdb18HQ(str(tree), **{**defaults, **settings})
    source.prepare()
    return source


def test_splits_and_stems(tree, tmp_path):
    source = prepared(tree, tmp_path)
    tracks = {
        split: {track["track"]: track for track in records.join_tracks(source.open(split))}
        for split in records.SPLITS
    }
    assert {split: set(found) for split, found in tracks.items()} == {
        "train": {SONGS["train"][0]},
        "validation": {VALIDATION[6], VALIDATION[0]},
        "test": set(SONGS["test"]),
    }
    name = SONGS["test"][0]
    for i, stem in enumerate(source.info.labels):
        wanted, _ = soundfile.read(tree / "musdb18hq/test" / name / f"{stem}.wav", dtype="int16")
        np.testing.assert_array_equal(tracks["test"][name]["stems"][i], wanted)
    chunk, blank = source.open("train")[0], source.blank()
    assert set(chunk) == set(blank) and blank["stems"].shape == (4, RATE // 2, 2)
    assert chunk["stems"].shape[1] >= RATE // 2 and chunk["chunks"] == 2


def test_half_the_rate_and_mono(tree, tmp_path):
    source = prepared(tree, tmp_path, sample_rate=22_050, channels=1)
    track = next(records.join_tracks(source.open("train")))
    assert track["stems"].shape == (4, round(1.1 * 22_050), 1)


def test_validation_names():
    assert len(set(VALIDATION)) == 14


def test_an_incomplete_download_is_refused(tree, tmp_path):
    with pytest.raises(
        BadInput, match=r"145 of 150 songs are missing: train 1 of 86.* download musdb18hq\.zip"
    ):
        prepared(tree, tmp_path, allow_missing=0)
    with pytest.raises(BadInput, match="holds no MUSDB18-HQ"):
        prepared(tmp_path, tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "A - B.stem.mp4").touch()
    with pytest.raises(BadInput, match="holds the compressed MUSDB18"):
        prepared(tmp_path, tmp_path)


def damaged(tree: Path, tmp_path: Path) -> tuple[Path, Path]:
    copy = shutil.copytree(tree, tmp_path / "copy")
    return copy, copy / "musdb18hq/train" / VALIDATION[0]


def test_damaged_songs_are_refused_by_name(tree, tmp_path):
    copy, song = damaged(tree, tmp_path)
    shutil.copy(song / "drums.wav", song / "vocals.wav")
    with pytest.raises(BadInput, match=r"Rockshow/mixture\.wav is not the sum of its stems"):
        prepared(copy, tmp_path)
    audio, _ = soundfile.read(song / "bass.wav")
    soundfile.write(song / "bass.wav", audio[: RATE // 2], RATE)
    with pytest.raises(BadInput, match="stems of unequal length"):
        prepared(copy, tmp_path)
    soundfile.write(song / "bass.wav", audio, 48_000)
    with pytest.raises(BadInput, match=r"bass\.wav has 48,000 Hz, not 44,100"):
        prepared(copy, tmp_path)
    (song / "bass.wav").unlink()
    with pytest.raises(BadInput, match=r"146 .* are missing: .*/ANiMAL - Rockshow/bass\.wav;"):
        prepared(copy, tmp_path, allow_missing=0.97)


def test_the_song_whose_published_stems_do_not_sum_is_taken(tree, tmp_path):
    copy, song = damaged(tree, tmp_path)
    audio, _ = soundfile.read(song / "mixture.wav")
    soundfile.write(song / "mixture.wav", audio * [0.1, 1.0], RATE)
    song.rename(song.with_name("PR - Oh No"))
    tracks = {str(record["track"]) for record in prepared(copy, tmp_path).open("train")}
    assert "PR - Oh No" in tracks


@pytest.mark.parametrize("name", ["wave_unet_musdb18", "jansson_unet_musdb18"])
def test_gains_leave_the_accompaniment_its_balance(name):
    stems = np.full((1, 4, 4, 1), 0, np.int16)
    stems[0, range(4), range(4), 0] = 2**14  # stem i sounds at sample i
    made = find_config(name).experiment().data.augment(jax.random.key(0), {"stems": stems})
    accompaniment, vocals = np.moveaxis(2 * np.asarray(made["stems"])[0, :, :, 0], 1, 0)
    assert np.unique(accompaniment[:3]).size == 1 and accompaniment[3] == 0
    assert 0.7 <= vocals[3] <= 1.0 and vocals[3] != accompaniment[0] and not vocals[:3].any()
    np.testing.assert_allclose(made["mixture"][0, :, 0], (accompaniment + vocals) / 2, rtol=1e-6)
