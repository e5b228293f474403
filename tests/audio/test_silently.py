"""Decoders do not write to standard error by themselves; we do, meanwhile and afterwards."""

import os
import threading

import numpy as np
import pytest
import soundfile

from zoo.audio import audio_files, probing
from zoo.audio.silently import silently
from zoo.errors import BadInput


@pytest.mark.parametrize("damage", ["garbage", "cut", "zeros", "turned"])
def test_an_odd_mp3_is_read_without_notes(tmp_path, damage, capfd):
    path = tmp_path / "a.mp3"
    tone = np.sin(np.arange(40_000) / 20).astype(np.float32) * 0.5
    soundfile.write(path, tone, 22_050, format="MP3")
    data = bytearray(path.read_bytes())
    half = len(data) // 2
    if damage == "turned":
        for place in range(300, len(data), 97):
            data[place] ^= 255
    changed = {
        "garbage": data[:half] + b"\xff\xfbtrash" * 99 + data[half:],
        "cut": data[:half],
        "zeros": data[:half] + bytes(2000) + data[half:],
        "turned": data,
    }
    path.write_bytes(bytes(changed[damage]))
    try:
        probing.read_header(path)
        audio_files.read_audio(path)
    except BadInput as error:
        assert "\n" not in str(error)
    assert capfd.readouterr().err == ""


def test_other_threads_and_what_follows_still_write(capfd):
    inside, done = threading.Event(), threading.Event()

    def call():
        os.write(2, b"from the library\n")
        inside.set()
        done.wait(10)
        return 7

    threads = [threading.Thread(target=silently, args=(call,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    done.set()
    for thread in threads:
        thread.join()
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"


def test_an_error_passes_and_the_descriptor_is_back(capfd):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            silently(lambda: 1 / 0)
    os.write(2, b"ours\n")
    assert capfd.readouterr().err == "ours\n"
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
