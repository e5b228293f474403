"""Keys of a piano that are struck and held, as features of every sample: what is played, and sines.

Chosen, not the paper's, whose WaveNet has to find out by itself how fast a key swings: the sines of
each held key begin with its stroke, as the source of a neural source-filter model has them (Wang et
al. 2019, arXiv 1904.12088), so that a small net need only shape them.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.layers.context_stack import ContextStack
from zoo.layers.initializers import Starts, lecun
from zoo.tuning import LOWEST_KEY, PIANO_KEYS, hertz_of_note

_LOWEST = hertz_of_note(LOWEST_KEY)
FADES = (0.01, 0.05, 0.3)  # seconds in which a stroke's own features fall to 1/e
START = 0.2  # deviation of what begins as the amplitude of a sine


class StruckKeys(nn.Module):
    """Velocities (0..1) and seconds since the stroke of each key [B F 176] -> [B F*hop C].

    A context stack sees the frames; to its frames, repeated, come sine and cosine of the first
    `harmonics` of each held key (0: none), as far as they lie below `rate` / 2, by a linear map.
    hop: samples of a frame.
    """

    width: int
    hop: int
    rate: int
    harmonics: int = 4
    stacks: int = 2
    layers: int = 6
    starts: Starts = lecun
    dtype: Any = jnp.float32

    @property
    def reach(self) -> int:
        """Frames to either side that one depends on."""
        return self._stack.reach

    @property
    def _stack(self) -> ContextStack:
        shape = self.width, self.stacks, self.layers
        return ContextStack(*shape, starts=self.starts, dtype=self.dtype, parent=None)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        velocity, age = x[..., :PIANO_KEYS], x[..., PIANO_KEYS:]
        strokes = [velocity * jnp.exp(-jnp.maximum(age, 0.0) / fade) for fade in FADES]
        stack = self._stack.clone(parent=self, name="frames")
        frames = stack(jnp.concatenate([velocity, *strokes], -1))
        repeated = jnp.repeat(frames, self.hop, axis=1)
        return repeated + self._sines(velocity, age) if self.harmonics else repeated

    def _sines(self, velocity: jax.Array, age: jax.Array) -> jax.Array:
        """What is learnt of each key's sines, [B F 88] twice -> [B F*hop C].

        A phase at any sample is that at its frame's start and a constant: one matrix does it.
        """
        hertz = (
            _LOWEST * 2 ** (np.arange(PIANO_KEYS) / 12)[:, None] * np.arange(1, self.harmonics + 1)
        )
        shape = (2, PIANO_KEYS, self.harmonics, 1, self.width)
        amplitudes = self.param("sines", nn.initializers.normal(START), shape)
        sine, cosine = amplitudes * (hertz < 0.475 * self.rate)[..., None, None]
        within = 2 * np.pi * hertz[..., None] * np.arange(self.hop) / self.rate
        across, along = (jnp.asarray(f(within)[..., None], jnp.float32) for f in (np.cos, np.sin))
        kernel = jnp.stack([sine * across - cosine * along, sine * along + cosine * across])
        turns = age[..., None] * jnp.asarray(hertz, jnp.float32)
        phase = 2 * np.pi * (turns - jnp.floor(turns))
        begun = velocity[:, :, None, :, None] * jnp.stack([jnp.sin(phase), jnp.cos(phase)], 2)
        flat = begun.reshape(-1, 2 * hertz.size).astype(self.dtype)
        made = flat @ kernel.reshape(2 * hertz.size, -1).astype(self.dtype)
        return made.reshape(len(age), -1, self.width)
