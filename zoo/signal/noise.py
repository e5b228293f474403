"""Detection of bursts of noise in generated audio, [B T C] -> [B], by spectral flatness."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from zoo.signal import framing
from zoo.signal.stft import power, stft

FRAME = 512  # samples; flatness falls with the length of what is stationary within it
_HOP = 256


def spectral_flatness(spectrum: jax.Array, floor: float = 1e-10) -> jax.Array:
    """Spectral flatness of power spectra [... N] -> [...]: geometric over arithmetic mean.

    1 for equal power in all bins, about 0.56 (exp of minus Euler's constant) for white noise, near
    0 for tones. Powers below `floor` count as it. As librosa.feature.spectral_flatness.
    """
    spectrum = jnp.maximum(spectrum, floor)
    return jnp.exp(jnp.mean(jnp.log(spectrum), axis=-1)) / jnp.mean(spectrum, axis=-1)


@partial(jax.jit, static_argnames=("seconds", "sample_rate"))
def has_burst(
    audio: jax.Array,
    sample_rate: int,
    *,
    flat: float | jax.Array = 0.4,
    level: float = -30.0,
    seconds: float = 0.15,
) -> jax.Array:
    """[B T 1] -> [B] bool: `seconds` of it are as flat as noise and as loud as music.

    A burst is a stretch of frames whose mean flatness is above `flat` and whose mean level is above
    `level` (dB re full scale, RMS): quiet hiss and the noise of 8-bit codes in pauses are none.
    Source: our choice of thresholds; SampleRNN's users and SaShiMi's authors name the failure.
    """
    spectra = power(stft(audio, FRAME, _HOP, centre=False))[..., 0]
    energy = jnp.mean(framing.frame(audio, FRAME, _HOP)[..., 0] ** 2, axis=-1)
    count = min(max(round(seconds * sample_rate / _HOP), 1), energy.shape[1])
    flats, loud = _moving_mean(spectral_flatness(spectra), count), _moving_mean(energy, count)
    return jnp.any((flats > flat) & (loud > 10 ** (level / 10)), axis=1)


def _moving_mean(x: jax.Array, count: int) -> jax.Array:
    running = jnp.cumsum(jnp.pad(x, ((0, 0), (1, 0))), axis=1)
    return (running[:, count:] - running[:, :-count]) / count
