"""A voice as frames of parameters, and back: the WORLD vocoder (Morise et al., 2016) by pyworld.

Of every `hop` samples: the spectral envelope and the aperiodicity as decibels at warped frequencies
(`zoo.audio.warped`), the pitch as a MIDI number, and 1 where there is none. Frame f stands for
samples f hop to (f + 1) hop and is measured in their middle. On the host, in float64; pyworld is
the extra `voice`.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from zoo.audio import warped
from zoo.errors import BadInput
from zoo.tuning import hertz_of_note, note_of_hertz

_EXTRA = "pip install 'pyworld>=0.3.4'"  # the package: this project's name on an index may be other
_FLOOR = 1e-12  # of powers
_LOWEST = 71.0  # Hz: CheapTrick's, which decides how long its spectra are
_QUIETEST, _LOUDEST = -200.0, 60.0  # dB of an envelope that is played


def world_installed() -> bool:
    return importlib.util.find_spec("pyworld") is not None


@cache
def library() -> Any:
    """pyworld's functions. raises BadInput where it is not installed.

    Not `import pyworld`: 0.3.5 asks setuptools for its version by `pkg_resources`, which is no
    longer a part of that.
    """
    found = importlib.util.find_spec("pyworld")
    if found is None:
        raise BadInput(f"parameters of a voice are found and played by pyworld: {_EXTRA}")
    places = found.submodule_search_locations
    inner = importlib.machinery.PathFinder.find_spec("pyworld.pyworld", places)
    if inner is None or inner.loader is None:
        raise BadInput(f"this pyworld is not whole: {_EXTRA} --force-reinstall")
    module = importlib.util.module_from_spec(inner)
    inner.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class VoiceLayout:
    """What a frame holds: [P] = `envelope` and `bands` decibels, pitch, unvoiced.

    rate: Hz of the audio. hop: samples. warp: of the all-pass, of both spectra.
    """

    rate: int
    hop: int
    envelope: int = 60
    bands: int = 4
    warp: float = 0.45

    def __post_init__(self) -> None:
        if min(self.rate, self.hop) < 1 or min(self.envelope, self.bands) < 2:
            raise BadInput(f"{self}: give a rate, a hop, and two points of a spectrum or more")

    @property
    def size(self) -> int:
        return self.envelope + self.bands + 2

    @property
    def bins(self) -> int:
        """Of the spectra that WORLD has at this rate."""
        return (1 << int(np.log2(3.0 * self.rate / _LOWEST + 1))) + 1

    @property
    def period(self) -> float:
        """Milliseconds from frame to frame."""
        return 1000.0 * self.hop / self.rate


def analysed(audio: np.ndarray, voice: VoiceLayout) -> np.ndarray:
    """Parameters of a voice alone, [T] in [-1, 1] -> [F P] float32, F = T // hop.

    DIO with StoneMask, CheapTrick and D4C. Pitch goes on in a line where the voice has none; it is
    0 where it never has one.
    """
    count, middle = len(audio) // voice.hop, voice.hop // 2
    if not count:
        return np.zeros((0, voice.size), np.float32)
    whole = np.ascontiguousarray(audio[middle:], np.float64)
    hertz, power, noise = library().wav2world(whole, voice.rate, frame_period=voice.period)
    hertz, power, noise = (x[:count] for x in (hertz, power, noise))
    envelope = 10 * np.log10(power + _FLOOR) @ _reduced(voice, voice.envelope)
    bands = 20 * np.log10(noise) @ _reduced(voice, voice.bands)
    unvoiced = (hertz == 0).astype(np.float64)
    rows = [envelope, bands, _tuned(hertz)[:, None], unvoiced[:, None]]
    return np.concatenate(rows, 1).astype(np.float32)


def synthesise_voice(parameters: np.ndarray, voice: VoiceLayout) -> np.ndarray:
    """The sound of parameters [F P] -> [F hop] float32. Unvoiced is what is above one half."""
    if not np.isfinite(parameters).all():
        raise BadInput("parameters of a voice are not finite: these weights are no voice's")
    count, middle = len(parameters), voice.hop // 2
    made = np.zeros(count * voice.hop, np.float32)
    if not count:
        return made
    envelope, bands, notes, unvoiced = split_parameters(parameters.astype(np.float64), voice)
    hertz = np.where(unvoiced > 0.5, 0.0, np.minimum(hertz_of_note(notes), voice.rate / 4))
    decibels = np.clip(envelope @ _expanded(voice, voice.envelope), _QUIETEST, _LOUDEST)
    noise = np.clip(10 ** (bands @ _expanded(voice, voice.bands) / 20), 1e-3, 1 - 1e-9)
    spectra = (np.ascontiguousarray(x) for x in (10 ** (decibels / 10), noise))
    sound = library().synthesize(np.ascontiguousarray(hertz), *spectra, voice.rate, voice.period)
    room = made[middle : middle + len(sound)]
    room[:] = sound[: len(room)]
    return made


def split_parameters(parameters: np.ndarray, voice: VoiceLayout) -> tuple[np.ndarray, ...]:
    """Envelope [F E], bands [F A], pitch [F] and unvoiced [F] of parameters [F P]."""
    envelope, bands, rest = np.split(parameters, [voice.envelope, voice.envelope + voice.bands], 1)
    return envelope, bands, rest[:, 0], rest[:, 1]


def _reduced(voice: VoiceLayout, points: int) -> np.ndarray:
    return warped.frequency_warping(voice.bins, points, voice.warp).T


def _expanded(voice: VoiceLayout, points: int) -> np.ndarray:
    return warped.expansion(voice.bins, points, voice.warp).T


def _tuned(hertz: np.ndarray) -> np.ndarray:
    """MIDI numbers of a curve in Hz [F], over gaps (0 Hz) in a line; all 0 without any pitch."""
    there = np.flatnonzero(hertz)
    if not len(there):
        return np.zeros(len(hertz))
    return np.interp(np.arange(len(hertz)), there, note_of_hertz(hertz[there]))
