"""Non-negative matrix factorisation: a magnitude spectrogram as few spectra that come and go.

Daniel Lee, Sebastian Seung: "Algorithms for Non-negative Matrix Factorization", NIPS 2000; for the
Itakura-Saito divergence Févotte, Bertin, Durrieu, Neural Computation 2009.

Deviations and guesses:
- Factors start at random; a fixed number of updates is made.
- Components become sources by timbre: spectral clustering of the cepstra of their spectra (Martin
  Spiertz, Volker Gnann: "Source-filter based clustering for monaural blind source separation", DAFx
  2009, cluster mel-scaled spectra, too). Without clustering (sources=0) components come out singly,
  to be assigned by who knows the stems: the bound of any clustering.
- Of ten groupings tried on ten tracks of the embedded validation split this was best (whole-track
  SDR 2.3 dB; k-means of cepstra 1.9, of gains that rise and fall together -0.1), with every
  component whole in one source. Shares of each in several raised SDR from 2.5 to 3.0 dB (medians
  over all 15 validation tracks), SI-SDR from -0.2 to 0.6.
"""

from __future__ import annotations

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.signal import components, stft
from zoo.signal.factorisation import BETAS, divergence, factorise, random_factors

__all__ = ["BETAS", "NMF", "divergence", "factorise", "random_factors"]


class NMF(nn.Module):
    """Masks from factors, mixture [B T C] -> sources [B T S C], or components [B T K C].

    The channels share one factorisation of their mean magnitude, or for Itakura-Saito (beta 0),
    whose model is one of variances, of its square. What comes out sums to the mixture. sources: 0
    leaves the components as they are.
    """

    sources: int = 4
    rank: int = 32
    beta: float = 1.0
    iterations: int = 100
    n_fft: int = 2048
    hop: int = 512
    sample_rate: int = 16_000

    receptive_field = math.inf  # it is fitted to the whole input

    @nn.compact
    def __call__(self, mixture: jax.Array) -> jax.Array:
        # GPUs and TPUs would round the factors at every update.
        with jax.default_matmul_precision("highest"):
            return self._separate(mixture)

    def _separate(self, mixture: jax.Array) -> jax.Array:
        mixed = stft.centred(mixture, self.n_fft, self.hop)
        v = jnp.abs(mixed).mean(3)
        v = jnp.square(v) if self.beta == 0 else v
        gains, spectra = random_factors(self.make_rng("init"), v, self.rank)
        gains, spectra = factorise(v, gains, spectra, beta=self.beta, iterations=self.iterations)
        owner = self._owners(gains, spectra)
        parts = jnp.einsum("bfk,bkn,bks->bfns", gains, spectra, owner)
        return components.mask_components(parts, mixed, self.n_fft, self.hop, mixture.shape[1])

    def _owners(self, gains: jax.Array, spectra: jax.Array) -> jax.Array:
        """How much of each component is of each output, [B K S]."""
        if not self.sources:
            return jnp.broadcast_to(jnp.eye(self.rank), (len(gains), self.rank, self.rank))
        power = spectra if self.beta == 0 else jnp.square(spectra)
        activity = gains if self.beta == 0 else jnp.square(gains)
        energy = activity.sum(1) * power.sum(2)
        each = partial(components.by_timbre, sample_rate=self.sample_rate, sources=self.sources)
        return jax.vmap(each)(power, energy)
