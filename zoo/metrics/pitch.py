"""Melody metrics, two pitch curves [F] in Hz on one time grid -> fractions in 0..1.

As `mir_eval.melody` (Raffel et al., ISMIR 2014; Poliner et al., IEEE TASLP 2007): a frame is right
if it lies within 50 cents. 0 Hz means no estimate; a negative frequency means "probably unvoiced,
but if voiced, this".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.errors import BadInput


@dataclass(frozen=True)
class _Melody:
    """Fractions in 0..1; larger is better except for voicing_false_alarm."""

    raw_pitch: float  # of voiced reference frames, right pitch whatever the voicing
    raw_chroma: float  # the same, octave errors forgiven
    voicing_recall: float  # of voiced reference frames, those called voiced
    voicing_false_alarm: float  # of unvoiced reference frames, those called voiced
    overall: float  # of all frames, right voicing and right pitch


def score_melody(reference: np.ndarray, estimate: np.ndarray, cents: float = 50.0) -> _Melody:
    """All five melody metrics: [F] Hz and [F] Hz -> Melody; cents is the tolerance."""
    reference, estimate = np.asarray(reference, float), np.asarray(estimate, float)
    if reference.ndim != 1 or reference.shape != estimate.shape or not reference.size:
        raise BadInput(
            f"pitch curves {reference.shape} and {estimate.shape} must share one grid [F]."
        )
    voiced, called = reference > 0, estimate > 0
    error = _cents_apart(reference, estimate)
    right = error < cents
    folded = np.abs(error - 1200 * np.floor(np.nan_to_num(error) / 1200 + 0.5)) < cents
    agree = (voiced & called & right) | (~voiced & ~called)
    return _Melody(
        raw_pitch=_fraction(right, voiced),
        raw_chroma=_fraction(folded, voiced),
        voicing_recall=_fraction(called, voiced) if voiced.any() else 1.0,  # as mir_eval 0.8
        voicing_false_alarm=_fraction(called, ~voiced),
        overall=float(agree.mean()),
    )


def _cents_apart(reference: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Absolute distance in cents [F]; NaN where either side has no frequency."""
    both = (reference != 0) & (estimate != 0)
    ratio = np.full(reference.shape, np.nan)
    np.divide(np.abs(reference), np.abs(estimate), out=ratio, where=both)
    return 1200 * np.abs(np.log2(ratio))


def _fraction(good: np.ndarray, among: np.ndarray) -> float:
    """Part of `among` that is good; 0 where there is none, as mir_eval has it."""
    count = among.sum()
    return float((good & among).sum() / count) if count else 0.0
