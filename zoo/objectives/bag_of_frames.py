"""Bags of frames: how often each word of a codebook, fitted to training frames, is in a clip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Batch, Tree, Variables
from zoo.objectives.fitted import Fitted, in_parts, scaling_of
from zoo.objectives.shallow import Progress
from zoo.signal.precision import HIGHEST

IN_ONE = 64  # clips whose distances are in memory together


@dataclass(frozen=True)
class BagOfFrames(Fitted):
    """`Fitted` with features(audio) -> frames [B F D], of which the classifier sees a histogram.

    The codebook is found by k-means (scikit-learn's, by small batches) on standardised frames of
    the training split. words: its size. most: frames that it is fitted to, drawn from all.
    """

    words: int = 256
    most: int = 100_000

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        found = jax.eval_shape(self.features.apply, {}, batch[self.input])
        if len(found.shape) != 3:
            raise BadInput(f"a bag is of frames [B F D], these features are {list(found.shape)}")
        width = found.shape[-1]
        begun = super().init(rng, batch)
        blank = {
            "centres": jnp.zeros((self.words, width)),
            "mean": jnp.zeros(width),
            "deviation": jnp.ones(width),
        }
        own = {**begun.collections["classifier"], "codebook": blank}
        return begun.replace(collections={"classifier": own})

    def width_of(self, shape: tuple[int, ...]) -> int:
        return self.words

    def pooled(self, variables: Variables, found: jax.Array) -> jax.Array:
        """Frames [B F D] -> the share of each word [B N]."""
        book = variables.collections["classifier"]["codebook"]
        return histogram(book, found)

    def fit(self, variables: Variables, train: Tree, held: Tree, progress: Progress) -> Variables:
        book = self._codebook(np.asarray(train["features"]))
        own = {**variables.collections["classifier"], "codebook": book}
        variables = variables.replace(collections={"classifier": own})
        seen, tested = (
            {**part, "features": _bags_of(book, part["features"])} for part in (train, held)
        )
        return super().fit(variables, seen, tested, progress)

    def _codebook(self, frames: np.ndarray) -> Tree:
        from sklearn.cluster import MiniBatchKMeans

        frames = frames.reshape(-1, frames.shape[-1])
        if len(frames) < self.words:
            raise BadInput(
                f"{len(frames)} training frames make no codebook of words={self.words}: give fewer"
            )
        draw = np.random.default_rng(0)
        scaling = scaling_of(frames)
        chosen = draw.permutation(len(frames))[: self.most]
        seen = (frames[chosen] - scaling["mean"]) / scaling["deviation"]
        fitted = MiniBatchKMeans(self.words, random_state=0, n_init=3, batch_size=4096).fit(seen)
        return jax.tree.map(
            lambda x: np.asarray(x, np.float32), {"centres": fitted.cluster_centers_, **scaling}
        )


def histogram(book: Tree, frames: jax.Array) -> jax.Array:
    """Frames [B F D] -> the share of those that are nearest to each centre, [B N]."""
    frames = (frames - book["mean"]) / book["deviation"]
    centres = book["centres"]
    # The square of the frame itself is the same for all centres.
    apart = (centres**2).sum(-1) - 2 * jnp.matmul(frames, centres.T, precision=HIGHEST)
    return jax.nn.one_hot(jnp.argmin(apart, -1), len(centres)).mean(-2)


def _bags_of(book: Tree, frames: np.ndarray) -> np.ndarray:
    """`histogram` of a whole split [N F D] -> [N words], some clips at a time."""
    return in_parts(jax.jit(partial(histogram, book)), frames, min(IN_ONE, max(len(frames), 1)))
