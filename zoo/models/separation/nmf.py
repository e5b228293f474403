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
  SDR 2.3 dB; k-means of cepstra 1.9, of gains that rise and fall together -0.1).
"""

from __future__ import annotations

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal import components, stft

EPSILON = float(np.finfo(np.float32).eps)
ZERO = float(np.finfo(np.float64).eps)  # below it factors are zero, so that they stay so
BETAS = {"euclid": 2.0, "kullback_leibler": 1.0, "itakura_saito": 0.0}


def divergence(v: jax.Array, model: jax.Array, beta: float) -> jax.Array:
    """Beta divergence of spectrograms, [B F N] twice -> [B]; half the squared distance at 2."""
    if beta == 2:
        return 0.5 * jnp.square(v - model).sum((1, 2))
    v, model = jnp.maximum(v, EPSILON), jnp.maximum(model, EPSILON)
    if beta == 1:
        return (v * jnp.log(v / model) - v + model).sum((1, 2))
    return (v / model - jnp.log(v / model) - 1).sum((1, 2))


def start(rng: jax.Array, v: jax.Array, rank: int) -> tuple[jax.Array, jax.Array]:
    """Random factors of the right size for [B F N] -> gains [B F K], spectra [B K N]."""
    batch, frames, bins = v.shape
    scale = jnp.sqrt(v.mean((1, 2)) / rank)[:, None, None]
    one, two = jax.random.split(rng)
    gains = jnp.abs(jax.random.normal(one, (batch, frames, rank)))
    return scale * gains, scale * jnp.abs(jax.random.normal(two, (batch, rank, bins)))


def factorise(
    v: jax.Array, gains: jax.Array, spectra: jax.Array, *, beta: float, iterations: int
) -> tuple[jax.Array, jax.Array]:
    """Multiplicative updates of v [B F N] ~ gains [B F K] spectra [B K N] -> both, after the last.

    beta: 2, 1 or 0. Gains first, then spectra, as in scikit-learn's solver 'mu' (whose samples are
    our frames).
    """

    def update(_: int, factors: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        gains, spectra = factors
        gains = gains * _step(v, gains @ spectra, spectra, beta)
        gains = jnp.where(gains < ZERO, 0, gains) if beta < 1 else gains
        # The spectra's update is the gains' of the transposed problem.
        turned = _step(_turn(v), _turn(gains @ spectra), _turn(gains), beta)
        spectra = spectra * _turn(turned)
        return gains, jnp.where(spectra < ZERO, 0, spectra) if beta <= 1 else spectra

    return jax.lax.fori_loop(0, iterations, update, (gains, spectra))


def _step(v: jax.Array, model: jax.Array, spectra: jax.Array, beta: float) -> jax.Array:
    """The factor of each gain, [B F K]."""
    turned = _turn(spectra)
    if beta == 2:
        return (v @ turned) / _positive(model @ turned)
    model = jnp.maximum(model, EPSILON)
    if beta == 1:
        return ((v / model) @ turned) / _positive(spectra.sum(2)[:, None])
    ratio = ((v / jnp.square(model)) @ turned) / _positive((1 / model) @ turned)
    return jnp.sqrt(ratio)


def _turn(x: jax.Array) -> jax.Array:
    return x.swapaxes(1, 2)


def _positive(x: jax.Array) -> jax.Array:
    return jnp.where(x == 0, EPSILON, x)


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
        gains, spectra = start(self.make_rng("init"), v, self.rank)
        gains, spectra = factorise(v, gains, spectra, beta=self.beta, iterations=self.iterations)
        owner = self._owners(gains, spectra)
        parts = jnp.einsum("bfk,bkn,bks->bfns", gains, spectra, owner)
        return components.masked(parts, mixed, self.n_fft, self.hop, mixture.shape[1])

    def _owners(self, gains: jax.Array, spectra: jax.Array) -> jax.Array:
        """Which output each component is part of, one-hot [B K S]."""
        if not self.sources:
            return jnp.broadcast_to(jnp.eye(self.rank), (len(gains), self.rank, self.rank))
        power = spectra if self.beta == 0 else jnp.square(spectra)
        activity = gains if self.beta == 0 else jnp.square(gains)
        energy = activity.sum(1) * power.sum(2)
        each = partial(components.by_timbre, sample_rate=self.sample_rate, sources=self.sources)
        return jax.vmap(each)(power, energy)
