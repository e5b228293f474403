"""Shallow classifiers of feature vectors: scikit-learn fits them, [B D] -> scores [B K] uses them.

Every label is one problem of its own, fitted to the examples for which it is known. The strength of
regularisation, and the kernel, are one for all labels: those with the best `quality` on the
validation split.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Tree
from zoo.signal.precision import HIGHEST

Progress = Callable[[int, int], None]  # (done, of how many)


@dataclass(frozen=True)
class Labelled:
    """Feature vectors [N D], their labels [N K] of 0 and 1, and which of these are known [N K]."""

    features: np.ndarray
    tags: np.ndarray
    known: np.ndarray


_Score = Callable[[np.ndarray, Labelled], float]  # of decision values [N K], greater is better


class ShallowClassifier(Protocol):
    """A frozen dataclass of the grid that is searched."""

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        """Weights before fitting: their shapes, and what of them is random. Jittable."""

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree: ...

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        """Decision values, positive for yes, [B D] -> [B K]."""


@dataclass(frozen=True)
class LinearSVM:
    """Support vector machines with a linear kernel, kept as one weight per feature."""

    penalties: tuple[float, ...] = (0.1, 2.0, 8.0, 32.0)  # of Pons and Serra's grid

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        return {"kernel": jnp.zeros((width, labels)), "bias": jnp.zeros(labels)}

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        _, dual, bias = _best_duals(("linear",), self.penalties, train, held, progress, quality)
        return {"kernel": train.features.T.astype(np.float64) @ dual, "bias": bias}

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        return jnp.matmul(features, weights["kernel"], precision=HIGHEST) + weights["bias"]


@dataclass(frozen=True)
class KernelSVM:
    """Support vector machines with the best of several kernels, kept with what they rest on.

    kernels: gammas of Gaussians, 'auto' for one over the number of features, or 'linear'. rows:
    room for that many training examples; shapes must be known before the data are.
    """

    rows: int
    kernels: tuple[float | str, ...] = (*(2.0**-n for n in range(3, 14, 2)), "auto", "linear")
    penalties: tuple[float, ...] = (0.1, 2.0, 8.0, 32.0)

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        return {
            "support": jnp.zeros((self.rows, width)),
            "dual": jnp.zeros((self.rows, labels)),
            "bias": jnp.zeros(labels),
            "gamma": jnp.zeros(()),  # zero: the linear kernel
        }

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        return self._fit(train, held, progress, quality)

    def _fit(self, train: Labelled, held: Labelled, progress: Progress, score: _Score) -> Tree:
        spare = self.rows - len(train.features)
        if spare < 0:
            raise BadInput(
                f"{len(train.features)} training examples do not fit into rows={self.rows}: "
                "give as many rows"
            )
        kernel, dual, bias = _best_duals(self.kernels, self.penalties, train, held, progress, score)
        filled = {"support": train.features, "dual": dual}
        filled = {key: np.pad(value, ((0, spare), (0, 0))) for key, value in filled.items()}
        gamma = np.float64(_gamma_of(kernel, train.features.shape[1]))
        return {**filled, "bias": bias, "gamma": gamma}

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        support, gamma = weights["support"], weights["gamma"]
        # Distances are small differences of large products.
        inner = jnp.matmul(features, support.T, precision=HIGHEST)
        apart = jnp.sum(features**2, -1)[:, None] - 2 * inner + jnp.sum(support**2, -1)
        near = jnp.where(gamma > 0, jnp.exp(-gamma * jnp.maximum(apart, 0)), inner)
        return jnp.matmul(near, weights["dual"], precision=HIGHEST) + weights["bias"]


@dataclass(frozen=True)
class Ridge:
    """Regularised least squares to -1 and 1."""

    penalties: tuple[float, ...] = (1.0, 10.0, 100.0, 1e3, 1e4)

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        return {"kernel": jnp.zeros((width, labels)), "bias": jnp.zeros(labels)}

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        return _best_linear(_ridge, self.penalties, train, held, progress)

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        return jnp.matmul(features, weights["kernel"], precision=HIGHEST) + weights["bias"]


@dataclass(frozen=True)
class Logistic:
    """Logistic regression with an L2 penalty, whose scores are log-odds."""

    penalties: tuple[float, ...] = (1e-3, 1e-2, 0.1, 1.0, 10.0)  # inverse strengths

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        return {"kernel": jnp.zeros((width, labels)), "bias": jnp.zeros(labels)}

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        return _best_linear(_logistic, self.penalties, train, held, progress)

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        return jnp.matmul(features, weights["kernel"], precision=HIGHEST) + weights["bias"]


Linear = tuple[np.ndarray, float]  # weights [D] and bias of one label


def _best_linear(
    fit: Callable[[np.ndarray, np.ndarray, float], Linear],
    penalties: tuple[float, ...],
    train: Labelled,
    held: Labelled,
    progress: Progress,
) -> Tree:
    """{'kernel' [D K], 'bias' [K]} of the best penalty, each label by `fit` on its known rows."""
    seen, tested = (part.features.astype(np.float64) for part in (train, held))
    labels, found = train.tags.shape[1], []
    for number, penalty in enumerate(penalties):
        kernel, bias = np.zeros((seen.shape[1], labels)), np.zeros(labels)
        for k, rows, target in binary_problems(train):
            if len(set(target)) == 2:
                kernel[:, k], bias[k] = fit(seen[rows], target, penalty)
            else:
                bias[k] = target[0] if len(target) else 0.0
            progress(number * labels + k + 1, len(penalties) * labels)
        found.append((quality(tested @ kernel + bias, held), kernel, bias))
    _, kernel, bias = max(found, key=lambda candidate: candidate[0])
    return {"kernel": kernel, "bias": bias}


def _ridge(features: np.ndarray, target: np.ndarray, penalty: float) -> Linear:
    """Least squares to -1 and 1 [N] with a penalty on the weights."""
    from sklearn.linear_model import Ridge as LeastSquares

    fitted = LeastSquares(penalty, solver="cholesky").fit(features, target)
    return fitted.coef_, fitted.intercept_


def _logistic(features: np.ndarray, target: np.ndarray, penalty: float) -> Linear:
    """Log-odds of -1 and 1 [N]; penalty: inverse strength."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=penalty, max_iter=1000).fit(features, target)
    return fitted.coef_[0], fitted.intercept_[0]


def binary_problems(train: Labelled) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(label, the rows where it is known, -1 or 1 for each of these), label by label."""
    for k in range(train.tags.shape[1]):
        (rows,) = np.nonzero(train.known[:, k] > 0)
        yield k, rows, np.where(train.tags[rows, k] > 0, 1.0, -1.0)


def _best_duals(
    kernels: tuple[float | str, ...],
    penalties: tuple[float, ...],
    train: Labelled,
    held: Labelled,
    progress: Progress,
    score: _Score,
) -> tuple[float | str, np.ndarray, np.ndarray]:
    """(kernel, weight of every training example [N K], bias [K]) of the best of all machines.

    score: of decision values [N K] of the validation split `held`.
    """
    labels, done = train.tags.shape[1], 0
    total = len(kernels) * len(penalties) * labels
    best, found = -np.inf, None
    for kernel in kernels:
        gram = _similarity(kernel, train.features, train.features)
        across = _similarity(kernel, held.features, train.features)
        for penalty in penalties:
            dual, bias = np.zeros((len(gram), labels)), np.zeros(labels)
            for k, rows, target in binary_problems(train):
                dual[rows, k], bias[k] = _machine(gram[np.ix_(rows, rows)], target, penalty)
                progress(done := done + 1, total)
            reached = score(across @ dual + bias, held)
            if found is None or reached > best:
                best, found = reached, (kernel, dual, bias)
    if found is None:
        raise BadInput("no kernel or no penalty to choose from: give one of each at least")
    return found


def _machine(
    gram: np.ndarray, target: np.ndarray, penalty: float
) -> tuple[np.ndarray | float, float]:
    """(weights [N], bias) of the examples of one label, by kernel values [N N] and -1 or 1 [N]."""
    from sklearn.svm import SVC

    if len(set(target)) < 2:
        return 0.0, target[0] if len(target) else 0.0
    fitted = SVC(C=penalty, kernel="precomputed").fit(gram, target)
    dual = np.zeros(len(target))
    dual[fitted.support_] = fitted.dual_coef_[0]
    return dual, fitted.intercept_[0]


def _gamma_of(kernel: float | str, width: int) -> float:
    """A kernel as a number: zero is the linear one."""
    return {"linear": 0.0, "auto": 1 / width}[kernel] if isinstance(kernel, str) else kernel


def _similarity(kernel: float | str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kernel values between all rows, [N D] and [R D] -> [N R] float64."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    if kernel == "linear":
        return a @ b.T
    apart = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    return np.exp(-_gamma_of(kernel, a.shape[1]) * np.maximum(apart, 0))


def _precision(scores: np.ndarray, held: Labelled) -> float:
    """Mean average precision over the labels with known examples of both kinds, or -1."""
    from sklearn.metrics import average_precision_score

    found = [
        average_precision_score(target > 0, scores[rows, k])
        for k, rows, target in binary_problems(held)
        if len(set(target)) == 2
    ]
    return float(np.mean(found)) if found else -1.0


def quality(scores: np.ndarray, held: Labelled) -> float:
    """What choices are made by: accuracy where every example has one label, else `_precision`."""
    if (held.known > 0).all() and len(held.tags) and (held.tags.sum(1) == 1).all():
        return float(np.mean(scores.argmax(1) == held.tags.argmax(1)))
    return _precision(scores, held)
