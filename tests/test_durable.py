"""Files of state: the old one stays until the new one is whole, and damage is seen."""

import errno
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from zoo import durable


def test_whole_or_not_at_all(tmp_path):
    path = tmp_path / "state"
    durable.write_atomically(path, "old")

    def fails(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as caught:
        durable.write_with(path, fails)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["state"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_a_full_disk_is_named_wherever_it_is_met(tmp_path):
    refused = pytest.raises(OSError, match="No space")
    with refused as caught, durable.name_path_in_errors("there"), open("/dev/full", "w") as file:
        file.write("x")
    assert caught.value.filename == "there"


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_kill_before_the_end_leaves_the_old_state(tmp_path, when):
    path = tmp_path / "state"
    durable.write_sealed(path, lambda file: file.write(b"old"))
    program = f"""
import os
from zoo import durable
os.{when} = lambda *_: os._exit(137)
durable.write_sealed({str(path)!r}, lambda file: file.write(b"new"))
"""
    root = os.path.dirname(os.path.dirname(durable.__file__))
    assert subprocess.run([sys.executable, "-c", program], cwd=root).returncode == 137
    assert durable.unsealed(path) == b"old"


def test_every_damage_of_a_sealed_file_is_seen(tmp_path):
    path = tmp_path / "state"
    content = os.urandom(300)
    durable.write_sealed(path, lambda file: file.write(content))
    whole = path.read_bytes()
    assert durable.unsealed(path) == content
    spoilt = [whole[:size] for size in range(len(whole))] + [whole + b"x", content, b"\0" * 400]
    for place in range(len(whole)):
        spoilt.append(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    for data in spoilt:
        path.write_bytes(data)
        with pytest.raises(durable.Damaged, match="state is damaged"):
            durable.unsealed(path)


def test_two_writers_do_not_write_into_one_another(tmp_path):
    path = tmp_path / "state"

    def meanwhile(file):
        file.write(b"first")
        command = f"from zoo import durable; durable.write_atomically({str(path)!r}, 'second')"
        root = os.path.dirname(os.path.dirname(durable.__file__))
        subprocess.run([sys.executable, "-c", command], cwd=root, check=True)

    durable.write_with(path, meanwhile)
    assert path.read_text() == "first" and len(list(tmp_path.iterdir())) == 1


def test_the_one_before_is_kept_where_asked(tmp_path):
    path, before = tmp_path / "state", tmp_path / "before"
    for content in (b"1", b"2", b"3"):
        durable.write_sealed(path, lambda file, content=content: file.write(content), before)
    assert (durable.unsealed(path), durable.unsealed(before)) == (b"3", b"2")


def test_equal_arrays_are_equal_bytes_at_any_time(tmp_path, monkeypatch):
    arrays = {"file": np.arange(3), "a/b": np.array(["x", "yz"]), "none": np.zeros((0, 2))}
    made = []
    for year in (2001, 2031):
        monkeypatch.setattr(time, "localtime", lambda *_, y=year: time.struct_time([y] + [1] * 8))
        durable.write_with(tmp_path / "x.npz", lambda file: durable.save_arrays(file, arrays))
        made.append((tmp_path / "x.npz").read_bytes())
    assert made[0] == made[1]
    with np.load(tmp_path / "x.npz", allow_pickle=False) as found:
        assert set(found.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
