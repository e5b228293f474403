"""A linear classifier of a frozen tagger's embeddings, calibrated, with "none of these" as answer.

For each label the logistic regression's log-odds are turned into a probability (Platt 1999), and a
threshold says from where on it counts. What lies far from all embeddings that were learnt from
(Mahalanobis distance to the nearest label's mean, as Lee et al., NeurIPS 2018) is none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Batch, Tree, Turn, Variables
from zoo.objectives.shallow import Progress
from zoo.signal.precision import HIGHEST

_WIDEST = 2048  # numbers of an embedding, whose distances need a square matrix
_USUAL = 0.95  # share of what is learnt from that is no outlier
PENALTY = 0.1  # inverse strength of the regression's penalty, for standardised embeddings


@dataclass(frozen=True)
class Probe:
    """Audio [B T C] -> scores [B K + 1] of K labels and, last, of none of them.

    body: an objective of one network that has `embed`. Its weights are 'body' in `frozen`. Without
    turns: `fit` does it, once, from embeddings.
    """

    body: Any
    input: str = "audio"
    target: str = "tags"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        begun = self.body.init(rng, batch)
        if len(begun.params) != 1 or begun.frozen:
            raise BadInput("a probe reads the embedding of one network: choose a tagger")
        (player,) = begun.params
        found = jax.eval_shape(self.body.embed, begun, batch, rng)["embedding"]
        width, labels = found.shape[-1], batch[self.target].shape[-1] - 1
        return Variables(
            {"classifier": _blank(width, labels)},
            {"body": begun.collections.get(player, {})},
            {"body": begun.params[player]},
        )

    @property
    def turns(self) -> tuple[Turn, ...]:
        return ()

    def describe(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'features': [B D]}: what is fitted to."""
        return {"features": self.embed(variables, batch, rng)["embedding"]}

    def embed(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'embedding': [B D]} of the body."""
        player = getattr(self.body, "player", "model")
        held = variables.collections.get("body", {})  # pairs leave empty ones out
        own = Variables({player: variables.frozen["body"]}, {player: held})
        return self.body.embed(own, batch, rng)

    def fit(self, variables: Variables, train: Tree, held: Tree, progress: Progress) -> Variables:
        """Fits to `train` and calibrates on `held`: features [N D], tags [N K + 1] each."""
        weights = fit_probe_classifier(train["features"], train[self.target][:, :-1])
        odds, distance = decisions(weights, jnp.asarray(held["features"], jnp.float32))
        tags = held[self.target][:, :-1]
        weights |= calibrated(np.asarray(odds), np.asarray(distance), tags)
        progress(1, 1)
        return variables.replace(params={"classifier": weights})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        weights = variables.params["classifier"]
        found = self.embed(variables, batch, rng)["embedding"]
        return {"prediction": probe_scores(weights, *decisions(weights, found))}


def _blank(width: int, labels: int) -> Tree:
    """The weights before fitting."""
    if width > _WIDEST:
        raise BadInput(f"embeddings of {width} numbers are too wide for a probe: at most {_WIDEST}")
    each = {name: jnp.zeros(labels) for name in ("bias", "slope", "offset", "cut")}
    return {
        "mean": jnp.zeros(width),
        "deviation": jnp.ones(width),
        "kernel": jnp.zeros((width, labels)),
        "centres": jnp.zeros((labels, width)),
        "whitening": jnp.zeros((width, width)),
        "limit": jnp.zeros(()),
        "scale": jnp.ones(()),
        **each,
    }


def decisions(weights: Tree, embedding: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(log-odds [B K] before calibration, distance [B] to the nearest label's mean)."""
    scaled = (embedding.astype(jnp.float32) - weights["mean"]) / weights["deviation"]
    odds = jnp.matmul(scaled, weights["kernel"], precision=HIGHEST) + weights["bias"]
    apart = scaled[:, None] - weights["centres"]
    white = jnp.matmul(apart, weights["whitening"], precision=HIGHEST)
    return odds, jnp.sqrt(jnp.mean(jnp.square(white), -1)).min(1)


def probe_scores(
    weights: Tree, odds: jax.Array | np.ndarray, distance: jax.Array | np.ndarray
) -> jax.Array:
    """Scores [B K + 1]: probabilities of the labels, and of none.

    The last is at least a half where no label passes its threshold, or the embedding is an outlier.
    """
    usual = jax.nn.sigmoid((weights["limit"] - distance) / weights["scale"])[:, None]
    odds = weights["slope"] * odds + weights["offset"]
    passed = jax.nn.sigmoid(odds - weights["cut"]).max(1, keepdims=True)
    return jnp.concatenate([jax.nn.sigmoid(odds) * usual, 1 - usual * passed], -1)


def fit_probe_classifier(
    features: np.ndarray, tags: np.ndarray, weight: np.ndarray | None = None
) -> Tree:
    """The classifier and the shape of what is usual, of embeddings [N D] with tags [N K] of 0, 1.

    weight [N]: of each row, as 1 over the rows of its file. Rows without a tag are examples of
    none, and count for the regression alone.
    """
    from sklearn.covariance import LedoitWolf
    from sklearn.linear_model import LogisticRegression

    features = np.asarray(features, np.float64)
    mean, deviation = features.mean(0), features.std(0)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    scaled = (features - mean) / deviation
    kernel, bias = np.zeros((features.shape[1], tags.shape[1])), np.zeros(tags.shape[1])
    for k in range(tags.shape[1]):
        if len(set(tags[:, k])) < 2:
            raise BadInput(f"label {k + 1} has all of the files or none of them: nothing to learn")
        machine = LogisticRegression(C=PENALTY, max_iter=1000)
        machine.fit(scaled, tags[:, k] > 0, sample_weight=weight)
        kernel[:, k], bias[k] = machine.coef_[0], machine.intercept_[0]
    centres = np.stack([scaled[tags[:, k] > 0].mean(0) for k in range(tags.shape[1])])
    known = tags.sum(1) > 0
    nearest = np.square(scaled[known, None] - centres).sum(-1).argmin(1)
    spread = LedoitWolf(assume_centered=True).fit(scaled[known] - centres[nearest]).covariance_
    values, vectors = np.linalg.eigh(spread)
    whitening = vectors / np.sqrt(np.maximum(values, 1e-6))
    found = {"mean": mean, "deviation": deviation, "kernel": kernel, "bias": bias}
    return _single({**found, "centres": centres, "whitening": whitening})


def calibrated(
    odds: np.ndarray,
    distance: np.ndarray,
    tags: np.ndarray,
    weight: np.ndarray | None = None,
    cut: Callable[[Tree], np.ndarray] | None = None,
) -> Tree:
    """What turns decisions on rows that were not learnt from into probabilities and a limit.

    cut: from the rest of the calibration to the threshold of every label [K], a probability; one
    half where it is not given.
    """
    from sklearn.linear_model import LogisticRegression

    labels = tags.shape[1]
    slope, offset = np.ones(labels), np.zeros(labels)
    for k in range(labels):
        if len(set(tags[:, k])) == 2:
            platt = LogisticRegression(C=1e4).fit(odds[:, k : k + 1], tags[:, k] > 0, weight)
            slope[k], offset[k] = max(platt.coef_[0, 0], 1e-3), platt.intercept_[0]
    own = distance[tags.sum(1) > 0]
    middle, limit = np.quantile(own, 0.5), np.quantile(own, _USUAL)
    scale = max((limit - middle) / 4, 1e-3)  # at the middle, the score of none is .02
    found = _single({"slope": slope, "offset": offset, "limit": limit, "scale": scale})
    half = np.full(labels, 0.5) if cut is None else cut(found)
    return {**found, "cut": np.log(half / (1 - half)).astype(np.float32)}


def _single(tree: Tree) -> Tree:
    """As float32."""
    return jax.tree.map(lambda x: np.asarray(x, np.float32), tree)
