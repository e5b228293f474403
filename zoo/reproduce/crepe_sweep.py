"""CREPE (Kim et al., ICASSP 2018): the test of its authors' own package, on its recorded sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, PublishedData, Reproduction

_HOP = 160  # samples at 16 kHz: 10 ms, as the package has it


@dataclass(frozen=True)
class _Sweep:
    """Share of frames of a confidence above a half, and how pitch and time correlate."""

    weights: str = "crepe_tiny"

    def parts(self, folder: Path) -> Sequence[str]:
        return ["sweep.wav"]

    def measure(self, folder: Path, part: str) -> Found:
        from zoo.data import pcm
        from zoo.pretrained.pitch_tracker import PitchTracker

        audio = np.asarray(pcm.load_audio(folder / "tests" / part, 16_000, 1))
        audio = audio.astype(np.float32) / 32768
        hertz, confidence = PitchTracker(self.weights, smooth=False)(audio, _HOP)
        correlation = np.corrcoef(np.arange(len(hertz)), np.log(hertz))[0, 1]
        return {
            "frames": len(hertz),
            "confident": float((confidence > 0.5).mean()),
            "correlation": float(correlation),
        }

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        (one,) = found.values()
        sentence = (
            "Share of frames of 10 ms whose confidence is above 0.5, and the correlation of the "
            f"logarithm of frequency with time, no smoothing, weights `{self.weights}`."
        )
        metrics = {name: one[name] for name in ("confident", "correlation")}
        return Outcome(metrics, sentence, {"frames": one["frames"]})


ROWS = (
    Reproduction(
        "crepe_sweep",
        "CREPE, published weights `crepe_tiny`",
        "a sine sweep",
        ByParts(_Sweep()),
        {"confident": 0.98},
        "tests/test_sweep.py of github.com/marl/crepe, read there: a bound",
        PublishedData(
            "crepe",
            "https://github.com/marl/crepe",
            "c9b71ce61491454125a0693f584f7244f29d9884",
            "MIT",
            ("tests/sweep.wav",),
            1,
            "5d54b372211522acea23d7420cceae17b25e291672fffbeed983f1daf64340e7",
        ),
        at_least=True,
        remark=(
            "the package's test takes its full model, these weights are its tiny one; it also "
            "wants a correlation above 0.99, but of the frequencies with themselves, which is 1"
        ),
    ),
)
