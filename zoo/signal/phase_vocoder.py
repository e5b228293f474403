"""Duration and pitch changed apart, by phase vocoder; pure JAX, of fixed shapes and traced rates.

The steps are librosa's (`phase_vocoder`, `time_stretch`, `pitch_shift`; McFee et al.), but for the
reading of samples between samples, which is a windowed sinc for rates that are not known before.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal import phase, stft

_SIZE = 2048
_REACH = 16  # samples that a windowed sinc reads on either side


def vocode(spectrum: jax.Array, rate: jax.Array, hop: int, frames: int) -> jax.Array:
    """Spectra read `rate` times as fast, [B F N C] complex64, [B] -> [B frames N C].

    Magnitudes are interpolated; phases go on from the first frame's by what they advance where they
    are read. Frames beyond the last are silent. As librosa.phase_vocoder, of given frames.
    """
    steps = rate[:, None] * jnp.arange(frames)
    before = jnp.minimum(steps.astype(jnp.int32), spectrum.shape[1])
    padded = jnp.pad(spectrum, ((0, 0), (0, 2), (0, 0), (0, 0)))
    pick = jax.vmap(lambda x, i: x[i])
    one, other = pick(padded, before), pick(padded, before + 1)
    share = (steps - before)[:, :, None, None]
    size = (1 - share) * jnp.abs(one) + share * jnp.abs(other)
    bins = spectrum.shape[2]
    usual = jnp.asarray(hop * np.arange(bins) / (2 * (bins - 1)), jnp.float32)[:, None]  # cycles
    turns = phase.wrap(phase.angle(other) - phase.angle(one) - phase.TURN * usual) / phase.TURN
    first = phase.angle(spectrum[:, :1]) / phase.TURN
    advance = jnp.concatenate([first, (turns + usual)[:, :-1]], 1)
    angle = phase.TURN * phase.accumulate(advance)
    return size * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def stretch(x: jax.Array, rate: jax.Array, length: int, n_fft: int = _SIZE) -> jax.Array:
    """Audio of the same pitch `rate` times as fast, [B T C], [B] -> [B length C].

    Where T is less than rate * length the end is silent.
    """
    hop = n_fft // 4
    spectrum = stft.stft(x, n_fft, hop, centre=True)
    found = vocode(spectrum, rate, hop, -(-length // hop) + 1)
    return stft.istft(found, n_fft, hop, centre=True, length=length)


def shift(x: jax.Array, semitones: jax.Array, most: float, n_fft: int = _SIZE) -> jax.Array:
    """Audio of the same duration and another pitch, [B T C], [B] -> [B T C].

    most: semitones, the largest shift that there can be.
    """
    factor = jnp.exp2(semitones / 12)
    longest = math.ceil(x.shape[1] * 2 ** (most / 12)) + 2 * _REACH
    return resample_by_rate(stretch(x, 1 / factor, longest, n_fft), factor, x.shape[1])


def resample_by_rate(x: jax.Array, rate: jax.Array, length: int) -> jax.Array:
    """Samples at multiples of `rate`, [B T C], [B] -> [B length C]; zeros outside of T.

    By a sinc under a Hann window of 2 * REACH samples, of a lower cutoff where rate > 1.
    """
    cutoff = jnp.minimum(1.0, 1 / rate)[:, None, None]
    places = rate[:, None] * jnp.arange(length)
    whole = jnp.floor(places).astype(jnp.int32)
    taps = jnp.arange(1 - _REACH, _REACH + 1)
    away = taps - (places - whole)[..., None]  # [B length taps]
    window = jnp.square(jnp.cos(0.5 * np.pi * away / _REACH)) * (jnp.abs(away) < _REACH)
    weight = cutoff * jnp.sinc(cutoff * away) * window
    padded = jnp.pad(x, ((0, 0), (_REACH, _REACH), (0, 0)))
    index = jnp.clip(whole[..., None] + taps + _REACH, 0, padded.shape[1] - 1)
    near = jax.vmap(lambda one, i: one[i])(padded, index)  # [B length taps C]
    return (weight[..., None] * near).sum(2)
