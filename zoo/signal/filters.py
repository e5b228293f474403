"""FIR and simple IIR filters on audio, [B T C] -> [B T C], and the curves to design them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from zoo.errors import BadInput
from zoo.signal.stft import window


def sinc_bandpass(
    low: jax.Array,
    high: jax.Array,
    taps: int,
    sample_rate: float,
    *,
    window_name: str = "hamming",
    unit_centre: bool = True,
) -> jax.Array:
    """Band-pass impulse responses from cut-offs in Hz, [C], [C] -> [n C], symmetric, n odd.

    Difference of two windowed sincs; gradients reach both cut-offs. unit_centre: divide by twice
    the bandwidth so that the middle tap is one, as SincNet (Ravanelli and Bengio 2018); False
    gives unit gain in the pass band.
    """
    if taps % 2 == 0:
        raise BadInput(f"{taps} taps have no middle one: use {taps + 1}")
    half = taps // 2
    n = (np.arange(1, half + 1) / sample_rate).astype(np.float32)[:, None]
    shape = window(window_name, taps, periodic=False)[half + 1 :].astype(np.float32)[:, None]
    low, high = jnp.atleast_1d(low), jnp.atleast_1d(high)
    band = high - low
    # In units of the middle tap 2 (high - low) / rate; the sine of the difference loses nothing.
    side = (jnp.sin(2 * np.pi * high * n) - jnp.sin(2 * np.pi * low * n)) / (2 * np.pi * n)
    side = side / jnp.maximum(band, 1e-3) * shape
    kernel = jnp.concatenate([side[::-1], jnp.ones_like(side[:1]), side])
    return kernel if unit_centre else kernel * (2 * band / sample_rate)


def fft_convolve(x: jax.Array, kernel: jax.Array, mode: str = "same") -> jax.Array:
    """Convolution by FFT, signal [B T C] and kernel [n] or [n C] -> [B T' C].

    mode: 'full' (T' = T + n - 1), 'same' (T' = T, centred: delays by nothing when n is odd and
    symmetric) or 'causal' (T' = T, y[t] is of x[..t]). The first two as scipy.signal.fftconvolve.
    """
    kernel = kernel if kernel.ndim == 2 else kernel[:, None]
    y = _fft_product(x, kernel[None], axis=1)
    length, taps = x.shape[1], kernel.shape[0]
    if mode == "full":
        return y
    if mode not in ("same", "causal"):
        raise BadInput(f"convolution mode {mode!r}: use 'full', 'same' or 'causal'")
    start = (taps - 1) // 2 if mode == "same" else 0
    return y[:, start : start + length]


def convolve_frames(frames: jax.Array, kernels: jax.Array) -> jax.Array:
    """Each frame by its own kernel, full length, [B F n C], [B F m C] -> [B F n+m-1 C]."""
    return _fft_product(frames, kernels, axis=2)


def pre_emphasis(x: jax.Array, coefficient: float = 0.97) -> jax.Array:
    """y[t] = x[t] - a x[t-1], [B T C] -> [B T C], starting from silence. Tacotron's a is 0.97."""
    return x - coefficient * jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0)))


def de_emphasis(x: jax.Array, coefficient: float = 0.97) -> jax.Array:
    """y[t] = x[t] + a y[t-1], [B T C] -> [B T C]; inverse of `pre_emphasis`. 0 < a < 1."""
    memory = int(np.log(1e-9) / np.log(coefficient)) + 1  # what is left then is below float32
    taps = coefficient ** np.arange(min(memory, x.shape[1]))
    return fft_convolve(x, jnp.asarray(taps, x.dtype), "causal")


def a_weighting(hz: np.ndarray, floor: float = -80.0) -> np.ndarray:
    """A-weighting of IEC 61672, frequencies in Hz [...] -> [...] float64 dB, at least `floor`.

    As librosa.A_weighting, whose corner frequencies are rounded.
    """
    f2 = np.square(np.asarray(hz, np.float64))
    c1, c2, c3, c4 = np.square([12194.217, 20.598997, 107.65265, 737.86223])
    with np.errstate(divide="ignore"):
        gain = 2 * np.log10(f2) + np.log10(c1) - np.log10(f2 + c1) - np.log10(f2 + c2)
    gain = gain - 0.5 * np.log10(f2 + c3) - 0.5 * np.log10(f2 + c4)
    return np.maximum(floor, 2.0 + 20.0 * gain)


def _fft_product(x: jax.Array, kernel: jax.Array, axis: int) -> jax.Array:
    full = x.shape[axis] + kernel.shape[axis] - 1
    size = scipy.fft.next_fast_len(full, real=True)
    product = jnp.fft.rfft(x, size, axis=axis) * jnp.fft.rfft(kernel, size, axis=axis)
    return jax.lax.slice_in_dim(jnp.fft.irfft(product, size, axis=axis), 0, full, axis=axis)
