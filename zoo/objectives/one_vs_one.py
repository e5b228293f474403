"""Support vector machines that decide between every two classes, as scikit-learn's SVC does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Tree
from zoo.objectives.shallow import KernelSVM, Labelled, Progress, quality
from zoo.signal.precision import HIGHEST


@dataclass(frozen=True)
class PairwiseSVM(KernelSVM):
    """One machine for each pair of classes; scores [B K] are the share of pairs that a class wins.

    For one label of K. From about -1 to 1, ties broken by the sums of the decision values, as
    SVC(break_ties=True) does. The kernel and penalty are those with the best accuracy
    on the validation split.
    """

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        if labels < 2:
            raise BadInput(f"{labels} classes: machines between pairs need 2 or more")
        return super().blank(rng, width, len(pair_ends(labels)))

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        wins = pair_ends(train.tags.shape[1])

        def score(decisions: np.ndarray, _: Labelled) -> float:
            return quality(np.asarray(_votes(decisions, wins)), held)

        return self._fit(_between(train), _between(held), progress, score)

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        decisions = super().scores(weights, features)
        return _votes(decisions, pair_ends(classes(decisions.shape[1])))


def classes(pairs: int) -> int:
    """How many classes make so many pairs."""
    return (1 + math.isqrt(1 + 8 * pairs)) // 2


def pair_ends(labels: int) -> np.ndarray:
    """[P K]: 1 for the class that a pair's positive decision means, -1 for the other."""
    wins = np.zeros((labels * (labels - 1) // 2, labels))
    for pair, (one, other) in enumerate(combinations(range(labels), 2)):
        wins[pair, one], wins[pair, other] = 1, -1
    return wins


def _between(examples: Labelled) -> Labelled:
    """The examples with a label for each pair [N P], known where they are of one of the two."""
    tags = np.where(examples.known > 0, examples.tags, 0)
    if (tags.sum(1) != 1).any():
        raise BadInput("machines between pairs of classes need one label for each example")
    wins = pair_ends(tags.shape[1])
    return Labelled(examples.features, (tags @ wins.T > 0) * 1.0, (tags @ wins.T != 0) * 1.0)


def _votes(decisions: jax.Array | np.ndarray, wins: np.ndarray) -> jax.Array:
    """Decision values of pairs [B P] as the share of pairs that each class wins, [B K] in -1..1."""
    total = jnp.matmul(decisions, wins, precision=HIGHEST)
    count = jnp.matmul(jnp.where(decisions >= 0, 1.0, -1.0), wins, precision=HIGHEST)
    return (count + 2 * total / (3 * (jnp.abs(total) + 1))) / (wins.shape[1] - 1)
