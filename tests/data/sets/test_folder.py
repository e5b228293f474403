import os
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import odd_audio
import pytest
import soundfile

from zoo.data import builder, drawing, pcm, plans, records
from zoo.data.labels import read_labels
from zoo.data.sets.folder import Folder
from zoo.errors import BadInput

RATE = 8_000


@pytest.fixture
def music(tmp_path: Path) -> Callable[..., Path]:
    """Writes tones: music('a/b.wav', seconds)."""

    def put(name: str, seconds: float = 1.5, rate: int = 22_050, seed: int = 0) -> Path:
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, odd_audio.tone(seconds, rate, seed=seed), rate)
        return path

    return put


def source(tmp_path: Path, **changes: object) -> Folder:
    settings = dict(chunk_seconds=1.0, data_dir=str(tmp_path / "data"), validation=0.2, test=0.2)
    return Folder(str(tmp_path / "music"), RATE, **{**settings, **changes})


def everything(folder: Folder) -> dict[str, dict]:
    found = {}
    for split in records.SPLITS:
        for record in records.join_tracks(folder.open(split)):
            found[record["track"]] = {**record, "split": split}
    return found


def test_a_plain_folder_becomes_records(tmp_path, music, capsys):
    names = [f"{'ab'[i % 2]}/{i}.{'wav' if i % 3 else 'flac'}" for i in range(8)]
    for i, name in enumerate(names):
        music(name, 1.0 + 0.5 * i, seed=i)
    folder = source(tmp_path)
    folder.prepare()
    found = everything(folder)
    assert set(found) == set(names)
    assert {record["split"] for record in found.values()} == set(records.SPLITS)
    for i, name in enumerate(names):
        assert found[name]["audio"].shape == (round((1.0 + 0.5 * i) * RATE), 1)
    chunk, blank = folder.open("train")[0], folder.blank()
    assert set(chunk) == set(blank) and chunk["audio"].dtype == blank["audio"].dtype
    assert blank["audio"].shape == (RATE, 1)
    assert "folder-music: records train" in capsys.readouterr().err


def test_records_sound_like_their_file(tmp_path, music):
    import soxr

    path = music("one.wav")
    folder = source(tmp_path)
    folder.prepare()
    (track,) = records.join_tracks(folder.open("train"))
    direct, rate = soundfile.read(path, dtype="float32")
    wanted = soxr.resample(direct, rate, RATE)
    np.testing.assert_allclose(track["audio"][:, 0] / 32768, wanted, atol=1 / 32768)


def test_preparing_again_does_nothing_until_a_file_changes(tmp_path, music, monkeypatch):
    music("a.wav"), music("b.wav")
    folder = source(tmp_path)
    folder.prepare()
    builds = []
    build = builder.build_records
    monkeypatch.setattr(builder, "build_records", lambda *a: builds.append(a) or build(*a))
    folder.prepare()
    assert not builds
    music("c.wav")
    folder.prepare()
    assert len(builds) == 1 and set(everything(folder)) == {"a.wav", "b.wav", "c.wav"}
    os.utime(tmp_path / "music" / "a.wav", ns=(1, 1))
    folder.prepare()
    assert len(builds) == 2
    (tmp_path / "music").rename(tmp_path / "elsewhere")
    folder.prepare()
    assert len(builds) == 2 and len(folder.open("train"))


def test_bad_files_are_listed_and_left_out(tmp_path, music):
    for i in range(4):
        music(f"{i}.wav", seed=i)
    music("brief.wav", 0.2)
    path = music("silent.wav")
    soundfile.write(path, np.zeros(RATE), RATE)
    (tmp_path / "music" / "page.mp3").write_text("<html>" + " " * 500)
    folder = source(tmp_path)
    folder.prepare()
    assert set(everything(folder)) == {f"{i}.wav" for i in range(4)}
    listed = (folder.directory / "rejects.csv").read_text()
    assert listed.count("\n") == 4
    for reason in ("is a web page", "is silent", "too short: 0.20 s, at least 0.25 s"):
        assert reason in listed


def test_a_folder_of_mostly_bad_files_is_refused(tmp_path, music):
    music("good.wav")
    for i in range(2):
        (tmp_path / "music" / f"{i}.mp3").write_text("<html>")
    with pytest.raises(BadInput, match=r"2 of 3 tracks cannot be used: .*web page"):
        source(tmp_path).prepare()
    with pytest.raises(BadInput, match="prepare the data set first"):
        source(tmp_path).open("train")


def test_no_folder_and_no_audio(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        source(tmp_path).prepare()
    (tmp_path / "music").mkdir()
    with pytest.raises(BadInput, match="no audio in"):
        source(tmp_path).prepare()


def test_labels_as_columns_know_what_is_not_known(tmp_path, music):
    for name in ("a/x.wav", "a/y.wav", "z.wav"):
        music(name)
    table = tmp_path / "labels.csv"
    table.write_text("file,loud,slow\na/x.wav,1,0\n./a/y.wav,,1\n")
    folder = source(tmp_path, labels=str(table), validation=0.0, test=0.0)
    folder.prepare()
    assert folder.info.labels == ("loud", "slow")
    found = {record["track"]: record for record in folder.open("train")}
    assert set(found) == {"a/x.wav", "a/y.wav"}
    assert found["a/x.wav"]["tags"].tolist() == [1, 0]
    assert found["a/y.wav"]["tags"].tolist() == [0, 1]
    assert found["a/y.wav"]["known"].tolist() == [0, 1]
    assert f"z.wav,no row in {table}" in (folder.directory / "rejects.csv").read_text()
    assert set(found["a/x.wav"]) == set(folder.blank())


def test_joined_labels_and_bare_file_names(tmp_path, music):
    music("a/x.wav"), music("b/y.wav")
    table = tmp_path / "labels.csv"
    table.write_text("File,Tags\nx.wav,rock; slow\ny.wav,\n")
    folder = source(tmp_path, labels=str(table), validation=0.0, test=0.0)
    folder.prepare()
    found = {record["track"]: record for record in folder.open("train")}
    assert folder.info.labels == ("rock", "slow")
    assert found["a/x.wav"]["tags"].tolist() == [1, 1]
    assert found["b/y.wav"]["tags"].tolist() == [0, 0] and found["b/y.wav"]["known"].all()
    table.write_text("file,tags\nx.wav,rock\ny.wav,blues\n")
    os.utime(table, ns=(5, 5))
    assert folder.info.labels == ("blues", "rock")
    folder.prepare()
    assert folder.open("train")[0]["tags"].tolist() == [0, 1]


@pytest.mark.parametrize(
    "text, message",
    [
        ("file,rock\nx.wav,1\ngone.wav,1\n", "1 of 2 rows name no file in .*'gone.wav'"),
        ("file,rock\nx.wav,maybe\n", "line 2: 'maybe' where 1 times 1, 0"),
        ("file,rock\nx.wav,1,1\n", "line 2: 2 values where 1"),
        ("file,rock\nx.wav,1\nx.wav,0\n", "line 3: 'x.wav' occurs twice"),
        ("name;rock\n", "begins with 'name;rock'"),
        ("", "no CSV of labels"),
        ("file,tags\nx.wav,\n", "has no tags"),
    ],
)
def test_bad_labels_are_refused(tmp_path, music, text, message):
    music("x.wav")
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(BadInput, match=message):
        source(tmp_path, labels=str(tmp_path / "labels.csv")).prepare()
    with pytest.raises(BadInput, match="no such file of labels"):
        read_labels(tmp_path / "other.csv")


def test_stems_keep_their_order_and_sum(tmp_path, music):
    for song in range(5):
        for i, stem in enumerate(("voice", "band")):
            music(f"song {song}/{stem}.wav", 1.2, seed=10 * song + i)
    music("song 9/voice.wav")
    folder = source(tmp_path, stems=("band", "voice"), channels=2)
    folder.prepare()
    found = everything(folder)
    assert set(found) == {f"song {song}" for song in range(5)}
    assert folder.info.labels == ("band", "voice")
    stems = found["song 3"]["stems"]
    assert stems.shape == (2, round(1.2 * RATE), 2)
    assert folder.blank()["stems"].shape == (2, RATE, 2)
    for i, stem in enumerate(("band", "voice")):
        wanted = pcm.load_audio(tmp_path / "music/song 3" / f"{stem}.wav", RATE, 2)[:]
        assert np.abs(stems[i].astype(int) - wanted).max() <= 1
    assert "song 9,no file for band" in (folder.directory / "rejects.csv").read_text()


def test_a_stem_in_two_forms_is_not_chosen_by_chance(tmp_path, music):
    for song in range(4):
        for stem in ("voice", "band"):
            music(f"song {song}/{stem}.wav", 1.2, seed=song)
    music("song 3/voice.flac", 1.2, seed=9)
    folder = source(tmp_path, stems=("band", "voice"))
    folder.prepare()
    assert set(everything(folder)) == {f"song {song}" for song in range(3)}
    listed = (folder.directory / "rejects.csv").read_text()
    assert "song 3,several files for a stem: take away voice.wav" in listed
    alone = Folder(str(tmp_path / "music" / "song 3"), RATE, stems=("band", "voice"))
    with pytest.raises(BadInput, match="several files for a stem: take away voice"):
        alone.prepare()


def test_names_that_are_not_utf_8_are_listed(tmp_path, music):
    for number in range(4):
        music(f"{number}.wav", seed=number)
    os.rename(tmp_path / "music" / "3.wav", tmp_path / "music" / os.fsdecode(b"d\xe9j\xe0.wav"))
    folder = source(tmp_path)
    folder.prepare()
    assert set(everything(folder)) == {"0.wav", "1.wav", "2.wav"}
    assert "its name is not in UTF-8" in (folder.directory / "rejects.csv").read_text()


def test_labels_of_another_encoding_say_so(tmp_path):
    (tmp_path / "excel.csv").write_bytes(b"file,tags\na.wav,caf\xe9\n")
    with pytest.raises(BadInput, match="is not in UTF-8: save it so"):
        read_labels(tmp_path / "excel.csv")


def test_loud_stems_share_one_gain(tmp_path, music):
    paths = [music(f"s/{name}.wav") for name in ("a", "b")]
    loud = odd_audio.tone(1, RATE)
    loud *= 1.3 / np.abs(loud).max()
    soundfile.write(paths[0], loud, RATE, subtype="FLOAT")
    soundfile.write(paths[1], loud / 2, RATE, subtype="FLOAT")
    stems = np.asarray(pcm.load_stems(paths, RATE, 1))
    assert stems.max() == 32767 or stems.min() == -32768
    np.testing.assert_allclose(stems[1].astype(int) * 2, stems[0], atol=2)


def test_unequal_stems_are_refused(tmp_path, music):
    paths = [music("s/a.wav", 1.0), music("s/b.wav", 1.1)]
    with pytest.raises(BadInput, match=r"unequal length: a\.wav 1\.00 s, b\.wav 1\.10 s"):
        pcm.load_stems(paths, RATE, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 40, 400])
def test_splits_are_stable_and_never_empty(count):
    jobs = [plans.Job(f"{i}.wav", dict) for i in range(count)]
    shares = {"validation": 0.1, "test": 0.1}
    split = drawing.draw_splits(jobs, shares)
    sizes = {name: len(part) for name, part in split.items()}
    assert sum(sizes.values()) == count
    assert all(sizes.values()) or count < 3
    if count == 400:
        assert 20 < sizes["test"] < 65 and 20 < sizes["validation"] < 65
        more = drawing.draw_splits([*jobs, plans.Job("new.wav", dict)], shares)
        names = {n: {job.track for job in part} for n, part in split.items()}
        assert all(names[n] <= {job.track for job in more[n]} for n in names)


def test_folders_named_for_splits_are_the_splits(tmp_path, music):
    names = [f"{split}/{i}.wav" for split in ("train", "valid", "test") for i in range(3)]
    for seed, name in enumerate(names):
        music(name, seed=seed)
    folder = source(tmp_path)
    folder.prepare()
    splits = {name: record["split"] for name, record in everything(folder).items()}
    assert splits == {name: name.split("/")[0].replace("valid", "validation") for name in names}
    music("more/0.wav", seed=20)  # of no split
    folder.prepare()
    assert splits == {name: record["split"] for name, record in everything(folder).items()}
    listed = (folder.directory / "rejects.csv").read_text()
    assert 'more/0.wav,"lies in no folder of a split' in listed


def test_files_are_left_out_by_name(tmp_path, music):
    for i in range(4):
        for microphone in (1, 2):
            music(f"p225/{i}_mic{microphone}.flac", seed=i)
    folder = source(tmp_path, leave_out="*_mic2.flac")
    folder.prepare()
    assert sorted(everything(folder)) == [f"p225/{i}_mic1.flac" for i in range(4)]
    assert "p225/0_mic2.flac,left out by" in (folder.directory / "rejects.csv").read_text()
    with pytest.raises(BadInput, match="leaves nothing"):
        source(tmp_path, leave_out="*").prepare()


def test_settings_that_contradict_are_refused(tmp_path):
    with pytest.raises(BadInput, match="labels or stems"):
        source(tmp_path, labels="x.csv", stems=("a", "b"))
    with pytest.raises(BadInput, match="shares below 1"):
        source(tmp_path, validation=0.6, test=0.5)


def test_a_full_disk_is_reported_in_a_line(tmp_path, music):
    for name in "abcd":
        music(f"{name}.wav")
    folder = source(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    try:
        with pytest.raises(BadInput, match=r"records cannot be written to .* \(File too large\)"):
            folder.prepare()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    folder.prepare()
    assert len(folder.open("train"))
