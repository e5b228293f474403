"""Ideal masks: what masking can reach at best, knowing the sources, and what doing nothing does.

The oracles of the SiSEC 2018 campaign (Stöter, Liutkus, Ito, LVA/ICA 2018): spectra of 2048 samples
at a hop of 1024.
Deviations and guesses:
- The spatial covariances of the Wiener filter are those of the audio given, so of a segment where
  the campaign took whole songs; one channel does not notice.
- 'mixture' is the mixture divided by the number of sources, whatever the sources stand for.
"""

from __future__ import annotations

import math
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal import framing, stft
from zoo.signal.wiener import inverse

FLOOR = 1e-9  # added to powers of spectra, which are around 1e3 where there is music
RIDGE = 1e-5  # of a covariance's trace, on its diagonal: of equal channels it has no inverse


def binary(mixture: jax.Array, sources: jax.Array, power: float = 2.0) -> jax.Array:
    """Ideal binary masks of spectra, [B F N C] and [B F N S C] -> [B F N S C] of 0 and 1.

    1 where the source holds at least half of the mixture's magnitude to that power: where several
    do, they overlap.
    """
    share = jnp.abs(sources) ** power / (jnp.abs(mixture)[:, :, :, None] ** power + FLOOR)
    return (share >= 0.5).astype(jnp.float32)


def ratio(sources: jax.Array, power: float = 2.0) -> jax.Array:
    """Ideal ratio masks of spectra, [B F N S C] -> [B F N S C]; over sources they sum to one."""
    weights = jnp.abs(sources) ** power
    return (weights + FLOOR / sources.shape[3]) / (weights.sum(3, keepdims=True) + FLOOR)


def wiener(mixture: jax.Array, sources: jax.Array) -> jax.Array:
    """Multichannel Wiener filter with oracle statistics, [B F N C], [B F N S C] -> [B F N S C].

    Source s is Gaussian with the covariance v_s(f, n) R_s(n): its mean power over channels, and one
    spatial covariance per bin.
    """
    channels = mixture.shape[-1]
    power = stft.power(sources).mean(-1) + FLOOR
    spatial = jnp.einsum("bfnsc,bfnsd->bnscd", sources, sources.conj())
    spatial = spatial / power.sum(1)[..., None, None] + FLOOR * jnp.eye(channels)
    covariance = power[..., None, None] * spatial[:, None]
    total = covariance.sum(3)
    ridge = RIDGE * jnp.trace(total, axis1=-2, axis2=-1).real + FLOOR**2
    precision = inverse(total + ridge[..., None, None] * jnp.eye(channels))
    whitened = jnp.einsum("bfncd,bfnd->bfnc", precision, mixture)
    return jnp.einsum("bfnscd,bfnd->bfnsc", covariance, whitened)


class IdealMask(nn.Module):
    """An oracle without parameters, mixture [B T C] and references [B T S C] -> [B T S C]."""

    kind: Literal["ibm", "irm", "wiener", "mixture"] = "irm"
    power: float = 2.0  # of the magnitudes that 'ibm' and 'irm' compare; SiSEC has 1 and 2
    n_fft: int = 2048
    hop: int = 1024

    @property
    def receptive_field(self) -> float:
        """Samples of which one sample is made; 'wiener' has the statistics of all its input."""
        if self.kind in ("mixture", "wiener"):
            return 1 if self.kind == "mixture" else math.inf
        return framing.span(-(-(self.n_fft - 1) // self.hop), self.n_fft - 1, self.hop)

    @nn.compact
    def __call__(self, mixture: jax.Array, references: jax.Array) -> jax.Array:
        batch, length, sources, channels = references.shape
        if self.kind == "mixture":
            return jnp.repeat(mixture[:, :, None] / sources, sources, 2)
        known = stft.centred(references.reshape(batch, length, -1), self.n_fft, self.hop)
        known = known.reshape(*known.shape[:3], sources, channels)
        mixed = stft.centred(mixture, self.n_fft, self.hop)
        if self.kind == "ibm":
            stems = binary(mixed, known, self.power) * mixed[:, :, :, None]
        elif self.kind == "irm":
            stems = ratio(known, self.power) * mixed[:, :, :, None]
        elif self.kind == "wiener":
            # GPUs and TPUs would round the covariances by more than the ridge.
            with jax.default_matmul_precision("highest"):
                stems = wiener(mixed, known)
        else:
            raise BadInput(f"kind={self.kind} is unknown: choose ibm, irm, wiener or mixture")
        stems = stems.reshape(*stems.shape[:3], -1)
        y = stft.centred_inverse(stems, self.n_fft, self.hop, length)
        return y.reshape(references.shape)
