"""MelNet: the density of a spectrogram, bin after bin, from coarse tiers to fine ones.

Sean Vasquez and Mike Lewis, "MelNet: a generative model for audio in the frequency domain", 2019
(arXiv 1906.01083), sections 3 to 5; sizes as in Deepest-Project's public code, which agrees with
the paper's as remembered (unchecked). The authors published none.

- Recurrent nets are LSTMs of torch's kind, with two biases; the paper says "RNN".
- All tiers have time-delayed and frequency-delayed stacks, the first a centralised one as well.
  The public code leaves the delayed stacks out above the first tier, whose bins it draws at once.
- Features of the tiers below come from one four-way recurrent layer, and are added to the inputs of
  both stacks; how many layers that net has is not stated.
- Tiers are split from the finest down, along frequency and time by turns: the even tiers hold every
  second band of what is above, the odd ones every second frame.
- Log deviations are kept within 7 of zero, and drawn bins within what audio on [-1, 1] can have: a
  net that is fed its own draws may run away. Neither is stated by the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.initializers import torch, torch_recurrent
from zoo.layers.recurrent import LSTM, LstmCarry
from zoo.signal.mixtures import MixtureOfGaussians
from zoo.signal.precision import HIGHEST

_Carry = dict[str, LstmCarry]


def _recurrent(width: int, dtype: Any, both: bool = False) -> LSTM:
    """torch's LSTM, [B T C] -> [B T D], or [B T 2D] in both directions."""
    return LSTM(width, both, **torch_recurrent(width), dtype=dtype)


def _along_frames(layer: LSTM, x: jax.Array, carry: Any = None) -> tuple[jax.Array, Any]:
    """A recurrent layer over the frames of [B F M D], each band by itself."""
    rows = x.swapaxes(1, 2)
    y, carry = layer(rows.reshape(-1, *rows.shape[2:]), carry)
    return y.reshape(*rows.shape[:3], -1).swapaxes(1, 2), carry


def _along_bands(layer: LSTM, x: jax.Array) -> jax.Array:
    """A recurrent layer over the bands of [B F M D], each frame by itself."""
    y, _ = layer(x.reshape(-1, *x.shape[2:]))
    return y.reshape(*x.shape[:3], -1)


class Features(nn.Module):
    """Four-way recurrent features of what lies below a tier, [B F M] -> [B F M D]."""

    width: int
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.enter = nn.Dense(self.width, **torch(1), dtype=self.dtype)
        self.time = _recurrent(self.width, self.dtype, True)
        self.frequency = _recurrent(self.width, self.dtype, True)
        self.mix = nn.Dense(self.width, **torch(4 * self.width), dtype=self.dtype)

    def __call__(self, below: jax.Array) -> jax.Array:
        x = self.enter(below[..., None].astype(self.dtype))
        times, _ = _along_frames(self.time, x)
        return x + self.mix(jnp.concatenate([times, _along_bands(self.frequency, x)], -1))


class Delayed(nn.Module):
    """One layer of the stacks, each a step behind, [B F M D] -> [B F M D].

    In time, over whole frames (where it is `centralised`), and in frequency.
    """

    width: int
    centralised: bool
    dtype: Any = jnp.float32

    def setup(self) -> None:
        width, kind = self.width, self.dtype
        self.time = _recurrent(width, kind)
        self.frequency = _recurrent(width, kind, True)
        self.mix = nn.Dense(width, **torch(3 * width), dtype=kind)
        if self.centralised:
            self.centre = _recurrent(width, kind)
            self.centre_mix = nn.Dense(width, **torch(width), dtype=kind)
        self.down = _recurrent(width, kind)
        self.down_mix = nn.Dense(width, **torch(width), dtype=kind)

    def frames(
        self, time: jax.Array, centre: jax.Array | None, carry: _Carry
    ) -> tuple[jax.Array, jax.Array | None, _Carry]:
        """(time-delayed [B F M D], centralised [B F D] or none) of the layer below, and states."""
        ahead, state = _along_frames(self.time, time, carry.get("time"))
        both = jnp.concatenate([ahead, _along_bands(self.frequency, time)], -1)
        after = {"time": state}
        time = time + self.mix(both)
        if centre is not None:
            y, after["centre"] = self.centre(centre, carry.get("centre"))
            centre = centre + self.centre_mix(y)
        return time, centre, after

    def bins(
        self, x: jax.Array, given: jax.Array, carry: LstmCarry | None
    ) -> tuple[jax.Array, LstmCarry]:
        """Frequency-delayed bins of frames [R m D], beside what `frames` gives of these [R m D]."""
        y, carry = self.down(x + given, carry)
        return x + self.down_mix(y), carry


class Tier(nn.Module):
    """Spectrogram [B F M] and what lies below it, or None, -> raw [B F M P] of `distribution`.

    raw[f, m] is made of the frames before f, of the bins of f before m, and of all that lies below.
    To draw: `features` of what lies below, then `frames` of one frame after another with carried
    states, within which `bins` goes on bin after bin. bands: M, of a centralised tier.
    """

    layers: int
    width: int
    bands: int = 0
    distribution: MixtureOfGaussians = MixtureOfGaussians()
    dtype: Any = jnp.float32

    receptive_field = math.inf

    @property
    def first(self) -> bool:
        """Whether it has a centralised stack, and nothing below."""
        return self.bands > 0

    def setup(self) -> None:
        width, kind = self.width, self.dtype
        self.enter_time = nn.Dense(width, **torch(1), dtype=kind)
        self.enter_down = nn.Dense(width, **torch(1), dtype=kind)
        if self.first:
            self.enter_centre = nn.Dense(width, **torch(self.bands), dtype=kind)
        else:
            self.extract = Features(width, kind)
            self.condition_time = nn.Dense(width, **torch(width), dtype=kind)
            self.condition_down = nn.Dense(width, **torch(width), dtype=kind)
        self.stack = [Delayed(width, self.first, kind) for _ in range(self.layers)]
        count = self.distribution.parameters
        self.leave = nn.Dense(count, **torch(width), precision=HIGHEST)

    def __call__(self, x: jax.Array, below: jax.Array | None = None) -> jax.Array:
        before = jnp.pad(x[:, :-1], ((0, 0), (1, 0), (0, 0)))
        lower = jnp.pad(x[..., :-1], ((0, 0), (0, 0), (1, 0)))
        z = None if below is None else self.features(below)
        given, _ = self.frames(before, z, None)
        rows = [frames.reshape(-1, *frames.shape[2:]) for frames in given]
        own = None if z is None else z.reshape(-1, *z.shape[2:])
        raw, _ = self.bins(lower.reshape(-1, lower.shape[-1]), rows, own, None)
        return raw.reshape(*x.shape, -1)

    def features(self, below: jax.Array) -> jax.Array:
        """What conditions a tier, of what lies below it, [B F M] -> [B F M D]."""
        return self.extract(below)

    def frames(
        self, before: jax.Array, z: jax.Array | None, carry: list[_Carry] | None
    ) -> tuple[list[jax.Array], list[_Carry]]:
        """What each layer says of frames to come [B F M D], of those one before each [B F M]."""
        time = self.enter_time(before[..., None].astype(self.dtype))
        centre = self.enter_centre(before.astype(self.dtype)) if self.first else None
        time = time if z is None else time + self.condition_time(z)
        given, states = [], []
        for layer, state in zip(self.stack, carry or [{}] * self.layers):
            time, centre, after = layer.frames(time, centre, state)
            given.append(time if centre is None else time + centre[:, :, None])
            states.append(after)
        return given, states

    def bins(
        self,
        lower: jax.Array,
        given: list[jax.Array],
        z: jax.Array | None,
        carry: list[LstmCarry] | None,
    ) -> tuple[jax.Array, list[LstmCarry]]:
        """raw [R m P] of bins, of those one below each [R m] and what `frames` says [R m D]."""
        x = self.enter_down(lower[..., None].astype(self.dtype))
        x = x if z is None else x + self.condition_down(z)
        states: list[LstmCarry] = []
        begun: Sequence[LstmCarry | None] = carry or [None] * self.layers
        for layer, own, state in zip(self.stack, given, begun):
            x, after = layer.bins(x, own, state)
            states.append(after)
        return self.leave(x.astype(jnp.float32)), states

    def begin(self, rows: int, bands: int) -> tuple[list[_Carry], list[LstmCarry]]:
        """States of zeros before the first frame of `bands` bands, and before a frame's first."""

        def none(count: int) -> LstmCarry:
            zeros = jnp.zeros((count, self.width))
            return zeros, zeros

        times: _Carry = {"time": none(rows * bands)}
        times |= {"centre": none(rows)} if self.first else {}
        return [dict(times) for _ in range(self.layers)], [none(rows)] * self.layers


def tiers(
    layers: tuple[int, ...], bands: int, width: int, components: int, dtype: Any = jnp.float32
) -> tuple[Tier, ...]:
    """A tier for each number of layers, of images of `bands`; the first has a centralised stack."""
    first = bands // 2 ** (len(layers) // 2)
    law = MixtureOfGaussians(components)
    every = zip(layers, [first] + [0] * (len(layers) - 1))
    return tuple(Tier(count, width, own, law, dtype) for count, own in every)
