"""Whole clips drawn from noise, one after another, as endless audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Batch, Request, Variables

# (key of the seed, temperature, number of the clip) -> one clip of every voice [count T C]
_Make = Callable[[jax.Array, Any, Any], jax.Array]


def draw_clips(make: _Make, request: Request, who: str) -> Iterator[np.ndarray]:
    """Chunks [count t C] of clips 0, 1, ... that `make` draws, the last one cut; who: names it.

    A voice's clips depend on the seed and its number alone where `make` sees to it: see `keys`.
    """
    if request.prompt is not None or request.source is not None:
        raise BadInput("this model starts from nothing: leave --prompt and --input out")
    key = jax.random.key(request.seed)
    temperature = np.float32(request.rule.temperature_alone(who))
    left, number = request.length or float("inf"), 0
    while left > 0:
        audio = np.clip(np.asarray(make(key, temperature, np.uint32(number))), -1, 1)
        audio = audio[:, : int(min(left, audio.shape[1]))]
        for start in range(0, audio.shape[1], request.chunk):
            yield audio[:, start : start + request.chunk]
        left, number = left - audio.shape[1], number + 1


def keys(key: jax.Array, number: jax.Array, count: int) -> jax.Array:
    """A key of its own for every voice's clip of that number, [count]."""
    voices = jnp.arange(count)
    return jax.vmap(lambda v: jax.random.fold_in(jax.random.fold_in(key, v), number))(voices)


class WindowGenerator:
    """What objectives share that draw whole windows of noise; `_drawn` says how.

    named: how errors call the model.
    """

    named: ClassVar[str]

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of one window after another; the temperature scales all noise."""
        return draw_clips(partial(self._make, request.count, variables), request, self.named)

    @partial(jax.jit, static_argnums=(0, 1))
    def _make(
        self,
        count: int,
        variables: Variables,
        key: jax.Array,
        temperature: jax.Array,
        number: jax.Array,
    ) -> jax.Array:
        return self._drawn(variables, keys(key, number, count), temperature)

    def _drawn_by_index(self, variables: Variables, batch: Batch, rng: jax.Array) -> jax.Array:
        """A window [T 1] for each of a batch, drawn by its batch['index'] where given."""
        index = batch.get("index", jnp.arange(len(next(iter(batch.values())))))
        return self._drawn(variables, jax.vmap(partial(jax.random.fold_in, rng))(index), 1.0)

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        """Windows [B T 1], a key for each."""
        raise NotImplementedError
