"""Convolutional deep belief nets: layers learnt without labels, one by one, then a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.crbm import CRBM
from zoo.objectives.base import Batch, Tree, Variables
from zoo.objectives.fitted import Fitted, in_parts
from zoo.objectives.shallow import Progress
from zoo.signal.precision import HIGHEST

MOMENTUM = 0.9


@dataclass(frozen=True)
class DeepBelief(Fitted):
    """`Fitted` with features(audio) -> frames [B F N], learnt features of them in between.

    Frames are whitened to `components` (the covariance is not centred, `epsilon` is added to its
    eigenvalues), then go through `layers`. The classifier sees mean and maximum over time of the
    pooled units of those in `seen`, [B 2*K], in order. Each layer is trained for `epochs` passes
    over the training split in batches of `batch` clips, at learning_rate / (1 + .01 epoch).
    """

    layers: tuple[CRBM, ...] = (CRBM(), CRBM(deviation=None))
    seen: tuple[int, ...] = (1, 2)
    components: int = 80
    epsilon: float = 3.0
    epochs: int = 10
    batch: int = 8
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        if not self.seen or not set(self.seen) <= set(range(1, len(self.layers) + 1)):
            raise BadInput(f"seen={self.seen}: name layers of 1 to {len(self.layers)}")

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        begun = super().init(rng, batch)
        frames = jax.eval_shape(self.features.apply, {}, batch[self.input])
        channels, layers = self._components(frames.shape[-1]), {}
        for number, layer in enumerate(self.layers, 1):
            rng, own = jax.random.split(rng)
            layers[f"layer_{number}"] = layer.begin(own, channels)
            channels = layer.bases
        whitening = jnp.zeros((frames.shape[-1], self._components(frames.shape[-1])))
        return begun.replace(
            params={**begun.params, "belief_net": layers},
            collections={"classifier": {**begun.collections["classifier"], "whitening": whitening}},
        )

    def _components(self, bins: int) -> int:
        return min(self.components, bins)

    def width_of(self, shape: tuple[int, ...]) -> int:
        return 2 * sum(self.layers[number - 1].bases for number in self.seen)

    def pooled(self, variables: Variables, found: jax.Array) -> jax.Array:
        """Frames [B F N] -> what the classifier sees, [B D]."""
        whitening = variables.collections["classifier"]["whitening"]
        return self.summary(whitening, variables.params["belief_net"], found)

    def summary(self, whitening: jax.Array, weights: Tree, frames: jax.Array) -> jax.Array:
        """Mean and maximum of the pooled units of every layer that is seen, [B F N] -> [B D]."""
        found = []
        for number, units in self._through(weights, _whitened(whitening, frames)):
            if number in self.seen:
                found += [units.mean(1), units.max(1)]
        return jnp.concatenate(found, -1)

    def _through(self, weights: Tree, x: jax.Array) -> Iterator[tuple[int, jax.Array]]:
        """The number and pooled units [B F' K] of each layer."""
        for number, layer in enumerate(self.layers, 1):
            x = layer.pooled(weights[f"layer_{number}"], x)
            yield number, x

    def fit(self, variables: Variables, train: Tree, held: Tree, progress: Progress) -> Variables:
        frames = np.asarray(train["features"], np.float32)
        whitening = jnp.asarray(
            whitening_of(frames, self._components(frames.shape[-1]), self.epsilon)
        )
        weights = jax.tree.map(jnp.asarray, variables.params["belief_net"])
        x = in_parts(jax.jit(partial(_whitened, whitening)), frames, self.batch)
        for number, layer in enumerate(self.layers, 1):
            name = f"layer_{number}"
            weights[name] = self._learnt(layer, weights[name], x, number, progress)
            if number < len(self.layers):
                x = in_parts(jax.jit(partial(layer.pooled, weights[name])), x, self.batch)
        summary = jax.jit(partial(self.summary, whitening, weights))
        seen, unseen = (
            {**part, "features": in_parts(summary, part["features"], self.batch)}
            for part in (train, held)
        )
        fitted = super().fit(variables, seen, unseen, progress)
        own = {**fitted.collections["classifier"], "whitening": np.asarray(whitening, np.float32)}
        learnt = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), weights)
        return fitted.replace(
            params={**fitted.params, "belief_net": learnt}, collections={"classifier": own}
        )

    def _learnt(
        self, layer: CRBM, weights: Tree, x: np.ndarray, number: int, progress: Progress
    ) -> Tree:
        """The weights of one layer after `epochs` passes over x [N F C]."""
        step = jax.jit(partial(_climbed, layer))
        draw, velocity = np.random.default_rng(number), jax.tree.map(jnp.zeros_like, weights)
        size = min(self.batch, len(x))
        for epoch in range(self.epochs):
            rate = self.learning_rate / (1 + 0.01 * epoch)
            order = draw.permutation(len(x))[: len(x) // size * size].reshape(-1, size)
            for place, chosen in enumerate(order):
                key = jax.random.key(draw.integers(2**31))
                weights, velocity, found = step(key, weights, velocity, x[chosen], rate)
                progress(epoch * len(order) + place + 1, self.epochs * len(order))
            print(
                f"layer {number}, epoch {epoch + 1}: error {found['error']:.4f}, "
                f"active {found['active']:.4f}"
            )
        return weights


def _climbed(
    layer: CRBM, key: jax.Array, weights: Tree, velocity: Tree, x: jax.Array, rate: Any
) -> tuple[Tree, Tree, Tree]:
    """(weights, velocity, what was found) after one step with momentum."""
    change, found = layer.gradient(key, weights, x)
    velocity = jax.tree.map(lambda v, g: MOMENTUM * v + rate * g, velocity, change)
    return jax.tree.map(jnp.add, weights, velocity), velocity, found


def _whitened(whitening: jax.Array, frames: jax.Array) -> jax.Array:
    """[B F N] -> [B F components]."""
    return jnp.matmul(frames, whitening, precision=HIGHEST)


def whitening_of(frames: np.ndarray, components: int, epsilon: float) -> np.ndarray:
    """[N components]: of frames [.. N], their leading directions over the root of their power."""
    flat = frames.reshape(-1, frames.shape[-1]).astype(np.float64)
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    values, vectors = values[::-1][:components], vectors[:, ::-1][:, :components]
    return (vectors / np.sqrt(np.maximum(values, 0) + epsilon)).astype(np.float32)
