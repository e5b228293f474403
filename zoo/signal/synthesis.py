"""DDSP's synthesiser: oscillators, filtered noise, reverb, loudness, [B F ...] -> [B T 1].

Engel, Hantrakul, Gu, Roberts, "DDSP", ICLR 2020. Frames are `hop` samples apart, T = F * hop.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal import framing, stft
from zoo.signal.filters import a_weighting, convolve_frames, fft_convolve
from zoo.signal.phase import accumulate
from zoo.signal.precision import HIGHEST
from zoo.signal.resample import interpolate

_TURN = np.float32(2 * np.pi)


def exp_sigmoid(x: jax.Array) -> jax.Array:
    """Positive amplitudes from raw outputs, [...] -> [...] in (1e-7, 2]; DDSP's scaling."""
    return 2.0 * jax.nn.sigmoid(x) ** np.float32(np.log(10)) + 1e-7


def mask_above_nyquist(distribution: jax.Array, f0: jax.Array, sample_rate: float) -> jax.Array:
    """Zero at and above half the rate, [B F K], Hz [B F 1] -> [B F K]; column k - 1 is k f0."""
    number = np.arange(1, distribution.shape[2] + 1, dtype=np.float32)
    return jnp.where(f0 * number < sample_rate / 2, distribution, 0.0)


def normalise(distribution: jax.Array, f0: jax.Array, sample_rate: float) -> jax.Array:
    """Audible harmonics that sum to one, [B F K], Hz [B F 1] -> [B F K]; zero if there is none."""
    kept = mask_above_nyquist(distribution, f0, sample_rate)
    total = kept.sum(axis=2, keepdims=True)
    return kept / jnp.where(total > 0, total, 1.0)


def oscillators(frequency: jax.Array, amplitude: jax.Array, sample_rate: float) -> jax.Array:
    """Sum of sines at sample rate, Hz [B T K], [B T K] -> [B T 1]. Nothing from Nyquist up."""
    kept = jnp.where(frequency < sample_rate / 2, amplitude, 0.0)
    phase = accumulate(frequency / sample_rate)
    return _mix(kept, phase)


def harmonics(
    f0: jax.Array,
    amplitude: jax.Array,
    distribution: jax.Array,
    *,
    hop: int,
    sample_rate: float,
    start: jax.Array | float = 0.0,
) -> jax.Array:
    """Harmonic oscillator bank, Hz [B F 1], [B F 1], [B F K] -> [B T 1] with T = F * hop.

    Amplitudes rise and fall in Hann steps, pitch linearly; one phase is summed for f0 and
    multiplied for the harmonics, so that they stay locked. `distribution` is normalised here.
    start: cycles of f0 that lie before, for sound made in pieces.
    """
    share = amplitude * normalise(distribution, f0, sample_rate)
    pitch = interpolate(f0, hop, "linear")
    kept = mask_above_nyquist(interpolate(share, hop, "hann"), pitch, sample_rate)
    phase = _cycle(accumulate(pitch / sample_rate) + start)
    number = np.arange(1, distribution.shape[2] + 1, dtype=np.float32)
    return _mix(kept, _cycle(phase * number))


def _impulse_responses(magnitudes: jax.Array) -> jax.Array:
    """Zero-phase FIR filters, gains per band [B F N] -> [B F n] with n = 2 (N - 1) taps.

    The middle, n // 2, is time zero; windowed by a Hann.
    """
    taps = 2 * (magnitudes.shape[2] - 1)
    response = jnp.fft.irfft(magnitudes, taps, axis=2)
    return jnp.roll(response, taps // 2, axis=2) * stft.window("hann", taps).astype(np.float32)


def filter_frames(x: jax.Array, magnitudes: jax.Array) -> jax.Array:
    """Time-varying zero-phase filter, [B T 1], gains [B F N] -> [B T 1]; F must divide T.

    Each span of T / F samples is convolved with its frame's filter and overlap-added; the output
    is not delayed (DDSP's is by two samples).
    """
    batch, length, _ = x.shape
    hop = length // magnitudes.shape[1]
    spans = x.reshape(batch, -1, hop, 1)
    kernels = _impulse_responses(magnitudes)
    y = framing.overlap_add(convolve_frames(spans, kernels[..., None]), hop)
    start = kernels.shape[2] // 2
    return y[:, start : start + length]


def filtered_noise(key: jax.Array, magnitudes: jax.Array, hop: int) -> jax.Array:
    """White noise, uniform in [-1, 1), through a filter a frame, gains [B F N] -> [B F*hop 1]."""
    batch, frames, _ = magnitudes.shape
    noise = jax.random.uniform(key, (batch, frames * hop, 1), minval=-1.0, maxval=1.0)
    return filter_frames(noise, magnitudes)


def reverb(x: jax.Array, response: jax.Array) -> jax.Array:
    """Dry plus wet sound, [B T C], impulse response [n] or [n C] -> [B T C], the tail cut at T.

    The first tap is masked: the dry path is added with gain one.
    """
    masked = response.at[0].set(0.0)
    return x + fft_convolve(x, masked, "causal")


def loudness(
    x: jax.Array,
    sample_rate: float,
    *,
    n_fft: int,
    hop: int,
    reference: float = 0.0,
    floor: float = -80.0,
    mean_of: str = "power",
    centre: bool = False,
) -> jax.Array:
    """A-weighted loudness, [B T C] -> [B F C] dB below `reference` dB, at least `floor`.

    F = ceil(T / hop), frame f of the window that begins at f hop, or with `centre` lies around it;
    zeros outside. Today's DDSP: n_fft 512, reference 0, floor -80, mean of power, centred. Its code
    until January 2022, and so the paper and the features of the published weights: n_fft 2048,
    reference 20.7, floor -120, mean_of='decibels'.
    """
    pad = framing.end_padding(x.shape[1], n_fft, hop)
    pad = (n_fft // 2, max(0, pad[1] - n_fft // 2)) if centre else pad
    energy = stft.power(stft.stft(x, n_fft, hop, centre=False, pad=pad))
    weight = a_weighting(stft.frequencies(sample_rate, n_fft)).astype(np.float32)[:, None]
    if mean_of == "decibels":
        level = 10.0 * jnp.log10(jnp.maximum(energy, 1e-20)) + weight - reference
        return jnp.maximum(level, floor).mean(axis=2)
    level = 10.0 * jnp.log10(jnp.maximum((energy * 10.0 ** (weight / 10)).mean(axis=2), 1e-20))
    return jnp.maximum(level - reference, floor)


def _cycle(phase: jax.Array) -> jax.Array:
    # Sines of small arguments are exact; XLA's of large ones are slow.
    return phase - jnp.round(phase)


def _mix(amplitude: jax.Array, phase: jax.Array) -> jax.Array:
    # As a product, not as a sum over the last axis, which the CPU's XLA takes twice as long for.
    sines = jnp.sin(_TURN * phase)
    return jnp.einsum("btk,btk->bt", amplitude, sines, precision=HIGHEST)[:, :, None]
