"""Independent component analysis of waveforms: as many microphones as sources, unmixed by a matrix.

Aapo Hyvärinen: "Fast and Robust Fixed-Point Algorithms for Independent Component Analysis", IEEE
Transactions on Neural Networks 1999; the symmetric variant of FastICA.

Deviations and guesses:
- A record has fewer channels than sources, so that this cannot unmix it: it separates recordings
  of as many channels. `BlindSeparation` simulates microphones before the stems of a data set.
- The scale of a component is its part in each microphone; its order, which independence leaves
  open, stays open.
"""

from __future__ import annotations

import math
from typing import Literal

import flax.linen as nn
import jax

from zoo.signal.independence import decorrelated, fast_ica, whitening

__all__ = ["ICA", "decorrelated", "fast_ica", "whitening"]


def _images(x: jax.Array, unmixing: jax.Array) -> jax.Array:
    """Each component as each microphone records it, signals [T C] -> [T S C]; they sum to x."""
    centred = x - x.mean(0)
    covariance = centred.T @ centred / x.shape[0]
    # Components are white, so their covariance with the microphones is the mixing matrix.
    return (x @ unmixing.T)[:, :, None] * (covariance @ unmixing.T).T


class ICA(nn.Module):
    """FastICA of a recording of C microphones, [B T C] -> sources as each records them [B T C C].

    There are as many sources as microphones; one that is silent comes out silent.
    """

    contrast: Literal["logcosh", "cube"] = "logcosh"
    iterations: int = 200
    tolerance: float = 1e-4

    receptive_field = math.inf  # it is fitted to the whole input

    @nn.compact
    def __call__(self, mixture: jax.Array) -> jax.Array:
        start = jax.random.normal(self.make_rng("init"), (mixture.shape[2],) * 2)

        def scene(recorded: jax.Array) -> jax.Array:
            unmixing = fast_ica(
                recorded - recorded.mean(0),
                start,
                contrast=self.contrast,
                iterations=self.iterations,
                tolerance=self.tolerance,
            )
            return _images(recorded, unmixing)

        # GPUs and TPUs would round the covariances, and quiet sources would be lost.
        with jax.default_matmul_precision("highest"):
            return jax.vmap(scene)(mixture)
