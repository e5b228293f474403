"""Sinusoidal analysis and resynthesis: peaks of spectra, followed from frame to frame.

Fixed shapes: a frame has P peaks, of which those that are none have amplitude 0.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from zoo.signal import stft
from zoo.signal.framing import overlap_add

_QUIET = 1e-10


class Peaks(NamedTuple):
    """Of frames [F P], sorted by nothing: frequency in Hz, amplitude, and where they are from.

    complex_: amplitude and phase in the middle of the frame, of each channel [F P C].
    """

    frequency: jax.Array
    amplitude: jax.Array
    complex_: jax.Array


def spectral_peaks(
    spectrum: jax.Array, count: int, sample_rate: float, *, floor: float, lowest: float = 30.0
) -> Peaks:
    """The `count` highest local maxima of every frame, spectra [F N C] of `stft.centred` -> [F P].

    Channels share frequencies, those of their mean magnitude. Place and height are those of the
    parabola through the logarithms of a bin and its neighbours. floor: share of the loudest
    magnitude of all frames below which nothing is a peak; lowest: Hz.
    """
    magnitude = jnp.abs(spectrum).mean(2)
    bins = magnitude.shape[1]
    step = sample_rate / (2 * (bins - 1))
    level = jnp.log(magnitude + _QUIET)
    left, middle, right = level[:, :-2], level[:, 1:-1], level[:, 2:]
    summit = (middle > left) & (middle >= right)
    summit &= magnitude[:, 1:-1] > floor * magnitude.max() + _QUIET
    summit &= jnp.arange(1, bins - 1) * step >= lowest
    height, at = jax.lax.top_k(jnp.where(summit, middle, -jnp.inf), count)
    pick = lambda x: jnp.take_along_axis(x, at, 1)  # noqa: E731
    bend = pick(left) - 2 * pick(middle) + pick(right)
    slant = 0.5 * (pick(right) - pick(left))
    there = jnp.isfinite(height)
    shift = jnp.where(there, -slant / jnp.where(there, bend, -1), 0)
    grown = jnp.where(there, jnp.exp(0.5 * slant * shift), 0)
    # A window's transform has no phase of its own about the middle of the frame.
    own = jnp.take_along_axis(spectrum, at[:, :, None] + 1, 1)
    turned = own * jnp.where(at % 2, 1, -1)[:, :, None]
    scale = 2 / stft.window("hann", 2 * (bins - 1)).sum()
    found = turned * (grown * scale)[:, :, None]
    amplitude = jnp.where(there, pick(magnitude[:, 1:-1]) * grown * scale, 0)
    return Peaks(jnp.where(there, (at + 1 + shift) * step, 0), amplitude, found)


def link_peaks(frequency: jax.Array, widest: float) -> jax.Array:
    """The trajectory of each peak, frequencies [F P] (0 for none) -> numbers [F P], or -1.

    Two peaks of consecutive frames are one trajectory if each is the other's nearest and no further
    than `widest` as a share of its frequency. Numbers go up in order of time, below F P.
    """
    logs = jnp.where(frequency > 0, jnp.log(jnp.maximum(frequency, 1e-3)), -jnp.inf)

    def move(carry: tuple, own: jax.Array) -> tuple:
        before, numbers, count = carry
        apart = jnp.abs(own[:, None] - before)
        apart = jnp.where(jnp.isfinite(apart), apart, jnp.inf)
        nearest = apart.argmin(1)
        mutual = apart.argmin(0)[nearest] == jnp.arange(len(own))
        goes_on = mutual & (apart.min(1) <= widest)
        new = jnp.isfinite(own) & ~goes_on
        fresh = count + jnp.cumsum(new) - 1
        found = jnp.where(goes_on, numbers[nearest], jnp.where(new, fresh, -1))
        return (own, found, count + new.sum()), found

    nothing = jnp.full(logs.shape[1], -jnp.inf)
    begun = (nothing, jnp.full(logs.shape[1], -1), jnp.zeros((), jnp.int32))
    return jax.lax.scan(move, begun, logs)[1]


class Trajectories(NamedTuple):
    """Over frames, [K F]: frequency in Hz and amplitude, 0 where one does not sound."""

    frequency: jax.Array
    amplitude: jax.Array


def strongest_trajectories(
    found: Peaks, numbers: jax.Array, count: int, shortest: int
) -> tuple[Trajectories, jax.Array]:
    """The `count` trajectories of most energy, and of each peak which it is part of [F P], or -1.

    shortest: frames; shorter ones are none.
    """
    frames, width = numbers.shape
    most = frames * width
    flat = jnp.where(numbers < 0, most, numbers).reshape(-1)
    power = jnp.square(found.amplitude).reshape(-1)
    energy = jnp.zeros(most + 1).at[flat].add(power)
    length = jnp.zeros(most + 1).at[flat].add(1.0)
    energy = jnp.where(length >= shortest, energy, 0).at[most].set(0)
    loudest, chosen = jax.lax.top_k(energy, count)
    rank = jnp.full(most + 1, -1).at[chosen].set(jnp.where(loudest > 0, jnp.arange(count), -1))
    owner = rank[flat].reshape(frames, width)
    row = jnp.where(owner < 0, count, owner)
    when = jnp.broadcast_to(jnp.arange(frames)[:, None], row.shape)
    place = lambda x: jnp.zeros((count + 1, frames)).at[row, when].set(x)[:count]  # noqa: E731
    return Trajectories(place(found.frequency), place(found.amplitude)), owner


def synthesised(
    found: Peaks, shares: jax.Array, hop: int, length: int, sample_rate: float
) -> jax.Array:
    """Sinusoids of each source, peaks [F P] and what is each source's of them [F P S], -> [T S C].

    T = length. A frame's are steady and fade into those of the next, over Hann windows of two hops.
    """
    time = (jnp.arange(2 * hop) - hop) / sample_rate
    fade = jnp.asarray(stft.window("hann", 2 * hop), jnp.float32)

    def play(given: tuple) -> jax.Array:
        frequency, complex_, own = given
        angle = 2 * jnp.pi * time[:, None] * frequency
        real = jnp.einsum("np,pc,ps->nsc", jnp.cos(angle), complex_.real, own)
        return real - jnp.einsum("np,pc,ps->nsc", jnp.sin(angle), complex_.imag, own)

    parts = jax.lax.map(play, (found.frequency, found.complex_, shares), batch_size=32)
    shape = (1, len(parts), 2 * hop, -1)
    whole = overlap_add((parts * fade[:, None, None]).reshape(shape), hop)[0]
    return whole[hop : hop + length].reshape(length, shares.shape[2], -1)
