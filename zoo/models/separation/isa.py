"""Independent subspace analysis: a magnitude spectrogram as independent spectra, in groups.

Shlomo Dubnov: "Extracting Sound Objects by Independent Subspace Analysis", AES 22nd International
Conference 2002, of which no text was at hand: spectral ICA and a clustering of its components are
followed as they are remembered. The idea is Michael Casey's and Alex Westner's (ICMC 2000).

Deviations and guesses:
- Frames are the mixtures, bins the samples: FastICA after a projection on the first principal
  components. Magnitudes are not centred when they are projected, so that they can be built again.
- Components are grouped by spectral clustering of their timbre, as those of our NMF are.
- A source is the positive part of the sum of its components; its share of such sums is its share
  of the mixture, with the phase of the mixture.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.signal import components, stft
from zoo.signal.independence import fast_ica


def independent_spectra(
    v: jax.Array, start: jax.Array, *, iterations: int = 200, tolerance: float = 1e-4
) -> tuple[jax.Array, jax.Array]:
    """Magnitudes [F N] ~ gains [F K] spectra [K N], signed, from `start` [K K] -> both.

    Spectra have variance one over the bins and are as independent as a rotation of the first K
    principal components can make them.
    """
    rank = len(start)
    centred = v - v.mean(1, keepdims=True)
    _, directions = jnp.linalg.eigh(centred @ centred.T / v.shape[1])
    first = directions[:, : -rank - 1 : -1]
    scores = centred.T @ first
    unmixing = fast_ica(scores, start, iterations=iterations, tolerance=tolerance)
    # Components are white, so their covariance with the frames is the matrix that mixes them.
    gains = centred @ (scores @ unmixing.T) / v.shape[1]
    return gains, unmixing @ (first.T @ v)


class ISA(nn.Module):
    """Masks from independent spectra, mixture [B T C] -> sources [B T S C] that sum to it.

    The channels share one analysis of their mean magnitude.
    """

    sources: int = 4
    rank: int = 32
    iterations: int = 200
    n_fft: int = 2048
    hop: int = 512
    sample_rate: int = 16_000

    receptive_field = math.inf  # it is fitted to the whole input

    @nn.compact
    def __call__(self, mixture: jax.Array) -> jax.Array:
        mixed = stft.centred(mixture, self.n_fft, self.hop)
        start = jax.random.normal(self.make_rng("init"), (self.rank, self.rank))
        # GPUs and TPUs would round the covariances.
        with jax.default_matmul_precision("highest"):
            parts = jax.vmap(lambda v: self._parts(v, start))(jnp.abs(mixed).mean(3))
            return components.mask_components(parts, mixed, self.n_fft, self.hop, mixture.shape[1])

    def _parts(self, v: jax.Array, start: jax.Array) -> jax.Array:
        """Magnitudes [F N] -> the sources' [F N S]."""
        gains, spectra = independent_spectra(v, start, iterations=self.iterations)
        power = jnp.square(spectra)
        energy = jnp.square(gains).sum(0) * power.sum(1)
        owner = components.by_timbre(power, energy, self.sample_rate, self.sources)
        return nn.relu(jnp.einsum("fk,kn,ks->fns", gains, spectra, owner))
