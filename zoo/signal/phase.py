"""Phase: Griffin-Lim, instantaneous frequency, running sums without drift, [B F N C] or [B T C]."""

from __future__ import annotations

from typing import TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from zoo.signal.stft import istft, stft

TURN = np.float32(2 * np.pi)


class _Convention(TypedDict, total=False):
    """Arguments that `stft` and its inverse share."""

    pad: tuple[int, int] | None
    win: int | None
    window_name: str


def griffin_lim(
    magnitude: jax.Array,
    n_fft: int,
    hop: int,
    *,
    centre: bool,
    length: int,
    iterations: int = 32,
    momentum: float = 0.99,
    key: jax.Array | None = None,
    start: jax.Array | None = None,
    pad_mode: str = "constant",
    dual: bool = True,
    **convention: Unpack[_Convention],
) -> jax.Array:
    """Audio whose spectrogram is near to `magnitude`, [B F N C] -> [B T C] with T = length.

    momentum: 0.99 for the fast variant (Perraudin, Balazs, Sondergaard 2013), 0 for the plain one
    (Griffin and Lim 1984). key: random first phase. start: a spectrum [B F N C] whose phase is the
    first one; without either it is zero. The rest are arguments of `stft` and `istft`.
    """

    def analyse(x: jax.Array) -> jax.Array:
        return stft(x, n_fft, hop, centre=centre, pad_mode=pad_mode, **convention)

    def synthesise(unit: jax.Array) -> jax.Array:
        bins = magnitude * unit
        return istft(bins, n_fft, hop, centre=centre, length=length, dual=dual, **convention)

    def refine(_: int, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        unit, previous = state
        rebuilt = analyse(synthesise(unit))
        return _unit(rebuilt - momentum / (1 + momentum) * previous), rebuilt

    first = jnp.ones(magnitude.shape, jnp.complex64)
    if key is not None:
        turns = jax.random.uniform(key, magnitude.shape)
        first = jax.lax.complex(jnp.cos(TURN * turns), jnp.sin(TURN * turns))
    elif start is not None:
        first = jnp.where(jnp.abs(start) > np.finfo(np.float32).tiny, _unit(start), 1.0)
    unit, _ = jax.lax.fori_loop(0, iterations, refine, (first, jnp.zeros_like(first)))
    return synthesise(unit)


def steady_phases(magnitude: jax.Array, n_fft: int, hop: int) -> jax.Array:
    """Phases of partials that hold their frequency, [B F N C] -> [B F N C] complex of size one.

    Each bin belongs to the peak that its slope leads to, whose frequency a parabola through three
    ln magnitudes says, and turns by that from frame to frame; across a peak, signs alternate as a
    symmetric window's do. Beauregard, Harish, Wyse: "Single pass spectrogram inversion", 2015.
    """
    last = magnitude.shape[2] - 1
    level = jnp.moveaxis(jnp.log(magnitude + np.finfo(np.float32).tiny), 3, 1)  # [B C F N]
    padded = jnp.pad(level, ((0, 0),) * 3 + ((1, 1),), mode="edge")
    below, above = padded[..., :-2], padded[..., 2:]
    bins = jnp.arange(last + 1)
    uphill = jnp.where((below > level) & (below >= above), -1, jnp.where(above > level, 1, 0))
    peak = jnp.clip(bins + uphill, 0, last)
    for _ in range(last.bit_length()):  # each doubles the way that is gone
        peak = jnp.take_along_axis(peak, peak, -1)
    bend = below - 2 * level + above
    aside = jnp.where(bend < 0, 0.5 * (below - above) / jnp.where(bend < 0, bend, -1.0), 0.0)
    frequency = jnp.take_along_axis(bins + jnp.clip(aside, -0.5, 0.5), peak, -1)
    cycles = accumulate(jnp.moveaxis(frequency, 1, 3) * np.float32(hop / n_fft))
    turned = TURN * (cycles + 0.5 * (bins % 2)[:, None])
    return jax.lax.complex(jnp.cos(turned), jnp.sin(turned))


def angle(spectrum: jax.Array) -> jax.Array:
    """Phase, [...] complex -> [...] radians in [-pi, pi]; zero, with zero gradient, at silence."""
    silent = (spectrum.real == 0) & (spectrum.imag == 0)
    imag, real = jnp.where(silent, 0.0, spectrum.imag), jnp.where(silent, 1.0, spectrum.real)
    return jnp.arctan2(imag, real)


def wrap(phase: jax.Array) -> jax.Array:
    """Phase modulo one turn, [...] -> [...] radians in [-pi, pi)."""
    return phase - TURN * jnp.floor(phase / TURN + 0.5)


def unwrap(phase: jax.Array, axis: int = 1) -> jax.Array:
    """Phase without jumps of more than half a turn along `axis`, same shape, radians.

    Grows with time and so loses float32 precision; `instantaneous_frequency` does without it.
    """
    step = wrap(jnp.diff(phase, axis=axis))
    first = jax.lax.slice_in_dim(phase, 0, 1, axis=axis)
    return jnp.concatenate([first, first + jnp.cumsum(step, axis=axis)], axis=axis)


def instantaneous_frequency(phase: jax.Array) -> jax.Array:
    """Wrapped phase advance from frame to frame, [B F N C] radians -> [B F N C] in [-1, 1).

    In half turns per frame; the first frame holds the phase itself. GANSynth (Engel et al. 2019).
    """
    advance = wrap(jnp.diff(phase, axis=1))
    return jnp.concatenate([phase[:, :1], advance], axis=1) / np.float32(np.pi)


def accumulate_phase(frequency: jax.Array) -> jax.Array:
    """Inverse of `instantaneous_frequency`, [B F N C] half turns -> [B F N C] radians, wrapped."""
    return TURN * accumulate(frequency / 2)


@jax.custom_jvp
def accumulate(increment: jax.Array) -> jax.Array:
    """Running phase in cycles, increments [B T ...] -> [B T ...] in [-0.5, 0.5].

    Sample t holds the sum of increments 0..t, modulo one. The sum runs in 32-bit integers, whose
    overflow is the wrapping itself: whatever the length, nothing is lost but the rounding of each
    increment to 2^-32 cycles (float sums drift after seconds). Differentiable like cumsum.
    """
    steps = (increment - jnp.round(increment)) * np.float32(2**32)
    steps = jnp.where(steps >= np.float32(2**31), steps - np.float32(2**32), steps)
    total = jnp.cumsum(jnp.round(steps).astype(jnp.int32), axis=1)
    return total.astype(jnp.float32) * np.float32(2**-32)


@accumulate.defjvp
def _accumulate_jvp(primals: tuple, tangents: tuple) -> tuple:
    return accumulate(primals[0]), jnp.cumsum(tangents[0], axis=1)


def _unit(spectrum: jax.Array) -> jax.Array:
    size = jnp.abs(spectrum)
    return spectrum / jnp.where(size > np.finfo(np.float32).tiny, size, 1.0)
