"""CREPE's pitch scale: 360 bins of 20 cents from 32.7 Hz, hertz [F] <-> salience [F K].

Jong Wook Kim, Justin Salamon, Peter Li, Juan Pablo Bello, "CREPE", ICASSP 2018. Plain NumPy on the
host: a pitch curve is decoded once, frame after frame.
"""

from __future__ import annotations

import numpy as np

_BINS = 360
CENTS = 1997.3794084376191 + 20.0 * np.arange(_BINS)  # above 10 Hz; bin 0 is C1
_REACH = 4  # bins on either side that are averaged
_STEP = 12  # bins within which the pitch moves from one frame to the next


def to_hertz(cents: np.ndarray) -> np.ndarray:
    """Cents above 10 Hz to frequencies, [...] -> [...] Hz."""
    return 10.0 * 2.0 ** (np.asarray(cents) / 1200.0)


def to_cents(hertz: np.ndarray) -> np.ndarray:
    """Frequencies to cents above 10 Hz, [...] Hz -> [...]."""
    return 1200.0 * np.log2(np.asarray(hertz) / 10.0)


def pitch_target(hertz: np.ndarray) -> np.ndarray:
    """What CREPE is taught, [F] Hz -> [F K]: one at the pitch, a Gaussian of 25 cents around it."""
    distance = CENTS - to_cents(hertz)[..., None]
    return np.exp(-np.square(distance) / (2 * 25.0**2)).astype(np.float32)


def local_mean(salience: np.ndarray, path: np.ndarray | None = None) -> np.ndarray:
    """Pitch between the bins, salience [F K] in 0..1 -> [F] Hz.

    Mean of the cents of the nine bins around the chosen one (path [F], by default the largest),
    weighted by their salience.
    """
    path = salience.argmax(1) if path is None else path
    bins = path[:, None] + np.arange(-_REACH, _REACH + 1)
    inside = (bins >= 0) & (bins < _BINS)
    bins = np.clip(bins, 0, _BINS - 1)
    weight = np.where(inside, np.take_along_axis(salience, bins, 1), 0.0).astype(np.float64)
    weight = np.maximum(weight, 1e-12 * inside)
    return to_hertz((weight * CENTS[bins]).sum(1) / weight.sum(1))


def viterbi(salience: np.ndarray) -> np.ndarray:
    """The likeliest path of bins, salience [F K] in 0..1 -> [F] int.

    As torchcrepe: a frame's likelihood is the softmax of the logits, that of a step of d bins is
    proportional to 12 - |d|, and every first bin is as likely as any other.
    """
    steps = np.arange(1 - _STEP, _STEP)
    sources = np.arange(_BINS)[:, None] + steps
    inside = (sources >= 0) & (sources < _BINS)
    sources = np.clip(sources, 0, _BINS - 1)
    triangle = np.maximum(_STEP - np.abs(np.subtract.outer(np.arange(_BINS), np.arange(_BINS))), 0)
    total = triangle.sum(1)  # of the steps away from each bin
    cost = np.where(inside, np.log((_STEP - np.abs(steps)) / total[sources]), -np.inf)
    back = np.zeros(salience.shape, np.int16)  # it and the salience are all that grows with F
    score = _logits(salience[0])
    for frame in range(1, len(salience)):
        arriving = score[sources] + cost
        best = arriving.argmax(1)
        back[frame] = sources[np.arange(_BINS), best]
        score = arriving[np.arange(_BINS), best] + _logits(salience[frame])
    path = np.zeros(len(salience), np.int64)
    path[-1] = score.argmax()
    for frame in range(len(salience) - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path


def _logits(salience: np.ndarray) -> np.ndarray:
    odds = np.clip(salience, 1e-7, 1 - 1e-7).astype(np.float64)
    return np.log(odds) - np.log1p(-odds)


def centred_windows(audio: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Views of a signal around every hop-th sample, [T] -> [F size], F = ceil(T / hop).

    Frame f is centred on sample f * hop; zeros outside the signal.
    """
    padded = np.pad(audio, (size // 2, size))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[: len(audio) : hop]
