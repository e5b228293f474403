"""Shallow networks of feature vectors, [B D] -> scores [B K]: random hidden units, or learnt."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.errors import BadInput
from zoo.objectives.base import Tree
from zoo.objectives.shallow import Labelled, Progress, binary_problems, quality
from zoo.signal.precision import HIGHEST


@dataclass(frozen=True)
class ExtremeLearning:
    """An extreme learning machine: rectified units of random weights, least squares on top.

    As Pons and Serra's: weights and offsets are standard normal, -1 and 1 are fitted by the pseudo-
    inverse without penalty, the width is the one of `widths` with the best `quality` on the
    validation split. Singular values below what float32 can tell from zero are left out.
    """

    widths: tuple[int, ...] = (100, 250, 500, 1200, 1800, 2500)

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise BadInput(f"widths={self.widths}: give numbers of hidden units, as in 100,250")

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        one, two = jax.random.split(rng)
        most = max(self.widths)
        return {
            "random": jax.random.normal(one, (width, most)),
            "offset": jax.random.normal(two, (most,)),
            "kernel": jnp.zeros((most, labels)),  # zero for units that are not used
        }

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        seen, tested = (units(weights, part.features) for part in (train, held))
        found = []
        for number, width in enumerate(self.widths):
            kernel = np.zeros(weights["kernel"].shape)
            kernel[:width] = least_squares(seen[:, :width], train)
            found.append((quality(tested @ kernel, held), kernel))
            progress(number + 1, len(self.widths))
        return {**weights, "kernel": max(found, key=lambda candidate: candidate[0])[1]}

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        mixed = jnp.matmul(features, weights["random"], precision=HIGHEST) + weights["offset"]
        return jnp.matmul(jax.nn.relu(mixed), weights["kernel"], precision=HIGHEST)


def units(weights: Tree, features: np.ndarray) -> np.ndarray:
    """Hidden units of an extreme learning machine, [N D] -> [N H] float64."""
    mixed = np.asarray(features, np.float64) @ np.asarray(weights["random"], np.float64)
    return np.maximum(mixed + weights["offset"], 0)


def least_squares(hidden: np.ndarray, train: Labelled) -> np.ndarray:
    """The shortest kernel [H K] that fits the known labels best, -1 and 1."""
    limit = float(np.finfo(np.float32).eps) * max(hidden.shape)
    known, target = train.known > 0, np.where(train.tags > 0, 1.0, -1.0)
    if known.all():
        return np.linalg.lstsq(hidden, target, rcond=limit)[0]
    kernel = np.zeros((hidden.shape[1], known.shape[1]))
    for k, rows, own in binary_problems(train):
        if len(rows):
            kernel[:, k] = np.linalg.lstsq(hidden[rows], own, rcond=limit)[0]
    return kernel


@dataclass(frozen=True)
class MultilayerPerceptron:
    """A hidden layer of rectified units and a logit per label, by Adam on binary cross-entropy.

    Start, batches, penalty and rate are scikit-learn's MLPClassifier's. penalty: of half the sum of
    squared kernels, over the examples of a batch. Unknown labels count for nothing. The last epoch
    is kept: nothing is chosen on the validation split.
    """

    hidden: int = 20
    epochs: int = 600
    batch: int = 200
    learning_rate: float = 1e-3
    penalty: float = 1e-4

    def blank(self, rng: jax.Array, width: int, labels: int) -> Tree:
        shapes = ((width, self.hidden), (self.hidden, labels))
        layers = {}
        for name, key, shape in zip(("hidden", "top"), jax.random.split(rng), shapes):
            one, two = jax.random.split(key)
            reach = np.sqrt(6 / sum(shape))
            layers[name] = {
                "kernel": jax.random.uniform(one, shape, minval=-reach, maxval=reach),
                "bias": jax.random.uniform(two, shape[1:], minval=-reach, maxval=reach),
            }
        return layers

    def fit(self, weights: Tree, train: Labelled, held: Labelled, progress: Progress) -> Tree:
        optimizer = optax.adam(self.learning_rate)
        known = np.asarray(train.known > 0, np.float32)
        tags = np.where(train.known > 0, train.tags, 0).astype(np.float32)
        arrays = (np.asarray(train.features, np.float32), tags, known)
        count = min(self.batch, len(tags))
        draw = np.random.default_rng(0)

        @jax.jit
        def epoch(weights: Tree, state: optax.OptState, index: jax.Array) -> tuple:
            def step(carry: tuple, rows: jax.Array) -> tuple:
                weights, state = carry
                own = (jnp.asarray(array)[rows] for array in arrays)
                change = jax.grad(self.loss)(weights, *own)
                updates, state = optimizer.update(change, state, weights)
                return (optax.apply_updates(weights, updates), state), None

            return jax.lax.scan(step, (weights, state), index)[0]

        weights = jax.tree.map(jnp.asarray, weights)
        state = optimizer.init(weights)
        for number in range(self.epochs):
            order = draw.permutation(len(tags))[: len(tags) // count * count]
            weights, state = epoch(weights, state, order.reshape(-1, count))
            progress(number + 1, self.epochs)
        return jax.device_get(weights)

    def loss(
        self, weights: Tree, features: jax.Array, tags: jax.Array, known: jax.Array
    ) -> jax.Array:
        """Sum over labels, mean over examples, of the cross-entropy, and the penalty."""
        wrong = optax.sigmoid_binary_cross_entropy(self.scores(weights, features), tags)
        squares = sum(jnp.sum(layer["kernel"] ** 2) for layer in weights.values())
        return (jnp.sum(wrong * known) + 0.5 * self.penalty * squares) / len(tags)

    def scores(self, weights: Tree, features: jax.Array) -> jax.Array:
        hidden, top = weights["hidden"], weights["top"]
        found = jnp.matmul(features, hidden["kernel"], precision=HIGHEST) + hidden["bias"]
        found = jnp.matmul(jax.nn.relu(found), top["kernel"], precision=HIGHEST)
        return found + top["bias"]
