"""A recording of an amplifier or pedal of one's own: a dry file and the wet one it became.

The dry sound is played into the device (reamped) and its output recorded, both mono and of one
length. As NeuralAmpModeler does it, the end is held out: nothing is drawn, for music repeats.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.signal import correlate

from zoo import escapes
from zoo.audio import audio_files
from zoo.audio.probing import read_header
from zoo.data import plans
from zoo.data.records import to_int16
from zoo.data.sets.prepared import Prepared
from zoo.data.source import Example, Info
from zoo.errors import BadInput

_NAMES = {"dry": ("dry", "input", "clean"), "wet": ("wet", "output", "amp")}
_HELD = 9.0  # seconds at the end, for the test, and as many before them for validation
_SHARE = 0.1  # of short recordings, instead
_FARTHEST = 0.5  # seconds by which the recording may be late or early
SAFE = 16  # samples that are left of a delay: a filter's own lies beyond its first answer
_ALIKE = 0.05  # correlation below which the two do not belong together
_LOUDEST = 1.05  # peaks above full scale that resampling makes
_UNEQUAL = 1.0  # seconds by which the lengths may differ


@dataclass(frozen=True)
class AmpPair(Prepared):
    """The Source. path: the folder with dry.wav and wet.wav (or input and output), of any format.

    delay: samples by which the wet recording is late, at `sample_rate`; None finds it by
    cross-correlation and says it. chunk_seconds: of the shortest record.
    """

    path: str
    sample_rate: int = 48_000
    delay: int | None = None
    chunk_seconds: float = 3.0
    data_dir: str = ""
    allow_missing: float = 0.0

    wanted: ClassVar[str] = (
        "give a folder with dry.wav, the sound that went into the amplifier, and wet.wav, what "
        "came out"
    )

    @property
    def info(self) -> Info:
        return Info("amp-pair", self.sample_rate, 1, ("wet",), "your own", "your own recordings")

    @property
    def record_name(self) -> str:
        late = "" if self.delay is None else f"-late{self.delay}"
        return f"amp-pair-{self.sample_rate}-{self.chunk_seconds:g}s{late}"

    @property
    def shortest(self) -> int:
        """Samples of the shortest record."""
        return round(self.chunk_seconds * self.sample_rate)

    def blank(self) -> Example:
        audio = np.zeros((self.shortest, 1), np.int16)
        return {**plans.blank_record(self.shortest, 1), "stems": audio[None]}

    def plan(self) -> plans.Plan:
        dry, wet = (self._file(kind) for kind in _NAMES)
        late = self.delay
        jobs = {
            split: (plans.Job(split, partial(_part, dry, wet, self.sample_rate, late, split)),)
            for split in ("train", "validation", "test")
        }
        return plans.Plan(
            name=self.directory.parent.name,
            info=self.info,
            blank=self.blank(),
            jobs=jobs,
            shortest=self.shortest,
            tolerate=0.0,
            about=plans.files_fingerprint([dry, wet], self.root),
            threads=1,
            rule=f"the last {_HELD:g} s are the test, those before them validation",
        )

    def _file(self, kind: str) -> Path:
        """The one file of that kind. Raises BadInput where there are none or several."""
        found = [
            file for file in audio_files.audio_in(self.root) if file.stem.lower() in _NAMES[kind]
        ]
        if len(found) != 1:
            there = ", ".join(file.name for file in found) or "none of these"
            names = " or ".join(f"{name}.wav" for name in _NAMES[kind])
            raise BadInput(f"{self.root} needs one of {names}, and holds {there}: {self.wanted}.")
        return found[0]


def _part(dry: Path, wet: Path, rate: int, delay: int | None, split: str) -> Example:
    """One split of the pair: dry as audio [T 1], wet as the only stem."""
    both = _aligned(dry, wet, rate, delay)
    held = min(round(_HELD * rate), round(_SHARE * both.shape[1]))
    ends = {"train": (None, -2 * held), "validation": (-2 * held, -held), "test": (-held, None)}
    dry_part, wet_part = to_int16(both[:, slice(*ends[split])])
    return {"audio": dry_part[:, None], "stems": wet_part[None, :, None]}


@lru_cache(maxsize=1)  # the splits of one pair are made one after another
def _aligned(dry: Path, wet: Path, rate: int, delay: int | None) -> np.ndarray:
    """Both files as they sound together, [2 T] float32 at `rate`. Raises BadInput."""
    if abs(read_header(dry).seconds - read_header(wet).seconds) > _UNEQUAL:
        lengths = f"{read_header(dry).seconds:.2f} and {read_header(wet).seconds:.2f} s"
        raise BadInput(f"{dry.name} and {wet.name} last {lengths}: export both of one length")
    sounds = [_read(file, rate) for file in (dry, wet)]
    length = min(map(len, sounds))
    both = np.stack([sound[:length] for sound in sounds])
    late = (
        delay
        if delay is not None
        else found_delay(both[0], both[1], rate, f"{dry.name} and {wet.name}")
    )
    if delay is None:
        line = (
            f"{wet.name} is {late} samples late ({1000 * late / rate:.2f} ms), which are taken out"
        )
        print(escapes.terminal_line(f"{line}: delay={late} says so"), file=sys.stderr)
    if abs(late) >= length:
        raise BadInput(f"delay={late}: the recordings hold {length} samples")
    before, after = max(-late, 0), max(late, 0)
    return np.stack([both[0, before : length - after], both[1, after : length - before]])


def _read(file: Path, rate: int) -> np.ndarray:
    sound, report = audio_files.read_audio(file, rate, 1)
    if report.notes:
        print(escapes.terminal_line(str(report)), file=sys.stderr)
    peak = float(np.abs(sound).max(initial=0.0))
    if peak > _LOUDEST:
        raise BadInput(
            f"{file} peaks at {peak:.2f}, above full scale: an amplifier answers to level, so "
            "export it softer, and record again if it was dry"
        )
    if np.sqrt(np.square(sound).mean()) < audio_files.SILENCE:
        raise BadInput(f"{file} is silent")
    return sound[:, 0]


def found_delay(dry: np.ndarray, wet: np.ndarray, rate: int, names: str = "they") -> int:
    """Samples by which `wet` [T] is late, a little less than where they are most alike."""
    power = np.sqrt(np.vdot(dry, dry) * np.vdot(wet, wet))
    alike = np.abs(correlate(wet, dry, method="fft")) / max(power, 1e-12)
    reach = min(round(_FARTHEST * rate), len(dry) - 1)
    zero = len(dry) - 1
    window = alike[zero - reach : zero + reach + 1]
    best = int(window.argmax())
    if window[best] < _ALIKE:
        raise BadInput(
            f"{names} are not alike at any delay up to {_FARTHEST} s: give the sound that went in "
            "and its own recording, or the delay in samples"
        )
    late = best - reach
    return max(late - SAFE, 0) if late >= 0 else late - SAFE
