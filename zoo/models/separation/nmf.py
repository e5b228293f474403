"""Non-negative matrix factorisation: a magnitude spectrogram as few spectra that come and go.

Daniel Lee, Sebastian Seung: "Algorithms for Non-negative Matrix Factorization", NIPS 2000; for the
Itakura-Saito divergence Févotte, Bertin, Durrieu, Neural Computation 2009.

Deviations and guesses:
- Factors start at random; a fixed number of updates is made.
- Which component belongs to which source, the references say (an oracle): each goes to the source
  with which its part of the mixture correlates most. So the scores bound what blind clustering of
  the same components could reach.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal import stft

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
    """Masks from factors, mixture [B T C] and references [B T S C] -> sources [B T S C].

    The channels share one factorisation of their mean magnitude, or for Itakura-Saito (beta 0),
    whose model is one of variances, of its square. The sources sum to the mixture.
    """

    rank: int = 32
    beta: float = 1.0
    iterations: int = 100
    n_fft: int = 2048
    hop: int = 512

    receptive_field = math.inf  # it is fitted to the whole input

    @nn.compact
    def __call__(self, mixture: jax.Array, references: jax.Array) -> jax.Array:
        # GPUs and TPUs would round the factors at every update.
        with jax.default_matmul_precision("highest"):
            return self._separate(mixture, references)

    def _separate(self, mixture: jax.Array, references: jax.Array) -> jax.Array:
        batch, length, sources, channels = references.shape
        mixed = stft.centred(mixture, self.n_fft, self.hop)
        known = stft.centred(references.reshape(batch, length, -1), self.n_fft, self.hop)
        known = known.reshape(*known.shape[:3], sources, channels)
        v = jnp.abs(mixed).mean(3)
        v = jnp.square(v) if self.beta == 0 else v
        gains, spectra = start(self.make_rng("init"), v, self.rank)
        gains, spectra = factorise(v, gains, spectra, beta=self.beta, iterations=self.iterations)
        model = gains @ spectra + EPSILON
        # Inner product of every component's part of the mixture with every source.
        shared = jnp.real(known * mixed[:, :, :, None].conj()).sum(4) / model[..., None]
        match = jnp.einsum("bfns,bfk,bkn->bsk", shared, gains, spectra)
        owner = jax.nn.one_hot(jnp.argmax(match, 1), sources, axis=1)
        parts = jnp.einsum("bsk,bfk,bkn->bfns", owner, gains, spectra) + EPSILON / sources
        stems = (parts / model[..., None])[..., None] * mixed[:, :, :, None]
        stems = stems.reshape(*stems.shape[:3], -1)
        y = stft.centred_inverse(stems, self.n_fft, self.hop, length)
        return y.reshape(references.shape)
