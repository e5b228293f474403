"""Whether a vocoder plays steady notes at their pitch, or at multiples of rate / hop.

A convolutional generator maps constant frames to an output whose period is the hop: a comb. Steady
harmonic tones go through the vocoder; what comes out is measured in cents, and by the share of its
energy that lies on the teeth of the comb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import BadInput
from zoo.evaluation import steady_notes
from zoo.interpret.drawing import ACCENT, PALE
from zoo.runs import inference
from zoo.runs.trained import Trained

NOTES = 12
_SECONDS = 1.0
TOOTH = 3.0  # Hz on either side of a multiple that belong to it
_SHOWN = 1500.0  # Hz, of the spectra in the figure


@dataclass(frozen=True)
class _Comb:
    """Steady notes in, and what came out of a vocoder."""

    hertz: np.ndarray  # [N]
    cents: np.ndarray  # [N] error; NaN where silent
    on_teeth: np.ndarray  # [N] share of the output's energy at multiples of rate / hop
    expected: np.ndarray  # [N] that share of the tones themselves
    given: np.ndarray  # [N T]
    made: np.ndarray  # [N T]
    rate: int
    hop: int

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ."""
        names = ("hertz", "cents", "on_teeth", "expected", "rate", "hop")
        return {name: np.asarray(getattr(self, name)) for name in names}


def play_tones(found: Trained) -> _Comb:
    """Steady tones from C3 to C6 through a vocoder. raises BadInput: it is none."""
    objective = found.experiment.objective
    if not hasattr(objective, "spec") or not getattr(objective, "needs_source", False):
        raise BadInput(f"{found.name} is no vocoder: look into one, such as hifigan_universal")
    rate, hop = objective.spec.sample_rate, objective.spec.hop
    length = int(_SECONDS * rate) // hop * hop
    audio, hertz = steady_notes.scale(NOTES, length, rate)
    predict = inference.predictor(objective, found.mesh)(found.variables)
    made = [predict({"audio": row[None]})["audio"][0] for row in audio]
    shortest = min(map(len, made))
    out = np.stack([one[:shortest] for one in made])
    cents = steady_notes.errors(out, hertz, rate)
    order = np.argsort([pitch for (pitch,) in hertz])
    given, out = audio[order, :shortest, 0], out[order, :, 0]
    teeth, own = (np.array([_share(x, rate, hop) for x in rows]) for rows in (out, given))
    return _Comb(np.sort(np.ravel(hertz)), cents[order], teeth, own, given, out, rate, hop)


def _middle_spectrum(audio: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """(frequencies, magnitudes) of the middle three fifths of a note [T]."""
    fifth = len(audio) // 5
    piece = audio[fifth : len(audio) - fifth]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 4 * len(piece)))
    return np.fft.rfftfreq(4 * len(piece), 1 / rate), spectrum


def _share(audio: np.ndarray, rate: int, hop: int) -> float:
    """Part of the energy of a note [T] that lies on multiples of rate / hop."""
    frequencies, spectrum = _middle_spectrum(audio, rate)
    period = rate / hop
    distance = np.abs(frequencies - np.round(frequencies / period) * period)
    power = np.square(spectrum)
    return float(power[(distance <= TOOTH) & (frequencies > TOOTH)].sum() / max(power.sum(), 1e-20))


def comb_figure(comb: _Comb, title: str) -> Any:
    """Errors by note, over spectra of three notes in and out, with the teeth of the comb."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(10, 9))
    errors, *spectra = drawn.subplots(4, 1)
    errors.axhspan(-steady_notes.CLOSE, steady_notes.CLOSE, color=PALE, alpha=0.3)
    errors.stem(comb.hertz, np.nan_to_num(comb.cents), linefmt=ACCENT, basefmt=" ")
    errors.set(xlabel="note in Hz", ylabel="error in cents", title=title, ylim=(-105, 105))
    teeth = np.arange(comb.rate / comb.hop, _SHOWN, comb.rate / comb.hop)
    for axes, index in zip(spectra, (0, len(comb.hertz) // 2, len(comb.hertz) - 1)):
        axes.vlines(teeth, -80, 0, color="0.85", linewidth=1)
        for audio, color, name in ((comb.given, "0.5", "in"), (comb.made, ACCENT, "out")):
            frequencies, spectrum = _middle_spectrum(audio[index], comb.rate)
            level = 20 * np.log10(spectrum / max(spectrum.max(), 1e-9) + 1e-5)
            axes.plot(frequencies, level, color=color, linewidth=1, label=name)
        axes.set(xlim=(0, _SHOWN), ylim=(-80, 3), ylabel=f"dB, {comb.hertz[index]:.0f} Hz")
    spectra[0].legend(loc="upper right", frameon=False)
    spectra[-1].set_xlabel("Hz; grey: multiples of rate / hop")
    for axes in (errors, *spectra):
        axes.spines[["top", "right"]].set_visible(False)
    return drawn
