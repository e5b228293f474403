"""A copy against its original: spectra, loudness and pitch of any two recordings.

The spectral distances are those of `vocoding`, at the original's rate; loudness is DDSP's
(A-weighted, in dB), pitch CREPE's, as in `resynthesis`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo import tuning
from zoo.errors import BadInput
from zoo.evaluation import vocoding
from zoo.evaluation.resynthesis import SURE, Tracker
from zoo.signal.synthesis import loudness

TRACKED = 16_000  # Hz that the tracker reads
_HOP = 160  # samples of it
PER_SECOND = 100  # frames of loudness


@dataclass(frozen=True)
class Copies:
    """tracker: of pitch, at 16 kHz; without one there is no pitch error."""

    tracker: Tracker | None = None

    def compare(self, copy: Any, original: Any) -> dict[str, float]:
        """Distances of two sounds that have `rate` and `read(rate, channels)`, over the shorter.

        log_mel_l1, spectral_convergence, log_stft_l1, multi_resolution_stft, loudness_l1 in dB,
        f0_cents: median size of the pitch error where the original's pitch is sure (absent where it
        never is). raises BadInput: nothing to compare.
        """
        rate = original.rate
        fake, real = (sound.read(rate, 1) for sound in (copy, original))
        there = min(len(fake), len(real))
        if there < max(vocoding.STFT_SIZES):
            raise BadInput(f"{there} samples in common: give {max(vocoding.STFT_SIZES)} or more")
        spectra = vocoding.Vocoding(vocoding.common(rate))
        found = vocoding.record_distances(partial(spectra.distances, rate), fake, real, there)
        del found["own_log_mel_l1"]
        found["loudness_l1"] = _loudness_error(fake[:there], real[:there], rate)
        if self.tracker:
            ours, theirs = (sound.read(TRACKED, 1)[:, 0] for sound in (copy, original))
            cents = _pitch_error(self.tracker, ours, theirs)
            found |= {"f0_cents": cents} if np.isfinite(cents) else {}
        return found


def _loudness_error(fake: np.ndarray, real: np.ndarray, rate: int) -> float:
    """Mean absolute difference in dB, [T 1], [T 1] -> scalar."""
    there = vocoding.compiled_length(len(real))
    return float(_loudness_l1(fake[None, :there], real[None, :there], rate))


@partial(jax.jit, static_argnums=2)
def _loudness_l1(fake: jax.Array, real: jax.Array, rate: int) -> jax.Array:
    hop = rate // PER_SECOND
    ours, theirs = (loudness(x, rate, n_fft=512, hop=hop, centre=True) for x in (fake, real))
    return jnp.abs(ours - theirs).mean()


def _pitch_error(tracker: Tracker, fake: np.ndarray, real: np.ndarray) -> float:
    """Median size in cents where the original's pitch is sure, [T], [T] -> scalar, NaN if never."""
    there = min(len(fake), len(real))
    truth, confidence = tracker(real[:there], _HOP)
    found, _ = tracker(fake[:there], _HOP)
    apart = 100 * np.abs(tuning.note_of_hertz(found) - tuning.note_of_hertz(truth))
    sure = confidence >= SURE
    return float(np.median(apart[sure])) if sure.any() else float("nan")
