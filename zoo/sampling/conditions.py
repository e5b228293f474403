"""Conditions of autoregressive samplers, [B T D] with one frame per sample, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp

from zoo.network import Network


@dataclass(frozen=True)
class Upsampled:
    """A condition made as it is needed, because one frame per sample of a song fills the memory.

    frames [B F ...]; the model's `method` upsamples some of them [B n ...] -> [B n*hop D], where a
    sample depends on no more than `reach` frames to either side of its own.
    """

    frames: jax.Array
    model: Network
    variables: Any
    method: str = "upsample"
    reach: int = 2

    @cached_property
    def hop(self) -> int:
        """Samples that a frame becomes."""
        upsample = partial(self.model.apply, self.variables, method=self.method)
        return jax.eval_shape(upsample, self.frames[:, :1]).shape[1]

    @property
    def length(self) -> int:
        """Samples it lasts."""
        return self.frames.shape[1] * self.hop

    def blocks(self, size: int) -> Callable[[int], jax.Array]:
        """As `condition_blocks`."""
        count = self.frames.shape[1]
        needed = min(-(-size // self.hop) + 1 + 2 * self.reach, count)

        def block(first: int) -> jax.Array:
            begin = min(max(first // self.hop - self.reach, 0), count - needed)
            first -= begin * self.hop
            static = self.model, self.method, needed, size
            return _upsampled(*static, self.variables, self.frames, begin, first)

        return block


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _upsampled(
    model: Network,
    method: str,
    count: int,
    size: int,
    variables: Any,
    frames: jax.Array,
    begin: jax.Array | int,
    first: jax.Array | int,
) -> jax.Array:
    """Samples first ... first + size - 1 [B size D] of what `count` frames from `begin` become."""
    some = jax.lax.dynamic_slice_in_dim(frames, begin, count, axis=1)
    made = model.apply(variables, some, method=method)
    return _block_at(_with_spare_block(made, size), first, size)


def condition_blocks(condition: Any, size: int) -> Callable[[int], Any]:
    """A function from any sample to the condition of `size` samples from it on, zeros behind."""
    if isinstance(condition, Upsampled):
        return condition.blocks(size)
    padded = jax.tree.map(partial(_with_spare_block, size=size), condition)
    return lambda first: jax.tree.map(partial(_block_at, first=first, size=size), padded)


def condition_length(condition: Any) -> int | None:
    """Samples that a condition, a tree of arrays [B T D] or `Upsampled`, lasts; None of none."""
    if isinstance(condition, Upsampled):
        return condition.length
    return min((leaf.shape[1] for leaf in jax.tree.leaves(condition)), default=None)


def _with_spare_block(condition: jax.Array, size: int) -> jax.Array:
    """So that a slice of `size` samples may begin at any of them."""
    spare = [(0, 0)] * condition.ndim
    spare[1] = (0, size)
    return jnp.pad(condition, spare)


def _block_at(condition: jax.Array, first: jax.Array | int, size: int) -> jax.Array:
    return jax.lax.dynamic_slice_in_dim(condition, jnp.asarray(first), size, axis=1)
