"""Ideal masks: what masking can reach at best, knowing the sources, and what doing nothing does.

The oracles of the SiSEC 2018 campaign (Stöter, Liutkus, Ito, LVA/ICA 2018): spectra of 2048 samples
at a hop of 1024.
Deviations and guesses:
- The spatial covariances of the Wiener filter are those of the audio given, so of a segment where
  the campaign took whole songs; one channel does not notice.
- The campaign's script divides a covariance by a trace that NumPy takes over the first two bins
  instead of the channels; here it is the trace, as the script's comments say: 0.05 to 0.14 dB
  higher on synthetic stereo.
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

_FLOOR = 1e-9  # added to powers of spectra, which are around 1e3 where there is music
_RIDGE = 1e-5  # of a covariance's trace, on its diagonal: of equal channels it has no inverse
LIKE = 1e-11  # of a channel's power: what it has beyond other channels, below which it has nothing


def binary(mixture: jax.Array, sources: jax.Array, power: float = 2.0) -> jax.Array:
    """Ideal binary masks of spectra, [B F N C] and [B F N S C] -> [B F N S C] of 0 and 1.

    1 where the source holds at least half of the mixture's magnitude to that power: where several
    do, they overlap.
    """
    share = jnp.abs(sources) ** power / (jnp.abs(mixture)[:, :, :, None] ** power + _FLOOR)
    return (share >= 0.5).astype(jnp.float32)


def ideal_ratio_masks(sources: jax.Array, power: float = 2.0) -> jax.Array:
    """Ideal ratio masks of spectra, [B F N S C] -> [B F N S C]; over sources they sum to one."""
    weights = jnp.abs(sources) ** power
    return (weights + _FLOOR / sources.shape[3]) / (weights.sum(3, keepdims=True) + _FLOOR)


def wiener_oracle(mixture: jax.Array, sources: jax.Array) -> jax.Array:
    """Multichannel Wiener filter with oracle statistics, [B F N C], [B F N S C] -> [B F N S C].

    Source s is Gaussian with the covariance v_s(f, n) R_s(n). R is the mean over frames of what
    each frame's covariance is at unit power, so that loud frames weigh no more than soft ones; v is
    the power that is most likely under R.
    """
    identity = jnp.eye(mixture.shape[-1])
    power = stft.power(sources).mean(-1, keepdims=True)
    level = sources / jnp.sqrt(jnp.where(power > 0, power, 1.0))
    spatial = jnp.einsum("bfnsc,bfnsd->bnscd", level, level.conj())
    trace = jnp.trace(spatial, axis1=-2, axis2=-1).real[..., None, None]
    spatial = spatial * (len(identity) / jnp.where(trace > 0, trace, 1.0)) + _FLOOR * identity
    sounding = (power > 0).sum(1, keepdims=True)
    power = power * jnp.square(jnp.abs(_whitened(level))).mean(-1, keepdims=True) * sounding
    covariance = (power[..., None] + _FLOOR) * spatial[:, None]
    total = covariance.sum(3)
    ridge = _RIDGE * jnp.trace(total, axis1=-2, axis2=-1).real
    unmixed = inverse(total + ridge[..., None, None] * identity)
    unmixed = jnp.einsum("bfncd,bfnd->bfnc", unmixed, mixture)
    return jnp.einsum("bfnscd,bfnd->bfnsc", covariance, unmixed)


def _whitened(x: jax.Array) -> jax.Array:
    """Channels made orthonormal over frames, [B F N S C] -> [B F N S C]; what repeats others is 0.

    Gram and Schmidt, because a covariance in float32 has lost what distinguishes like channels.
    """
    found: list[jax.Array] = []
    for channel in jnp.moveaxis(x, -1, 0):
        whole = stft.power(channel).sum(1, keepdims=True)
        for _ in range(2):  # the second time takes away what rounding left
            for other in found:
                channel = channel - other * (other.conj() * channel).sum(1, keepdims=True)
        own = stft.power(channel).sum(1, keepdims=True)
        found.append(channel / jnp.sqrt(own + LIKE * whole + _FLOOR**2))
    return jnp.stack(found, -1)


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
        return framing.frames_span(-(-(self.n_fft - 1) // self.hop), self.n_fft - 1, self.hop)

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
            stems = ideal_ratio_masks(known, self.power) * mixed[:, :, :, None]
        elif self.kind == "wiener":
            # GPUs and TPUs would round the covariances by more than the ridge.
            with jax.default_matmul_precision("highest"):
                stems = wiener_oracle(mixed, known)
        else:
            raise BadInput(f"kind={self.kind} is unknown: choose ibm, irm, wiener or mixture")
        stems = stems.reshape(*stems.shape[:3], -1)
        y = stft.centred_inverse(stems, self.n_fft, self.hop, length)
        return y.reshape(references.shape)
