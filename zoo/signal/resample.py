"""Changes of rate: windowed sinc, interpolation, zero-stuffing, [B T C] -> [B T' C]."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal.precision import HIGHEST

LANES = 16  # outputs computed by one matrix product at least; narrower ones starve the CPU


def sinc_filter(up: int, down: int, zeros: int = 10, beta: float = 5.0) -> np.ndarray:
    """Kaiser-windowed sinc low-pass for a rational ratio, -> [n] float64 with sum `up`.

    zeros: zero crossings on either side, at the lower rate. beta: Kaiser's, higher for less
    aliasing and a wider transition. The defaults are scipy.signal.resample_poly's.
    """
    rate = max(up, down)
    reach = zeros * rate
    n = np.arange(-reach, reach + 1)
    taps = np.sinc(n / rate) * np.kaiser(2 * reach + 1, beta)
    return taps * up / taps.sum()


def resample(x: jax.Array, up: int, down: int, *, zeros: int = 10, beta: float = 5.0) -> jax.Array:
    """Audio at up / down times the rate, [B T C] -> [B ceil(T up / down) C] float32.

    For instance up=160, down=441 from 44.1 to 16 kHz; zero phase, zeros outside the signal.
    Equals scipy.signal.resample_poly to float32 rounding (about 1e-6 of full scale).
    """
    up, down = _reduced(up, down)
    return _filtered(x, up, down, sinc_filter(up, down, zeros, beta), "constant")


def hann_sinc_filter(up: int, down: int, zeros: int = 24, rolloff: float = 0.945) -> np.ndarray:
    """Hann-windowed sinc low-pass for a rational ratio, -> [n] float64; each phase has sum 1.

    zeros: zero crossings on either side. rolloff: the corner, relative to the lower Nyquist rate.
    """
    rate = max(up, down)
    reach = int(zeros * rate / rolloff)
    t = np.arange(-reach, reach + 1) * rolloff / rate
    taps = np.sinc(t) * np.cos(np.pi * t / zeros / 2) ** 2
    for phase in range(up):
        taps[phase::up] /= taps[phase::up].sum()
    return taps


def resample_hann(
    x: jax.Array, up: int, down: int, *, zeros: int = 24, rolloff: float = 0.945
) -> jax.Array:
    """As `resample`, in the manner of Demucs v2 (julius), [B T C] -> [B ceil(T up / down) C].

    Outside the signal its first and last samples are repeated. julius gives floor(T up / down).
    """
    up, down = _reduced(up, down)
    return _filtered(x, up, down, hann_sinc_filter(up, down, zeros, rolloff), "edge")


def _reduced(up: int, down: int) -> tuple[int, int]:
    if up < 1 or down < 1:
        raise BadInput(f"resampling by {up} / {down}: both must be integers of at least 1")
    common = math.gcd(up, down)
    return up // common, down // common


def _filtered(x: jax.Array, up: int, down: int, filter: np.ndarray, outside: str) -> jax.Array:
    """[B T C] through a low-pass centred at every output; `outside` as jnp.pad's mode."""
    if up == down:
        return x
    batch, length, channels = x.shape
    out = -(-length * up // down)
    kernel, before = _polyphase(up, down, filter)
    taps, block, lanes = kernel.shape
    rows = -(-out // lanes)
    # Folding the input into blocks makes the filter a plain convolution over blocks: no stride
    # and no dilation, which XLA compiles badly on CPUs.
    after = (rows + taps - 1) * block - before - length
    x = jnp.moveaxis(x, 2, 1).reshape(batch * channels, length)
    x = jnp.pad(x, ((0, 0), (before, max(after, 0))), mode=outside)[:, : length + before + after]
    y = jax.lax.conv_general_dilated(
        x.reshape(batch * channels, rows + taps - 1, block),
        jnp.asarray(kernel),
        (1,),
        "VALID",
        dimension_numbers=("NWC", "WIO", "NWC"),
        precision=HIGHEST,
    )
    y = y.reshape(batch, channels, rows * lanes)[:, :, :out]
    return jnp.moveaxis(y, 1, 2)


def interpolate(x: jax.Array, factor: int, shape: str = "linear") -> jax.Array:
    """Frames to samples, [B F C] -> [B F*factor C]; sample f * factor equals frame f.

    shape: 'hold' (repeat), 'linear', or 'hann' (DDSP's overlapping Hann windows, that is, raised
    cosine steps). The last frame is held to the end, as in TensorFlow 1's resize.
    """
    if shape == "hold":
        return jnp.repeat(x, factor, axis=1)
    ramp = np.arange(factor) / factor
    if shape == "hann":
        ramp = np.sin(0.5 * np.pi * ramp) ** 2
    elif shape != "linear":
        raise BadInput(f"interpolation {shape!r}: use 'hold', 'linear' or 'hann'")
    ahead = jnp.concatenate([x[:, 1:], x[:, -1:]], axis=1)
    share = ramp.astype(np.float32)[:, None]
    y = x[:, :, None] * (1 - share) + ahead[:, :, None] * share
    return y.reshape(x.shape[0], -1, x.shape[2])


def linear(x: jax.Array, length: int, *, align: str = "half") -> jax.Array:
    """Linear interpolation to any length, [B F C] -> [B length C].

    align: 'half' (samples sit in the middle of their spans: torch align_corners=False),
    'corners' (first and last coincide), or 'start' (sample i at i F / length: TensorFlow 1).
    """
    frames = x.shape[1]
    i = np.arange(length)
    if align == "half":
        position = (i + 0.5) * frames / length - 0.5
    elif align == "corners":
        position = i * (frames - 1) / max(length - 1, 1)
    elif align == "start":
        position = i * frames / length
    else:
        raise BadInput(f"align {align!r}: use 'half', 'corners' or 'start'")
    position = np.clip(position, 0, frames - 1)
    left = np.minimum(position.astype(np.int32), max(frames - 2, 0))
    right = np.minimum(left + 1, frames - 1)
    weight = (position - left).astype(np.float32)[:, None]
    return x[:, left] * (1 - weight) + x[:, right] * weight


def zero_stuff(x: jax.Array, factor: int) -> jax.Array:
    """Puts factor - 1 zeros behind every sample, [B T C] -> [B T*factor C]. Images included."""
    x = jnp.pad(x[:, :, None], ((0, 0), (0, 0), (0, factor - 1), (0, 0)))
    return x.reshape(x.shape[0], -1, x.shape[3])


def _polyphase(up: int, down: int, taps: np.ndarray) -> tuple[np.ndarray, int]:
    """Kernel [K block lanes] over blocks of input samples, and the zeros to put before them.

    Output m * lanes + r is sum over k, j of x[(m + k) * block + j - before] * kernel[k, j, r].
    """
    groups = -(-LANES // max(up, down))
    lanes, block = up * groups, down * groups
    reach = len(taps) // 2
    # Output r depends on the inputs j with |j * up - r * down| <= reach.
    before = reach // up
    span = before + ((lanes - 1) * down + reach) // up + 1
    count = -(-span // block)
    j = np.arange(count * block) - before
    offset = np.arange(lanes)[None, :] * down - j[:, None] * up + reach
    inside = (offset >= 0) & (offset < len(taps))
    kernel = np.where(inside, taps[np.clip(offset, 0, len(taps) - 1)], 0)
    return kernel.reshape(count, block, lanes).astype(np.float32), before
