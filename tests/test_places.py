"""Caches and data of users with a home directory, without one, and with a hostile /tmp."""

import os
import pwd
import tempfile

import pytest

from zoo import places
from zoo.cli import command_line

NAMES = ("HOME", "XDG_CACHE_HOME", "ZOO_DATA_DIR", "ZOO_WEIGHTS_DIR")


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)

    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_with_a_home(monkeypatch, tmp_path):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.cache() == tmp_path / ".cache/waveform-zoo"
    assert places.data() == tmp_path / ".local/share/waveform-zoo"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("ZOO_DATA_DIR", "~/d")
    assert (places.cache(), places.data()) == (tmp_path / "c/waveform-zoo", tmp_path / "d")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    assert places.cache() == tmp_path / ".cache/waveform-zoo"


def test_without_a_home(homeless):
    assert places.home() is None
    assert places.cache() == places.data() == homeless / f"waveform-zoo-{os.getuid()}"
    assert places.cache().stat().st_mode & 0o777 == 0o700


def test_without_a_home_in_a_trap(homeless):
    trap = homeless / f"waveform-zoo-{os.getuid()}"
    (homeless / "elsewhere").mkdir()
    trap.symlink_to(homeless / "elsewhere")
    assert places.cache() != trap and places.cache().is_dir()
    trap.unlink()
    trap.mkdir()
    trap.chmod(0o777)
    assert places.cache() != trap


def test_without_a_home_commands_say_what_is_missing(homeless, capsys):
    def command(options):
        places.data() and os.fspath(__import__("pathlib").Path("~/songs").expanduser())

    assert command_line.run_command(command_line.make_parser("x", prog="toy.py"), command, []) == 2
    assert capsys.readouterr().err == f"toy: {command_line.HOMELESS}\n"
