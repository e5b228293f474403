"""Songs as stems in the published layouts, in miniature: splits, samples, and what is damaged."""

from pathlib import Path

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.audio.stem_mp4 import StemFile
from zoo.data import pcm, records
from zoo.data.sets import ccmixter, dsd100, ikala, musdb18_stems, slakh2100, urmp
from zoo.data.sets.folder import Folder
from zoo.data.sets.musdb18 import VALIDATION
from zoo.errors import BadInput


def tone(seconds, rate, channels=1, seed=0):
    audio = 0.1 * odd_audio.tone(seconds, rate, channels, seed=seed)
    return np.round(audio * 2**15).astype(np.float32) / 2**15


def put(path: Path, audio, rate):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, subtype="PCM_16")


def a_dsd100(root):
    for part in ("Dev", "Test"):
        for song in range(6 if part == "Dev" else 1):
            name = f"{song + 50 * (part == 'Dev'):03d} - Band - Song"
            stems = {stem: tone(0.4, 44_100, 2, seed=i) for i, stem in enumerate(dsd100.STEMS)}
            for stem, audio in stems.items():
                put(root / "Sources" / part / name / f"{stem}.wav", audio, 44_100)
            put(root / "Mixtures" / part / name / "mixture.wav", sum(stems.values()), 44_100)
    return dsd100.DSD100


def an_ikala(root):
    for number in range(12):
        both = np.concatenate([tone(0.4, 44_100, seed=1), tone(0.4, 44_100, seed=2)], 1)
        put(root / "Wavfile" / f"10{number:03d}_verse.wav", both, 44_100)
    return ikala.IKala


def a_ccmixter(root):
    for song in range(8):
        stems = [tone(0.4, 44_100, 2, seed=i) for i in range(2)]
        for name, audio in zip((*ccmixter.FILES, "mix.wav"), (*stems, sum(stems))):
            put(root / f"artist_-_song {song}" / name, audio, 44_100)
    return ccmixter.CCMixter


META = """UUID: 1a81ae092884234f3264e2f45927f00a
stems:
  S00: {audio_rendered: true, inst_class: Guitar, is_drum: false, program_num: 27}
  S01: {audio_rendered: true, inst_class: Drums, is_drum: true, program_num: 128}
  S02: {audio_rendered: true, inst_class: Strings (continued), is_drum: false, program_num: 48}
  S03: {audio_rendered: false, inst_class: Piano, is_drum: false, program_num: 0}
  S04: {audio_rendered: true, inst_class: Guitar, is_drum: false, program_num: 30}
"""


def a_slakh2100(root):
    for number, split in enumerate(("train", "validation", "test", "omitted")):
        piece = root / split / f"Track0000{number}"
        for stem in (0, 1, 2, 4):
            put(piece / "stems" / f"S0{stem}.flac", tone(0.4, 44_100, seed=stem), 44_100)
        (piece / "metadata.yaml").write_text(META)
    return slakh2100.Slakh2100


def a_urmp(root):
    for number in range(9):
        piece = root / f"{number:02d}_Tune{number}_vn_vn_vc"
        for player, name in enumerate(("vn", "vn", "vc")):
            file = piece / f"AuSep_{player + 1}_{name}_{number:02d}_Tune{number}.wav"
            put(file, tone(0.4 + 0.1 * player, 48_000, seed=player), 48_000)
        put(piece / f"AuMix_{number:02d}_Tune{number}_vn_vn_vc.wav", tone(0.4, 48_000), 48_000)
    (root / "Supplementary_Files").mkdir()
    return urmp.URMP


def a_musdb18(root):
    for part, name in (("train", "A - B"), ("train", VALIDATION[0]), ("test", "Jokers, J & K - C")):
        time = np.arange(22_050)[:, None] / 44_100  # what AAC keeps, unlike noise
        waves = [0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (110, 220, 330, 550)]
        stems = np.repeat(np.stack(waves), 2, 2).astype(np.float32)
        (root / part).mkdir(parents=True, exist_ok=True)
        path = root / part / f"{name}.stem.mp4"
        with StemFile(path, 44_100, 2, ("drums", "bass", "other", "vocals")) as file:
            file.write(np.concatenate([stems.sum(0)[None], stems]))
    return musdb18_stems.Musdb18


MADE = {
    "dsd100": (
        a_dsd100,
        {"train": 1, "validation": 5, "test": 1},
        "100 of 100 songs are missing: train 0 of 45",
    ),
    "ikala": (an_ikala, 12, "no audio in"),
    "ccmixter": (a_ccmixter, 8, "50 of 50 songs are missing"),
    "slakh2100": (a_slakh2100, {"train": 1, "validation": 1, "test": 1}, "1,710 of 1,710 songs"),
    "urmp": (a_urmp, 9, "44 of 44 songs"),
    "musdb18": (
        a_musdb18,
        {"train": 1, "validation": 1, "test": 1},
        "150 of 150 songs are missing: train 0 of 86",
    ),
}


def source(kind, root, tmp_path, **more):
    more = {"allow_missing": 1, "chunk_seconds": 0.3, "data_dir": str(tmp_path / "d"), **more}
    return kind(str(root), **more)


def tracks(made):
    found = {}
    for split in records.SPLITS:
        if (made.directory / "dataset_info.json").is_file():
            try:
                found[split] = {
                    t["track"]: t["stems"] for t in records.join_tracks(made.open(split))
                }
            except BadInput:
                found[split] = {}
    return found


@pytest.mark.parametrize("name", MADE)
def test_splits_stems_and_an_incomplete_download(name, tmp_path):
    lay, counts, incomplete = MADE[name]
    root = tmp_path / "set"
    root.mkdir()
    kind = lay(root)
    made = source(kind, root, tmp_path)
    made.prepare()
    found = tracks(made)
    numbers = {split: len(songs) for split, songs in found.items()}
    assert (numbers == counts) if isinstance(counts, dict) else sum(numbers.values()) == counts
    every = [stems for songs in found.values() for stems in songs.values()]
    shape = made.blank()["stems"].shape
    assert {s.shape[0] for s in every} == {shape[0]} == {len(made.info.labels)}
    assert {s.shape[2] for s in every} == {made.info.channels}
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match=incomplete):
        source(kind, tmp_path / "none", tmp_path, allow_missing=0).prepare()
    with pytest.raises(BadInput, match="no such folder"):
        source(kind, tmp_path / "nowhere", tmp_path).prepare()


def first(made):
    return next(stems for songs in tracks(made).values() for stems in songs.values())


def test_files_of_a_class_are_summed_and_unrendered_ones_passed_over(tmp_path):
    made = source(a_slakh2100(tmp_path / "s"), tmp_path / "s", tmp_path)
    made.prepare()
    parts = [np.round(tone(0.4, 44_100, seed=s) * 2**15) for s in range(5)]
    wanted = {"guitar": parts[0] + parts[4], "drums": parts[1], "other": parts[2], "piano": 0}
    for label, audio in zip(made.info.labels, first(made)):
        np.testing.assert_allclose(audio, wanted.get(label, 0) + 0 * audio, atol=1)


def test_two_players_of_an_instrument_are_one_stem_and_ends_are_filled(tmp_path):
    made = source(a_urmp(tmp_path / "s"), tmp_path / "s", tmp_path)
    made.prepare()
    stems = first(made)
    parts = [np.round(tone(0.4 + 0.1 * p, 48_000, seed=p) * 2**15) for p in range(3)]
    violins = np.zeros((28_800, 1))
    violins[:19_200] += parts[0]
    violins[:24_000] += parts[1]
    assert stems.shape == (13, 28_800, 1)
    np.testing.assert_allclose(stems[urmp.INSTRUMENTS.index("violin")], violins, atol=1)
    np.testing.assert_allclose(stems[urmp.INSTRUMENTS.index("cello")], parts[2], atol=1)
    assert not stems[:11].any()


def test_channels_and_files_are_the_stems_they_are_named(tmp_path):
    made = source(an_ikala(tmp_path / "i"), tmp_path / "i", tmp_path)
    made.prepare()
    for label, seed in (("accompaniment", 1), ("vocals", 2)):
        wanted = np.round(tone(0.4, 44_100, seed=seed) * 2**15)
        np.testing.assert_array_equal(first(made)[made.info.labels.index(label)], wanted)
    made = source(a_ccmixter(tmp_path / "c"), tmp_path / "c", tmp_path)
    made.prepare()
    wanted = np.round(tone(0.4, 44_100, 2, seed=1) * 2**15)
    np.testing.assert_array_equal(first(made)[made.info.labels.index("vocals")], wanted)


def cut(path):
    path.write_bytes(path.read_bytes()[:60])


def other_rate(path):
    audio, _ = soundfile.read(path)
    soundfile.write(path, audio, 32_000)


@pytest.mark.parametrize(
    "name, file, damage, said",
    [
        ("dsd100", "Sources/Test/*/bass.wav", other_rate, "32,000 Hz, not 44,100"),
        ("dsd100", "Sources/Test/*/bass.wav", cut, "bass.wav"),
        ("ikala", "Wavfile/10003_verse.wav", other_rate, "32,000 Hz, not 44,100"),
        ("ikala", "Wavfile/10003_verse.wav", lambda p: p.rename(p.with_name("x.wav")), "otherwise"),
        (
            "ccmixter",
            "*song 3/mix.wav",
            lambda p: put(p, tone(0.4, 44_100, 2, 9), 44_100),
            "not the sum",
        ),
        (
            "slakh2100",
            "train/*/metadata.yaml",
            lambda p: p.write_text("stems: [}"),
            "as Slakh does",
        ),
        ("slakh2100", "train/*/metadata.yaml", lambda p: p.write_text("a: 1"), "as Slakh does"),
        ("slakh2100", "train/*/stems/S04.flac", Path.unlink, "has no S04"),
        ("slakh2100", "train/*/stems/S04.flac", other_rate, "32,000 Hz, not 44,100"),
        (
            "urmp",
            "03_*/AuSep_1*",
            lambda p: p.rename(p.with_name("AuSep_1_xx_03_T.wav")),
            "otherwise",
        ),
        ("urmp", "03_*/AuSep_1*", other_rate, "32,000 Hz, not 48,000"),
        ("musdb18", "train/A*", cut, "A - B.stem.mp4"),
    ],
)
def test_what_is_damaged_is_named(name, file, damage, said, tmp_path):
    root = tmp_path / "set"
    root.mkdir()
    kind = MADE[name][0](root)
    damage(next(root.glob(file)))
    with pytest.raises(BadInput, match=said):
        source(kind, root, tmp_path).prepare()


def test_a_stem_file_of_another_number_of_tracks_is_refused(tmp_path):
    kind = a_musdb18(tmp_path / "m")
    stems = np.stack([tone(0.5, 44_100, 2, seed=i) for i in range(3)])
    with StemFile(tmp_path / "m" / "train" / "A - B.stem.mp4", 44_100, 2, ("a", "b")) as file:
        file.write(stems)
    with pytest.raises(BadInput, match=r"has 3 track\(s\), not a mixture and 4 stems"):
        source(kind, tmp_path / "m", tmp_path).prepare()


def test_unequal_ends_of_ones_own_stems_are_filled_and_said(tmp_path, capsys):
    for song in range(4):
        for stem, seconds in (("a", 0.6), ("b", 0.4)):
            put(
                tmp_path / "s" / f"song {song}" / f"{stem}.wav",
                tone(seconds, 8000, seed=song),
                8000,
            )
    made = Folder(
        str(tmp_path / "s"), 8000, stems=("a", "b"), chunk_seconds=0.3, data_dir=str(tmp_path / "d")
    )
    made.prepare()
    said = capsys.readouterr().err
    assert "filled up with silence: song 0: b.wav ends 0.20 s early" in said
    assert "and 1 more songs" in said
    stems = first(made)
    assert stems.shape[1] == 4800 and stems[1, :3200].any() and not stems[1, 3200:].any()
    paths = [tmp_path / "s" / "song 0" / f"{n}.wav" for n in "ab"]
    assert pcm.load_stems(paths, 8000, 1, ends="cut").shape == (2, 3200, 1)
