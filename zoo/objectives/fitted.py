"""Taggers without a gradient step: untrained features, a classifier fitted at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.objectives.base import Batch, Tree, Turn, Variables
from zoo.objectives.shallow import Labelled, Progress, ShallowClassifier


@dataclass(frozen=True)
class Fitted:
    """features(audio [B T C]) -> [B D], then `classifier` -> [B K]; learnt by `fit`, not in turns.

    The features' weights, where they have any, are random and stay so: 'features' in `frozen`. The
    classifier's are in `params`, which no optimiser sees. standardise: features have mean 0 and
    deviation 1 over the training split. A batch without `mask` has known labels only.
    """

    features: Network
    classifier: ShallowClassifier
    input: str = "audio"
    target: str = "tags"
    mask: str = "known"
    standardise: bool = True

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        one, two = jax.random.split(rng)
        random = dict(self.features.init(one, batch[self.input]))
        found = jax.eval_shape(self.features.apply, random, batch[self.input])
        width, labels = self.width_of(found.shape), batch[self.target].shape[-1]
        scaling = {"mean": jnp.zeros(width), "deviation": jnp.ones(width)}
        return Variables(
            {"classifier": self.classifier.blank(two, width, labels)},
            {"classifier": {"scaling": scaling}},
            {"features": random["params"]} if random else {},
        )

    def width_of(self, shape: tuple[int, ...]) -> int:
        """Features that the classifier sees, where the network gives arrays of this shape."""
        return shape[-1]

    def pooled(self, variables: Variables, found: jax.Array) -> jax.Array:
        """What the network gives as the classifier sees it, [B D]."""
        return found

    @property
    def turns(self) -> tuple[Turn, ...]:
        return ()

    def describe(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """What the classifier is fitted to: {'features': [B D]}, as the network gives them."""
        random = variables.frozen.get("features")
        own = {} if random is None else {"params": random}
        return {"features": self.features.apply(own, batch[self.input]).astype(jnp.float32)}

    def embed(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'embedding': [B D]}: the features that the classifier sees, not standardised."""
        return {"embedding": self._seen(variables, batch)}

    def fit(self, variables: Variables, train: Tree, held: Tree, progress: Progress) -> Variables:
        """The classifier for whole splits of host arrays: features [N D], labels and mask [N K]."""
        features = np.asarray(train["features"], np.float64)
        width = features.shape[1]
        scaling = {"mean": np.zeros(width), "deviation": np.ones(width)}
        if self.standardise:
            scaling = scaling_of(features)
        weights = jax.tree.map(np.asarray, variables.params["classifier"])
        seen, unseen = (self._labelled(part, scaling) for part in (train, held))
        weights = self.classifier.fit(weights, seen, unseen, progress)
        single = lambda tree: jax.tree.map(lambda x: np.asarray(x, np.float32), tree)  # noqa: E731
        return variables.replace(
            params={"classifier": single(weights)},
            collections={
                "classifier": {
                    **variables.collections["classifier"],
                    "scaling": single(scaling),
                }
            },
        )

    def _labelled(self, split: Tree, scaling: Tree) -> Labelled:
        features = (split["features"] - scaling["mean"]) / scaling["deviation"]
        tags = np.asarray(split[self.target])
        return Labelled(features, tags, np.asarray(split.get(self.mask, np.ones_like(tags))))

    def scores(self, variables: Variables, batch: Batch) -> jax.Array:
        """The classifier's decision values, positive for yes, [B T C] -> [B K]."""
        scaling = variables.collections["classifier"]["scaling"]
        found = (self._seen(variables, batch) - scaling["mean"]) / scaling["deviation"]
        return self.classifier.scores(variables.params["classifier"], found)

    def _seen(self, variables: Variables, batch: Batch) -> jax.Array:
        found = self.describe(variables, batch, jax.random.key(0))["features"]
        return self.pooled(variables, found)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """Sigmoids of the decision values: a ranking in 0 to 1, not calibrated probabilities."""
        return {"prediction": jax.nn.sigmoid(self.scores(variables, batch))}


def scaling_of(seen: np.ndarray) -> Tree:
    """{'mean', 'deviation'} [D] of vectors [N D]."""
    spread = seen.std(0)
    # A map that is dead for all examples says nothing, and must not be divided by zero.
    return {"mean": seen.mean(0), "deviation": np.where(spread > 1e-8, spread, 1.0)}


def in_parts(act: Callable[[np.ndarray], jax.Array], x: np.ndarray, size: int) -> np.ndarray:
    """act(x [N ..]) in calls of one shape [size ..]; the last is filled up with zeros."""
    found = []
    for start in range(0, max(len(x), 1), size):
        part = np.asarray(x[start : start + size])
        spare = [(0, size - len(part))] + [(0, 0)] * (x.ndim - 1)
        found.append(np.asarray(act(np.pad(part, spare)))[: len(part)])
    return np.concatenate(found)
