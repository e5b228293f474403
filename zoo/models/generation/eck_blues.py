"""LSTM blues: chords that lead, a melody that follows.

D. Eck and J. Schmidhuber, "Learning the long-term structure of the blues", ICANN 2002: 12 chord and
13 melody notes at eight steps a bar; four blocks of two cells for the chords, four for the melody.
Chord blocks feed themselves and the melody's; those feed themselves alone. A block's cells share
its gates. Logistic outputs, cross-entropy.

Remembered, not read there. Choices
- outputs read the cells of their own blocks alone; no peepholes; forget gates begin open (bias 1);
- in playing chords are what lies above one half, the melody one note or none, drawn by the odds of
  its units: a threshold of one half is silent where two bars are as likely (temperature 0: the
  likelier, then).
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

_CHORDS, _MELODY = 12, 13
State = tuple[jax.Array, jax.Array, jax.Array, jax.Array]  # chords: cells, output; melody: the same


class LSTMBlocks(nn.Module):
    """One step of LSTM blocks: cells [B N*C], what they read [B D] -> (cells, output), [B N*C]."""

    blocks: int = 4
    cells: int = 2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, cells: jax.Array, read: jax.Array) -> tuple[jax.Array, jax.Array]:
        gates = nn.Dense(3 * self.blocks, bias_init=self._open, dtype=self.dtype, name="gates")
        entered = nn.Dense(self.blocks * self.cells, dtype=self.dtype, name="cells")
        shared = jnp.repeat(nn.sigmoid(gates(read).astype(jnp.float32)), self.cells, axis=-1)
        enter, keep, leave = jnp.split(shared, 3, axis=-1)
        cells = keep * cells + enter * jnp.tanh(entered(read).astype(jnp.float32))
        return cells, leave * jnp.tanh(cells)

    def _open(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return jnp.zeros(shape, dtype).at[self.blocks : 2 * self.blocks].set(1.0)


class EckBlues(nn.Module):
    """Logits of the step after each, roll [B T 25] of chords and melody -> [B T 25]."""

    blocks: int = 4
    cells: int = 2
    dtype: Any = jnp.float32

    receptive_field = math.inf
    keys = (_CHORDS, _MELODY)

    def setup(self) -> None:
        sizes = self.blocks, self.cells, self.dtype
        self.chords, self.melody = LSTMBlocks(*sizes), LSTMBlocks(*sizes)
        self.chord_units = nn.Dense(_CHORDS, dtype=self.dtype)
        self.melody_units = nn.Dense(_MELODY, dtype=self.dtype)

    def __call__(self, roll: jax.Array, *, train: bool = False) -> jax.Array:
        scan = nn.scan(
            EckBlues.step,
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=1,
            out_axes=1,
        )
        return scan(self, self.initial(len(roll)), roll)[1]

    @nn.nowrap
    def initial(self, batch: int) -> State:
        """Cells and outputs of zero."""
        nothing = jnp.zeros((batch, self.blocks * self.cells))
        return nothing, nothing, nothing, nothing

    def step(self, state: State, played: jax.Array) -> tuple[State, jax.Array]:
        """After a step [B 25] was played: the state, and logits [B 25] of the next."""
        cells, chord, own, tune = state
        cells, now = self.chords(cells, jnp.concatenate([played[:, :_CHORDS], chord], -1))
        read = jnp.concatenate([played[:, _CHORDS:], chord, tune], -1)
        own, tune = self.melody(own, read)
        units = jnp.concatenate([self.chord_units(now), self.melody_units(tune)], -1)
        return (cells, now, own, tune), units.astype(jnp.float32)

    def decide(self, logits: jax.Array, noise: jax.Array, temperature: jax.Array) -> jax.Array:
        """A step [B 25] of 0 and 1 from its logits; noise [B 14]: Gumbel's."""
        chances = nn.sigmoid(logits)
        tune = chances[:, _CHORDS:]
        silence = jnp.maximum(1 - tune.sum(-1, keepdims=True), 1e-6)
        odds = jnp.log(jnp.concatenate([tune, silence], -1) + 1e-9)
        chosen = jax.nn.one_hot((odds + temperature * noise).argmax(-1), _MELODY + 1)[:, :_MELODY]
        return jnp.concatenate([(chances[:, :_CHORDS] > 0.5).astype(jnp.float32), chosen], -1)
