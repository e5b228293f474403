"""Ranking metrics of tagging: macro ROC-AUC and average precision, [N K] and [N K] -> scalars.

Both in 0..1, unweighted means over tags, by scikit-learn. Average precision is its step sum, not
the trapezoid under the precision-recall curve, which differs in the third decimal. Tags for which a
metric is undefined are left out of its mean, counted and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.errors import BadInput


@dataclass(frozen=True)
class Ranking:
    """Macro means and their per-tag values [K] (NaN where undefined)."""

    roc_auc: float
    average_precision: float
    roc_auc_per_tag: np.ndarray
    average_precision_per_tag: np.ndarray
    undefined_roc_auc: tuple[str, ...]  # tags without a known positive or a known negative
    undefined_average_precision: tuple[str, ...]  # the same tags


def rank_tags(
    truth: np.ndarray,
    score: np.ndarray,
    known: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> Ranking:
    """Macro ROC-AUC and average precision: truth [N K] of 0 and 1, score [N K] -> Ranking.

    score: any monotone scale, larger is more likely. known [N K] bool: labels that exist; others
    are left out of their tag. names: of the K tags, to name the undefined ones.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    truth, score, known = _checked(truth, score, known)
    names = [str(k) for k in range(truth.shape[1])] if names is None else list(names)
    if len(names) != truth.shape[1]:
        raise BadInput(f"{len(names)} tag names for {truth.shape[1]} columns; give one a column.")
    roc, precision = np.full((2, truth.shape[1]), np.nan)
    for k in range(truth.shape[1]):
        labels, values = truth[known[:, k], k], score[known[:, k], k]
        if labels.any() and not labels.all():  # any order of an all-positive tag is perfect
            precision[k] = average_precision_score(labels, values)
            roc[k] = roc_auc_score(labels, values)
    return Ranking(
        roc_auc=_mean(roc),
        average_precision=_mean(precision),
        roc_auc_per_tag=roc,
        average_precision_per_tag=precision,
        undefined_roc_auc=_undefined(roc, names),
        undefined_average_precision=_undefined(precision, names),
    )


def _checked(
    truth: np.ndarray, score: np.ndarray, known: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, score = np.asarray(truth), np.asarray(score, float)
    known = np.ones(truth.shape, bool) if known is None else np.asarray(known, bool)
    if truth.ndim != 2 or not truth.shape == score.shape == known.shape:
        raise BadInput(
            f"truth {truth.shape}, score {score.shape} and known {known.shape} must have one "
            "shape [N K]."
        )
    if not np.isin(truth[known], (0, 1)).all():
        raise BadInput("truth holds values other than 0 and 1; mask unknown labels with `known`.")
    if not np.isfinite(score[known]).all():
        raise BadInput("score holds NaN or infinity; ranking needs finite scores.")
    return truth.astype(bool), score, known


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _undefined(values: np.ndarray, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, value in zip(names, values, strict=True) if np.isnan(value))
