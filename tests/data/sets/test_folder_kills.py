"""A folder whose preparation was killed, at whatever moment: tracks keep their splits."""

import shutil
import subprocess
import sys
import time

import odd_audio
import pytest
import soundfile

from zoo.data import builder, records
from zoo.data.sets.folder import Folder
from zoo.errors import BadInput

RATE = 8_000


@pytest.fixture
def source(tmp_path):
    """Twelve tracks with tags, prepared; then eight more, which it has yet to see."""
    music = tmp_path / "music"
    music.mkdir()
    folder = Folder(
        str(music),
        RATE,
        labels=str(tmp_path / "labels.csv"),
        chunk_seconds=1.0,
        validation=0.2,
        test=0.2,
        data_dir=str(tmp_path / "data"),
    )
    put(folder, range(12))
    folder.prepare()
    put(folder, range(12, 20))
    return folder


def put(folder, numbers):
    for i in numbers:
        soundfile.write(f"{folder.path}/{i:02d}.wav", odd_audio.tone(1.2, RATE, seed=i), RATE)
    rows = "".join(f"{i:02d}.wav,t{i % 3}\n" for i in range(numbers[-1] + 1))
    with open(folder.labels, "w") as file:
        file.write("file,tags\n" + rows)


def whole(folder, before):
    """Prepared again, nothing is left behind, and no track has moved."""
    folder.prepare()
    after = builder.splits_before(folder.directory)
    assert len(after) == 20 and {track: after[track] for track in before} == before
    assert [path.name for path in folder.directory.parent.iterdir()] == [records.VERSION]
    assert sum(len(folder.open(split)) for split in records.SPLITS) == 20


def midway(there):
    """While files were decoded."""


def between(there):
    """The records of before are moved away, the new ones not yet in place."""
    there.rename(there.parent / builder.FORMER)


def behind(there):
    """The new ones are in place, those of before not yet removed."""
    shutil.copytree(there, there.parent / builder.FORMER)


@pytest.mark.parametrize("moment", [midway, between, behind])
def test_what_a_kill_leaves_is_put_right(source, moment):
    before = builder.splits_before(source.directory)
    made = source.directory.parent / builder.ASIDE / "waveform_records" / "incomplete.X_1.0.0"
    made.mkdir(parents=True)
    (made / "waveform_records-train.array_record-00000-of-00001").write_bytes(b"half")
    moment(source.directory)
    whole(source, before)


def test_a_build_that_fails_leaves_the_records_of_before(source):
    before = builder.splits_before(source.directory)
    for i in range(20):
        with open(f"{source.path}/{i:02d}.wav", "wb") as file:
            file.write(b"no sound")
    with pytest.raises(BadInput, match="cannot be used"):
        source.prepare()
    assert builder.splits_before(source.directory) == before and len(source.open("train"))


def test_killed_while_converting(source):
    before = builder.splits_before(source.directory)
    line = f"from zoo.data.sets.folder import Folder; {source!r}.prepare()"
    aside = source.directory.parent / builder.ASIDE
    with subprocess.Popen([sys.executable, "-c", line]) as process:
        while process.poll() is None and not list(aside.rglob("*.array_record*")):
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -9
    whole(source, before)
