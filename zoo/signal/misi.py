"""Multiple-input spectrogram inversion: phases of several sources that sum to a known mixture."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.signal import framing, stft

_WINDOW = "sqrt_hann"


def spectra(x: jax.Array, n_fft: int, hop: int) -> jax.Array:
    """Frames centred on whole hops under roots of Hann windows, [B T C] -> [B F N C] complex64."""
    pad = framing.centre_padding(x.shape[1], n_fft, hop)
    return stft.stft(x, n_fft, hop, centre=False, pad=pad, window_name=_WINDOW)


def _audio(spectrum: jax.Array, n_fft: int, hop: int, length: int) -> jax.Array:
    """Inverse of `spectra`, [B F N C] complex64 -> [B T C] float32 with T = length."""
    pad = framing.centre_padding(length, n_fft, hop)
    return stft.istft(
        spectrum, n_fft, hop, centre=False, pad=pad, length=length, window_name=_WINDOW
    )


def misi(
    estimates: jax.Array, mixture: jax.Array, n_fft: int, hop: int, iterations: int
) -> jax.Array:
    """Sources of the magnitudes of given spectra [B F N S] complex64, [B T S] float32.

    Each iteration shares what the sources lack of the mixture [B T 1] equally among them and takes
    the phases of their spectra then; none is the plain inverse. Source: Gunawan and Sen 2010, as
    layers of a network Wang, Le Roux, Wang and Hershey 2018.
    """
    length, sources = mixture.shape[1], estimates.shape[-1]
    magnitudes = jnp.abs(estimates)
    y = _audio(estimates, n_fft, hop, length)
    for _ in range(iterations):
        y = y + (mixture - y.sum(-1, keepdims=True)) / sources
        y = _audio(magnitudes * unit_phasors(spectra(y, n_fft, hop)), n_fft, hop, length)
    return y


def unit_phasors(x: jax.Array, floor: float = 1e-12) -> jax.Array:
    """Complex numbers [...] over their modulus; those of nothing, or all but nothing, stay so."""
    return x * jax.lax.rsqrt(stft.power(x) + floor)
