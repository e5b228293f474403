"""Outputs: whole or absent, one writer at a time, names of one's own, leftovers cleared."""

import errno
import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from zoo import escapes, writing
from zoo.errors import BadInput

ROOT = Path(__file__).parents[1]
HOLD = """
import sys, time
from pathlib import Path
from zoo import writing
place = Path(sys.argv[1])
with writing.write_folder(place, lambda: None) as part:
    (part / "half").write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that writes out/song."""
    place = tmp_path / "out" / "song"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, place],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process, place
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_gets_the_name_of_the_first(holder):
    process, place = holder
    who = f"{place} is in use by process {process.pid} on {socket.gethostname()}"
    with pytest.raises(BadInput, match=who), writing.hold_lock(place):
        pass
    with (
        writing.hold_lock(place.with_name("song.mp3")),
        writing.hold_lock(place.with_name("other")),
    ):
        pass  # other things in the same folder are free
    assert len(list(place.parent.glob(".song.*.partial"))) == 1  # and the first one's stay


def test_what_a_killed_writer_left_is_no_result_and_goes_with_the_next(holder):
    process, place = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not place.exists() and list(place.parent.iterdir())
    with writing.write_folder(place, partial(writing.refuse_nonempty, place, False)) as part:
        (part / "tags.csv").write_text("x")
    assert [path.name for path in place.parent.iterdir()] == ["song"]
    assert [path.name for path in place.iterdir()] == ["tags.csv"]


def test_waiting_ends_when_the_holder_does(holder, capsys):
    process, place = holder
    process.send_signal(signal.SIGKILL)
    with writing.hold_lock(place, wait=True):
        pass
    with writing.hold_lock(place):  # and is free again, with no file left
        pass
    assert not list(place.parent.glob("*.lock"))


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127, "a b*?[c]", ".hidden"])
def test_any_name_that_a_file_may_have_will_do(name, tmp_path):
    place = tmp_path / name
    with writing.hold_lock(place), writing.replacing(place) as (part,):
        part.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_files_come_together_or_not_at_all(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "a.wav")]
    paths[0].write_text("old")
    with pytest.raises(RuntimeError), writing.replacing(*paths) as parts:
        for part in parts:
            part.write_text("new")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert paths[0].read_text() == "old"


def test_a_folder_with_something_in_it_is_added_to_only_when_forced(tmp_path):
    place = tmp_path / "song"
    place.mkdir()
    (place / "mine.txt").write_text("mine")
    (place / "tags.csv").write_text("old")
    with (
        pytest.raises(BadInput, match="exists: choose another --out, or --force"),
        writing.write_folder(place, partial(writing.refuse_nonempty, place, False)),
    ):
        pass
    with writing.write_folder(place, partial(writing.refuse_nonempty, place, True)) as part:
        (part / "tags.csv").write_text("new")
    assert {p.name: p.read_text() for p in place.iterdir()} == {
        "mine.txt": "mine",
        "tags.csv": "new",
    }


@pytest.mark.parametrize("inner", [None, "", "page.png", "deep/stem.wav"])
def test_a_full_disk_is_named_and_leaves_what_was_there(inner, tmp_path):
    """The place that was asked for, not what stands for it and is gone with the message."""
    place = tmp_path / "song"
    full = pytest.raises(OSError, match="No space")
    with full as caught, writing.write_folder(place, lambda: None) as part:
        (part / "tags.csv").write_text("time")
        named = () if inner is None else (str(part / inner),)
        raise OSError(errno.ENOSPC, "No space left on device", *named)
    assert caught.value.filename == str(place) and not list(tmp_path.iterdir())


def test_a_line_names_the_place_that_its_files_get(tmp_path):
    place = tmp_path / "a\nsong"
    with writing.write_folder(place, lambda: None) as part:
        for line in (f"kept in {part}: x.csv", escapes.terminal_line(f"kept in {part}: x.csv")):
            assert "partial" in line and "partial" not in writing.relocated_line(line, part, place)
