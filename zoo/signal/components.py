"""Components of a spectrogram: what they sound like, and which of them sound like one source."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal import clustering, mel, stft

_EPSILON = float(np.finfo(np.float32).eps)
DEEP = 1e-6  # of a component's loudest mel band: 60 dB below it nothing counts


def mask_components(
    parts: jax.Array, mixed: jax.Array, n_fft: int, hop: int, length: int
) -> jax.Array:
    """Shares of the mixture by non-negative parts [B F N S], spectrum [B F N C] -> [B T S C].

    The masks sum to one, also where all parts are zero, so that the sources sum to the mixture.
    """
    parts = parts + _EPSILON * jnp.maximum(parts.max((1, 2, 3), keepdims=True), _EPSILON)
    return _sound(parts / parts.sum(3, keepdims=True), mixed, n_fft, hop, length)


def _sound(masks: jax.Array, mixed: jax.Array, n_fft: int, hop: int, length: int) -> jax.Array:
    """Spectra under masks, [B F N S] and [B F N C] -> waveforms [B T S C], T = length."""
    spectra = masks[..., None] * mixed[:, :, :, None]
    batch, frames, bins, sources, channels = spectra.shape
    y = stft.centred_inverse(spectra.reshape(batch, frames, bins, -1), n_fft, hop, length)
    return y.reshape(batch, length, sources, channels)


def timbre(power: jax.Array, sample_rate: int, *, bands: int = 40, kept: int = 13) -> jax.Array:
    """Cepstra of power spectra [K N] -> [K kept], without their level: MFCC from the second on."""
    n_fft = 2 * (power.shape[-1] - 1)
    bank = jnp.asarray(mel.mel_filters(sample_rate, n_fft, bands), jnp.float32)
    level = jnp.matmul(power, bank, precision=jax.lax.Precision.HIGHEST)
    loudest = jnp.maximum(level.max(-1, keepdims=True), 1e-20)
    level = jnp.log(level / loudest + DEEP)
    return jnp.matmul(level, jnp.asarray(_cosines(bands, kept)), precision="highest")


def by_timbre(spectra: jax.Array, energy: jax.Array, sample_rate: int, sources: int) -> jax.Array:
    """How much of each component is of each source, power spectra [K N], energies [K] -> [K S].

    Spectral clustering; timbres as far apart as half of all pairs are similar by 1 / e. Components
    without energy are similar to none. Shares sum to one: a component between two clusters, as one
    of two sources is, goes to both. What goes whole to the wrong source costs more than it gains.
    """
    cepstra = timbre(spectra, sample_rate)
    squares = jnp.square(cepstra[:, None] - cepstra).sum(2)
    there = (energy[:, None] > 0) & (energy > 0)
    middle = jnp.nan_to_num(jnp.nanmedian(jnp.where(there, squares, jnp.nan)))
    affinity = jnp.where(there, jnp.exp(-squares / jnp.maximum(middle, 1e-12)), 0)
    return clustering.spectral(affinity, energy, sources)


def _cosines(bands: int, kept: int) -> np.ndarray:
    """The orthonormal DCT from its second function on, [bands kept] float32."""
    angle = np.pi / bands * np.outer(np.arange(bands) + 0.5, np.arange(1, kept + 1))
    return (np.sqrt(2 / bands) * np.cos(angle)).astype(np.float32)
