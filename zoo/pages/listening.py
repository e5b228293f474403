"""A listening test as one page: sounds of several systems, blind, level-matched, in random order.

`mos` plays one sound at a time and asks for 1 to 5 (ITU-T P.800). `mushra` plays all systems of an
item beside a known reference and asks for 0 to 100 (after ITU-R BS.1534-3), with the reference
itself and its low-pass at 3.5 kHz hidden among them. The page names sounds by hashes alone:
which system each is stands in key.json, which listeners are not given.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zoo import durable, escapes, writing
from zoo.audio import audio_files
from zoo.audio.loudness import measured
from zoo.errors import BadInput
from zoo.pages import html
from zoo.pages.recording import PAGE_FILES
from zoo.songs.ratings import HIDDEN_REFERENCE

ANCHOR = "anchor (3.5 kHz)"
_LEVEL = -23.0  # LUFS of every sound, or less where one would pass full scale
_LARGEST = 150_000_000  # bytes of a page
Mode = Literal["mos", "mushra"]


@dataclass(frozen=True)
class Test:
    """What is played. reference: a folder like those of the systems, for mushra."""

    systems: Mapping[str, Path]
    mode: Mode = "mos"
    reference: Path | None = None
    seconds: float = 10.0
    items: int = 0  # so many; 0: all
    seed: int = 0


def write_listening_test(out: Path, test: Test, force: bool = False) -> str:
    """out/page.html and out/key.json; the line that says so."""
    if test.mode == "mushra" and test.reference is None:
        raise BadInput("mushra compares with a reference: give its folder with --reference.")
    folders = dict(test.systems) | ({HIDDEN_REFERENCE: test.reference} if test.reference else {})
    items = _shared_items(folders)
    rng = np.random.default_rng(test.seed)
    if test.items and test.items < len(items):
        items = sorted(rng.permutation(items)[: test.items].tolist())
    sounds: dict[str, dict[str, str]] = {}
    trials, size, silent = [], 0, []
    for item in items:
        made = _excerpts({name: _sound_of(path, item) for name, path in folders.items()}, test)
        if not made:
            silent.append(item)
            continue
        named = {name: _word(name, flac, test) for name, flac in made.items()}
        sounds |= {word: {"item": item, "system": name} for name, word in named.items()}
        # In the order of their words: that of the systems would tell them apart.
        content = {
            named[name]: html.data_uri(made[name], "audio/flac")
            for name in sorted(made, key=named.__getitem__)
        }
        size += sum(map(len, content.values()))
        if size > _LARGEST:
            raise BadInput(
                f"the page would pass {_LARGEST / 1e6:.0f} MB: ask for fewer --items or --seconds."
            )
        if test.mode == "mushra":
            known = content[named[HIDDEN_REFERENCE]]
            trials.append({"item": item, "reference": known, "sounds": content})
        else:
            trials += [{"item": item, "sounds": {word: uri}} for word, uri in content.items()]
    if not trials:
        raise BadInput("nothing sounds in any folder: give sounds that can be rated.")
    key = {"mode": test.mode, "seed": test.seed, "sounds": sounds}

    def check() -> None:
        writing.refuse_nonempty(out, force)

    with writing.write_folder(out, check) as part:
        durable.write_atomically(part / "page.html", _page(test.mode, trials))
        durable.write_json(part / "key.json", key)
    count = len(next(iter(trials))["sounds"]) if test.mode == "mushra" else 1
    return (
        f"{len(trials)} trials of {count} sound(s), {size / 1e6:.1f} MB: give {out / 'page.html'} "
        f"to listeners, keep {out / 'key.json'}"
        + (f"; silent in all folders, left out: {', '.join(silent)}" if silent else "")
    )


def _word(system: str, sound: bytes, test: Test) -> str:
    """What a sound is called: of this test alone, so that no other's key fits its ratings."""
    about = f"{test.seed} {test.mode} {system} ".encode()
    return hashlib.sha256(about + sound).hexdigest()[:12]


def _page(mode: Mode, trials: Sequence[Mapping[str, Any]]) -> str:
    """The page as HTML; nothing in it says which sound is whose."""
    return html.document(
        "Listening test",
        html.fill_template("listening.html", task=_TASKS[mode]),
        styles=("listening.css",),
        scripts=("listening.js",),
        data={"mode": mode, "trials": trials},
    )


_TASKS = {
    "mos": "Listen to each sound, then say how good it is, from 1, bad, to 5, excellent.",
    "mushra": "Compare each sound with the reference and rate it from 0 to 100. One of them is the "
    "reference itself: rate it 100.",
}


def _shared_items(folders: Mapping[str, Path]) -> list[str]:
    """Sounds that lie in all folders, by their paths without endings."""
    found = {}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise BadInput(f"{folder} is no folder: give one for each system.")
        files = [path.relative_to(folder) for path in audio_files.audio_in(folder)]
        found[name] = {p.with_suffix("").as_posix() for p in files if PAGE_FILES not in p.parts}
    shared = sorted(set.intersection(*found.values()))
    if not shared:
        listed = "; ".join(f"{name}: {', '.join(sorted(i)[:2])}" for name, i in found.items())
        raise BadInput(f"no sound has the same path in all folders ({listed}): name them alike.")
    return shared


def _sound_of(folder: Path, item: str) -> Path:
    matches = [p for p in audio_files.audio_in(folder) if p.with_suffix("") == folder / item]
    if len(matches) != 1:
        raise BadInput(f"{folder / item}: {len(matches)} files of this name: leave one of them.")
    return matches[0]


def _excerpts(files: Mapping[str, Path], test: Test) -> dict[str, bytes]:
    """FLAC of one stretch of all files of an item, at one loudness; with an anchor for mushra.

    None of any where no file is audible: there is nothing to rate.
    """
    read = {name: audio_files.read_audio(path) for name, path in files.items()}
    rates = {report.probe.rate for _, report in read.values()}
    rate = max(rates)
    if len(rates) > 1:
        read = {name: audio_files.read_audio(path, rate) for name, path in files.items()}
    sounds = {name: audio for name, (audio, _) in read.items()}
    length = min(map(len, sounds.values()))
    size = min(length, round(test.seconds * rate))
    first = sounds.get(HIDDEN_REFERENCE, next(iter(sounds.values())))
    start = _loudest(first[:length], size, rate)
    sounds = {name: _faded(audio[start : start + size], rate) for name, audio in sounds.items()}
    if not any(measured([audio], rate).audible for audio in sounds.values()):
        return {}
    if test.mode == "mushra":
        sounds[ANCHOR] = _low_passed(sounds[HIDDEN_REFERENCE], rate)
    return {name: _encoded(audio, rate) for name, audio in _matched(sounds, rate).items()}


def _loudest(audio: np.ndarray, size: int, rate: int) -> int:
    """Where the stretch of `size` samples with the most power begins, to a tenth of a second."""
    power = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64).mean(1))])
    starts = np.arange(0, len(audio) - size + 1, max(1, rate // 10))
    return int(starts[np.argmax(power[starts + size] - power[starts])])


def _faded(audio: np.ndarray, rate: int) -> np.ndarray:
    """Without clicks at its ends."""
    ramp = np.minimum(1, (np.arange(len(audio)) + 0.5) / (0.02 * rate))
    return audio * np.minimum(ramp, ramp[::-1])[:, None].astype(np.float32)


def _low_passed(audio: np.ndarray, rate: int) -> np.ndarray:
    from scipy.signal import butter, sosfiltfilt

    filters = butter(8, min(3500.0, 0.45 * rate), fs=rate, output="sos")
    return sosfiltfilt(filters, audio, axis=0, padlen=0).astype(np.float32)


def _matched(sounds: Mapping[str, np.ndarray], rate: int) -> dict[str, np.ndarray]:
    """All at one loudness, as high as LEVEL where none passes full scale; silence stays."""
    levels = {name: measured([audio], rate) for name, audio in sounds.items()}
    audible = {name: level for name, level in levels.items() if level.audible}
    room = [level.loudness - 20 * np.log10(level.peak) for level in audible.values()]
    target = min([_LEVEL, *room])
    gains = {name: 10 ** ((target - level.loudness) / 20) for name, level in audible.items()}
    return {name: audio * np.float32(gains.get(name, 1)) for name, audio in sounds.items()}


def _encoded(audio: np.ndarray, rate: int) -> bytes:
    import soundfile

    memory = io.BytesIO()
    soundfile.write(memory, np.clip(audio, -1, 1), rate, format="FLAC", subtype="PCM_16")
    return memory.getvalue()


def name_systems(folders: Sequence[Path]) -> dict[str, Path]:
    """Systems by the names of their folders, or by as much of the path as tells them apart."""
    short = [escapes.terminal_line(folder.name) for folder in folders]
    names = (
        short if len(set(short)) == len(short) else [escapes.terminal_line(str(f)) for f in folders]
    )
    if len(set(names)) < len(names):
        raise BadInput("a folder is given twice: give each system once.")
    return dict(zip(names, folders))
