"""Complex NMF: a complex spectrogram as spectra that come and go, each with phases of its own.

Hirokazu Kameoka, Nobutaka Ono, Kunio Kashino, Shigeki Sagayama: "Complex NMF: a new sparse
representation for acoustic signals", ICASSP 2009; updates by its auxiliary function, followed as
they are remembered and as public code of later papers has them.

Deviations and guesses:
- Factors start from NMF of the magnitudes under the Kullback-Leibler divergence. Phases start at
  those of the mixture, turned by a random angle: started at the mixture's own they stay there, and
  this is masking.
- Sparsity has public code's exponent, 1.2. Its weight there, 1e-5 of the energy, depends on the
  scale of the spectra: under ours the penalty was larger than the energy and emptied half of the
  components. Here the penalty of the factors at the start is a share of the energy.
- A source is the sum of its shares of the components and of their shares of the error, so that
  sources sum to the mixture. Components are grouped by timbre, as those of our NMF are.
- Channels are further frames: they have gains and phases of their own and share the spectra.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.signal import components, factorisation, stft

_TINY = 1e-9
_STARTING = 60  # updates of NMF before the phases


class Factors(NamedTuple):
    """Gains [F K], spectra [K N] that sum to one each, and phases [F N K] as unit numbers."""

    gains: jax.Array
    spectra: jax.Array
    phases: jax.Array

    @property
    def magnitudes(self) -> jax.Array:
        """[F N K]."""
        return self.gains[:, None] * self.spectra.T


def complex_nmf_cost(y: jax.Array, factors: Factors, weight: jax.Array, power: float) -> jax.Array:
    """Squared error of spectra [F N] and twice the weighted sum of the gains' powers, []."""
    model = (factors.magnitudes * factors.phases).sum(2)
    error = stft.power(y - model).sum()
    return error + 2 * weight * (factors.gains**power).sum()


def targets(y: jax.Array, factors: Factors) -> tuple[jax.Array, jax.Array]:
    """What each component should be, summing to y [F N], and its share of the error, [F N K]."""
    magnitudes = factors.magnitudes + _TINY
    share = magnitudes / magnitudes.sum(2, keepdims=True)
    own = magnitudes * factors.phases
    return own + share * (y - own.sum(2))[:, :, None], share


def update(y: jax.Array, factors: Factors, weight: jax.Array, power: float) -> Factors:
    """One round: phases, spectra, gains, each at the minimum of the auxiliary function."""
    wanted, share = targets(y, factors)
    size = jnp.abs(wanted)
    phases = wanted / jnp.maximum(size, _TINY)
    size, inverse = size / share, 1 / share
    gains, spectra = factors.gains, factors.spectra
    rise = jnp.einsum("fnk,fk->kn", size, gains)
    spectra = rise / jnp.maximum(jnp.einsum("fnk,fk->kn", inverse, gains**2), _TINY)
    penalty = weight * power * jnp.maximum(gains, _TINY) ** (power - 2)
    rise = jnp.einsum("fnk,kn->fk", size, spectra)
    gains = rise / jnp.maximum(jnp.einsum("fnk,kn->fk", inverse, spectra**2) + penalty, _TINY)
    scale = jnp.maximum(spectra.sum(1), _TINY)
    return Factors(gains * scale, spectra / scale[:, None], phases)


class ComplexNMF(nn.Module):
    """Sums of complex components, mixture [B T C] -> sources [B T S C] that sum to it.

    turn: largest angle, in radians, between a phase at the start and the mixture's. sparsity: the
    weighted sum of the gains' powers at the start, as a share of the energy.
    """

    sources: int = 4
    rank: int = 32
    iterations: int = 20
    sparsity: float = 0.03
    power: float = 1.2
    turn: float = 1.0
    n_fft: int = 2048
    hop: int = 512
    sample_rate: int = 16_000

    receptive_field = math.inf  # it is fitted to the whole input

    @nn.compact
    def __call__(self, mixture: jax.Array) -> jax.Array:
        keys = jax.random.split(self.make_rng("init"), len(mixture))
        with jax.default_matmul_precision("highest"):
            return jax.vmap(self._separate)(mixture, keys)

    def _separate(self, mixture: jax.Array, key: jax.Array) -> jax.Array:
        """[T C] -> [T S C]."""
        length, channels = mixture.shape
        y = stft.centred(mixture.T[:, :, None], self.n_fft, self.hop)[..., 0]
        frames, bins = y.shape[1:]
        flat = y.reshape(-1, bins)
        factors, weight = self._start(flat, key)
        move = lambda _, factors: update(flat, factors, weight, self.power)  # noqa: E731
        factors = jax.lax.fori_loop(0, self.iterations, move, factors)
        power = jnp.square(factors.spectra)
        energy = jnp.square(factors.gains).sum(0) * power.sum(1)
        owner = components.by_timbre(power, energy, self.sample_rate, self.sources)
        spectra = (targets(flat, factors)[0] @ owner).reshape(channels, frames, bins, -1)
        stems = stft.centred_inverse(spectra, self.n_fft, self.hop, length)
        return jnp.moveaxis(stems, 0, 2)

    def _start(self, y: jax.Array, key: jax.Array) -> tuple[Factors, jax.Array]:
        one, two = jax.random.split(key)
        v = jnp.abs(y)[None]
        gains, spectra = factorisation.random_factors(one, v, self.rank)
        gains, spectra = factorisation.factorise(v, gains, spectra, beta=1.0, iterations=_STARTING)
        scale = jnp.maximum(spectra[0].sum(1), _TINY)
        gains, spectra = gains[0] * scale, spectra[0] / scale[:, None]
        angle = jax.random.uniform(two, (*y.shape, self.rank), minval=-1.0) * self.turn
        phases = jnp.exp(1j * (jnp.angle(y)[:, :, None] + angle)).astype(jnp.complex64)
        penalty = jnp.maximum((gains**self.power).sum(), _TINY)
        return Factors(gains, spectra, phases), self.sparsity * stft.power(y).sum() / penalty
