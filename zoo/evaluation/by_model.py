"""Generated clips against held-out ones by a classifier or by an embedding, each named.

Inception score, accuracy and entropy of a classifier's answers; Fréchet and kernel distances and
NDB of embeddings [N D]. A classifier trained in this zoo is another than a paper's: its values
compare with those of the same classifier alone, and the real clips' stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from zoo.metrics import bins, classes, frechet

_KERNELS = 4000  # clips of a set that kernel distances take: they need a number for every pair
_BINS = 50  # of NDB, as its users take


class ClipClassifier(Protocol):
    """Class probabilities of clips, as `zoo.front.clip_model.ClipModel` gives them."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def probabilities(self, clips: Iterable[np.ndarray], rate: int) -> np.ndarray:
        """Clips [T C] at `rate` Hz -> [N K]."""


class Embedder(Protocol):
    """Vectors of clips."""

    @property
    def name(self) -> str: ...

    def embeddings(self, clips: Iterable[np.ndarray], rate: int) -> np.ndarray:
        """Clips [T C] at `rate` Hz -> [N D]."""


def class_scores(
    probabilities: np.ndarray, splits: int, wanted: np.ndarray | None = None
) -> dict[str, float]:
    """Of a classifier's answers [N K]; wanted [N]: the classes that were asked for."""
    splits = min(splits, len(probabilities))
    score, deviation = classes.inception_score(probabilities, splits)
    found = {
        "inception_score": score,
        "inception_score_deviation": deviation,
        "class_entropy": classes.entropy(probabilities),
    }
    if wanted is not None:
        found["class_accuracy"] = classes.accuracy(probabilities, wanted)
    return found


def embedding_distances(
    fake: np.ndarray, real: np.ndarray, owner: np.ndarray | None = None
) -> dict[str, float]:
    """Of embeddings [N D] and [M D]: frechet, kid, kad, ndb_share, and what halves of real have.

    kid: unbiased, cubic kernel. kad: 100 times the Gaussian one, bandwidth from the reference.
    Kernel distances take KERNELS random clips of larger sets. owner: [M], of what has to stay in
    one half. NDB is left out where bins would have too few clips.
    """
    rng = np.random.default_rng(0)
    owner = np.arange(len(real)) if owner is None else owner
    place = rng.permutation(owner.max() + 1)[owner]  # a random order of owners, each whole
    upper = place >= np.median(place)
    order = rng.permutation(len(real))
    real, upper, fake = real[order], upper[order], fake[rng.permutation(len(fake))]
    found = _between(fake, real)
    if min(upper.sum(), (~upper).sum()) > 1:
        halves = _between(real[upper], real[~upper])
        found |= {f"floor/{name}": value for name, value in halves.items()}
    count = min(_BINS, len(real) // bins.CLIPS)
    if count > 1:
        found["ndb_share"] = bins.compare_bins(bins.fit_bins(real, count), fake).share
    return found


def _between(fake: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Distances of embeddings [N D] and [M D] by name."""
    few = fake[:_KERNELS], real[:_KERNELS]
    return {
        "frechet": frechet.frechet_distance(*(frechet.fit_gaussian(x) for x in (fake, real))),
        "kid": frechet.kernel_distance(*few),
        "kad": 100 * frechet.gaussian_kernel_distance(*few),
    }
