"""Number of statistically different bins (NDB): does a generator fill what the data fill?

Eitan Richardson, Yair Weiss: "On GANs and GMMs", NeurIPS 2018, as GANSynth uses it: k-means of the
reference, the share of clips in every bin, and a two-proportion z-test for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm

from zoo.errors import BadInput
from zoo.metrics.threads import one_thread

SIGNIFICANT = 0.05  # as in the authors' code
CLIPS = 10  # in a bin on average, below which the test says little


@dataclass(frozen=True)
class _Bins:
    """Centres [K D] of bins, and how many clips [K] of the reference lie in each."""

    centres: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class _BinDifference:
    """different: bins whose shares differ significantly. divergence: Jensen-Shannon, in nats."""

    different: int
    bins: int
    divergence: float

    @property
    def share(self) -> float:
        """NDB / K; 0.05 of two samples of one distribution."""
        return self.different / self.bins


@one_thread
def fit_bins(reference: np.ndarray, count: int = 50, seed: int = 0) -> _Bins:
    """k-means of clips [N D], which are vectors of any kind.

    raises BadInput: fewer than CLIPS for a bin.
    """
    from sklearn.cluster import KMeans

    reference = _checked(reference)
    if not 2 <= count <= len(reference) // CLIPS:
        raise BadInput(f"{len(reference)} clips in {count} bins: give {CLIPS} or more for each.")
    found = KMeans(count, max_iter=100, n_init=1, random_state=seed).fit(reference)
    return _Bins(found.cluster_centers_, np.bincount(found.labels_, minlength=count))


def compare_bins(bins: _Bins, clips: np.ndarray) -> _BinDifference:
    """Whether clips [M D] lie in the bins as the reference does."""
    clips = _checked(clips)
    if clips.shape[1] != bins.centres.shape[1]:
        raise BadInput(f"clips {list(clips.shape)} for bins {list(bins.centres.shape)}.")
    products = clips @ bins.centres.T
    nearest = (np.square(bins.centres).sum(1) - 2 * products).argmin(1)
    found = np.bincount(nearest, minlength=len(bins.counts))
    different = int((p_values(bins.counts, found) < SIGNIFICANT).sum())
    divergence = float(jensenshannon(bins.counts, found) ** 2)
    return _BinDifference(different, len(found), divergence)


def p_values(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of every bin, that its shares of two sets are one: counts [K], [K] -> [K], two-sided.

    Pooled two-proportion z-test; 1 where a bin is empty, or has all, in both.
    """
    totals = one.sum(), other.sum()
    pooled = (one + other) / sum(totals)
    error = np.sqrt(pooled * (1 - pooled) * sum(1 / n for n in totals))
    apart = np.abs(one / totals[0] - other / totals[1])
    return 2 * norm.sf(np.divide(apart, error, out=np.zeros(len(error)), where=error > 0))


def _checked(clips: np.ndarray) -> np.ndarray:
    clips = np.asarray(clips, np.float64)
    if clips.ndim != 2 or not clips.size or not np.isfinite(clips).all():
        raise BadInput(f"clips {list(clips.shape)} must be finite vectors [N D].")
    return clips
