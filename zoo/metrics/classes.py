"""Scores of generated clips by a classifier's probabilities, [N K] -> scalars, float64.

Inception score (Salimans et al., NeurIPS 2016, with the splits of their code), and accuracy and
entropy as GANSynth (Engel et al., ICLR 2019) has them of pitch. They depend on the classifier, so
its name belongs beside every value.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.special import entr, rel_entr

from zoo.errors import BadInput


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """(mean, population deviation) over `splits` of exp(mean KL(p(y|x), p(y))): [N K] -> scalars.

    Splits are consecutive and equal to one clip: order the clips at random. From 1, all clips
    alike, to K. raises BadInput: fewer clips than splits.
    """
    probabilities = _checked(probabilities)
    if not 1 <= splits <= len(probabilities):
        raise BadInput(f"{len(probabilities)} clips in {splits} splits: give 1 or more to each.")
    borders = [i * len(probabilities) // splits for i in range(splits + 1)]
    scores = []
    for start, stop in pairwise(borders):
        part = probabilities[start:stop]
        scores.append(np.exp(rel_entr(part, part.mean(0)).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def accuracy(probabilities: np.ndarray, wanted: np.ndarray) -> float:
    """Share of clips whose likeliest class is the wanted one: [N K], [N] -> scalar."""
    probabilities, wanted = _checked(probabilities), np.asarray(wanted)
    if wanted.shape != (len(probabilities),):
        raise BadInput(f"classes {list(wanted.shape)} for {len(probabilities)} clips.")
    return float((probabilities.argmax(1) == wanted).mean())


def entropy(probabilities: np.ndarray) -> float:
    """Mean entropy in nats of the classifier's answer to each clip, [N K] -> scalar.

    0 where it is sure of every clip, ln K where it never is. The paper's "entropy of its output
    distribution" is taken so: .22 of real notes of 61 pitches can be no entropy of all together.
    """
    return float(entr(_checked(probabilities)).sum(1).mean())


def _checked(probabilities: np.ndarray) -> np.ndarray:
    found = np.asarray(probabilities, np.float64)
    if found.ndim != 2 or not found.size or not np.isfinite(found).all() or (found < 0).any():
        raise BadInput(f"probabilities {list(found.shape)} must be [N K], finite and 0 or more.")
    if np.abs(found.sum(1) - 1).max() > 1e-3:
        raise BadInput("probabilities of a clip must sum to 1: divide each row by its sum.")
    return found / found.sum(1, keepdims=True)
