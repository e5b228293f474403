"""Multichannel Wiener filtering of spectra, refined by expectation and maximisation.

As the package norbert and Open-Unmix compute it: Nugraha, Liutkus, Vincent, "Multichannel audio
source separation with deep neural networks", IEEE/ACM TASLP 2016; the covariance of a source is
that of its estimate, not of its posterior. F frames, N bins, S sources, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import jax
import jax.numpy as jnp
from jax import export

from zoo.signal import stft

_EPSILON = 1e-10
# Of a covariance's trace, on its diagonal: in float32 the determinant of two equal channels is
# noise. norbert computes in float64 and does without.
_RIDGE = 1e-6


def wiener_filter(
    magnitudes: jax.Array,
    mixture: jax.Array,
    *,
    iterations: int = 1,
    window: int = 300,
    softmask: bool = False,
    epsilon: float = _EPSILON,
) -> jax.Array:
    """Spectra of sources of given magnitudes, [B F N S C], [B F N C] -> [B F N S C] complex64.

    The first estimates have the mixture's phase, or are its shares where `softmask`; `iterations`
    of EM refine them, in every `window` frames by themselves, 0 leaves them.
    """
    if softmask:
        shares = magnitudes / (epsilon + magnitudes.sum(3, keepdims=True))
        sources = shares * mixture[:, :, :, None]
    else:
        sources = magnitudes * _phase(mixture)[:, :, :, None]
    if not iterations:
        return sources
    frames = mixture.shape[1]
    size = window if export.is_symbolic_dim(frames) else min(window, frames)
    sources, mixture = (_windows(x, size) for x in (sources, mixture))
    refined = jax.vmap(lambda y, x: _refined(y, x, iterations, epsilon))(sources, mixture)
    return refined.reshape(magnitudes.shape[0], -1, *magnitudes.shape[2:])[:, :frames]


def _windows(x: jax.Array, size: int) -> jax.Array:
    """[B F ...] -> [B F/size, size ...], zeros behind the end, which weigh nothing."""
    pads = [(0, 0)] * x.ndim
    pads[1] = (0, -(-x.shape[1] // size) * size - x.shape[1])
    return jnp.pad(x, pads).reshape(-1, size, *x.shape[2:])


def _refined(sources: jax.Array, mixture: jax.Array, iterations: int, epsilon: float) -> jax.Array:
    """EM at a level at which `epsilon` is small: no coefficient of the mixture above 10."""
    scale = jnp.maximum(1.0, jnp.abs(mixture).max() / 10)
    sources, mixture = (x * (1 / scale) for x in (sources, mixture))
    return scale * _expectation_maximisation(
        sources, mixture, iterations=iterations, epsilon=epsilon
    )


def _expectation_maximisation(
    sources: jax.Array, mixture: jax.Array, *, iterations: int = 1, epsilon: float = _EPSILON
) -> jax.Array:
    """Estimates [F N S C] of the sources of a mixture [F N C], refined, -> [F N S C] complex64.

    A source has its mean power over channels in each frame, and one spatial covariance per bin.
    Frames and bins come last, and sums over sources and channels are written out: as products of
    matrices, CPUs take ten times as long, for each bin of a frame has its own of two by two.
    """
    y, x = jnp.moveaxis(sources, (2, 3), (0, 1)), jnp.moveaxis(mixture, 2, 0)
    channels = range(len(x))
    diagonal = jnp.eye(len(x))[..., None, None]
    for _ in range(iterations):
        power = stft.power(y).mean(1)  # [S F N]
        spatial = (y[:, :, None] * y.conj()[:, None]).sum(3)  # [S C C N]
        spatial = spatial * (1 / (epsilon + power.sum(1)))[:, None, None]
        total = _sum(p * covariance[:, :, None] for p, covariance in zip(power, spatial))
        weight = _RIDGE if len(x) > 1 else 0.0
        ridge = epsilon**0.5 + weight * _sum(total[c, c].real for c in channels)
        inverted = inverse(jnp.moveaxis(total + ridge * diagonal, (0, 1), (2, 3)))  # [F N C C]
        whitened = _sum(jnp.moveaxis(inverted[..., c], 2, 0) * x[c] for c in channels)  # [C F N]
        filtered = _sum(spatial[:, :, c, None] * whitened[c] for c in channels)
        y = power[:, None] * filtered
    return jnp.moveaxis(y, (0, 1), (2, 3))


def _sum(parts: Iterable[jax.Array]) -> jax.Array:
    return reduce(jnp.add, parts)


def _phase(spectrum: jax.Array) -> jax.Array:
    """exp(i angle), same shape; one where there is nothing."""
    size = jnp.abs(spectrum)
    return jnp.where(size > 0, spectrum * (1 / jnp.where(size > 0, size, 1.0)), 1.0)


def inverse(matrix: jax.Array) -> jax.Array:
    """Inverses of [... C C]; in closed form up to two channels, for libraries loop over bins."""
    if matrix.shape[-1] == 1:
        return 1 / matrix
    if matrix.shape[-1] > 2:
        return jnp.linalg.inv(matrix)
    a, b, c, d = (matrix[..., i // 2, i % 2] for i in range(4))
    adjugate = jnp.stack([jnp.stack([d, -b], -1), jnp.stack([-c, a], -1)], -2)
    return adjugate * (1 / (a * d - b * c))[..., None, None]
