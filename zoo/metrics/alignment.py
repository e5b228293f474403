"""How attention went through a text: weights [S L] of S steps over L characters. NumPy, float64."""

from __future__ import annotations

import numpy as np


def focus(weights: np.ndarray) -> float:
    """The mean over steps of the largest weight: 1 where each step looks at one character."""
    return float(np.asarray(weights, np.float64).max(1).mean())


def diagonality(weights: np.ndarray) -> float:
    """Correlation of the step with the mean place of its weights: 1 along a straight line.

    0 where the place never changes, or where there is one step.
    """
    places = np.asarray(weights, np.float64) @ np.arange(weights.shape[1])
    if len(places) < 2 or np.ptp(places) < 1e-9:
        return 0.0
    return float(np.corrcoef(places, np.arange(len(places)))[0, 1])


def backward(weights: np.ndarray) -> float:
    """The share of steps whose strongest character comes before that of the step before."""
    peaks = weights.argmax(1)
    return float((np.diff(peaks) < 0).mean()) if len(peaks) > 1 else 0.0


def missed_characters(weights: np.ndarray, least: float = 0.2) -> float:
    """The share of characters on which no step put `least` of its weight."""
    return float((np.asarray(weights).max(0) < least).mean())
