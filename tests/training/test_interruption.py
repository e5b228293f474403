"""Signals: the first asks, the second ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from zoo.training.interruption import SIGNALS, handle_signals

ROOT = Path(__file__).parents[2]
BUSY = """
import hashlib, os
from zoo.training.interruption import handle_signals
with handle_signals() as interrupted:
    print("ready", flush=True)
    while True:  # minutes inside one C call, as a compilation is; no Python handler can run
        hashlib.pbkdf2_hmac("sha256", b"word", b"salt", 1_000_000_000)
"""


def until(condition):
    deadline = time.monotonic() + 30  # what is awaited comes at once, on an idle machine
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.005)
    return False


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_first_signal_asks_the_loop_to_stop(number, capfd):
    before = signal.getsignal(number)
    with handle_signals() as interrupted:
        assert not interrupted(1) and interrupted.signal is None
        os.kill(os.getpid(), number)
        assert until(lambda: interrupted(2))
        assert interrupted.signal == number
        assert until(lambda: f"{number.name}: saving" in capfd.readouterr().err)
    assert signal.getsignal(number) is before


def test_nothing_is_left_behind():
    # What other tests left may end meanwhile, so that there can be less than before.
    threads, files = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    former = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background
    for _ in range(3):
        with handle_signals():
            pass
    assert until(lambda: set(threading.enumerate()) <= threads)
    assert until(lambda: len(os.listdir("/proc/self/fd")) <= files)
    assert signal.getsignal(signal.SIGINT) is former


def test_other_signals_mean_nothing_to_it():
    former = signal.signal(signal.SIGUSR2, lambda *_: None)
    try:
        with handle_signals() as interrupted:
            os.kill(os.getpid(), signal.SIGUSR2)
            time.sleep(0.05)
            assert not interrupted(1)
    finally:
        signal.signal(signal.SIGUSR2, former)


def test_another_thread_may_train():
    seen = []

    def train():
        with handle_signals() as interrupted:
            seen.append(interrupted(1))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [False]


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_second_signal_ends_even_a_long_call(number, code):
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert "saving, then stopping" in process.stderr.readline()
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=30) == code
    finally:
        process.kill()
        process.communicate()
