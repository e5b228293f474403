"""An effect, learnt from dry sound and what a device makes of it, and applied to any sound."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.objectives.supervised import batch_array

_BLOCK = 65_536  # samples of a stream at a time: the context before them costs an eighth more


@dataclass(frozen=True)
class Effect:
    """The model's output of batch[`dry`] [B T 1] against batch[`wet`] [B T 1]; player 'model'.

    model: with `settled(x)`, of a window only what no sample before it could change, and
    `advance(x, memory)`, the next samples of a stream that begins with `initial(batch)`.
    loss(output, wet) -> [B]. skip: samples at the beginning of that which no loss counts, while a
    recurrent network settles.
    """

    model: Network
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    skip: int = 0
    dry: str = "audio"
    wet: str = "wet"

    needs_source: ClassVar[bool] = True
    from_source: ClassVar[str] = "process"

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """What the model has for a layer that is not there."""
        return getattr(self.model, "zero_gradient_at_init", ())

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch_array(batch, self.dry)[:, :1])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        dry, wet = batch_array(batch, self.dry), batch_array(batch, self.wet)
        ours = self.model.apply(variables.of("model"), dry, train=True, method="settled")
        ours = ours[:, self.skip :]
        if not ours.shape[1]:
            raise BadInput(f"windows of {dry.shape[1]} samples are all context: give longer ones")
        return jnp.mean(self.loss(ours, wet[:, wet.shape[1] - ours.shape[1] :])), ({}, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1]}: the wet sound, with silence before the first sample."""
        return {"audio": self.model.apply(variables.of("model"), batch_array(batch, self.dry))}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source through the effect; all voices are the same.

        Block after block with the state between them. The output is kept whole, as the source is:
        where its peak is above full scale, all of it becomes softer.
        """
        request.rule.temperature_alone("an effect")
        if request.source is None or request.prompt is not None:
            raise BadInput("an effect takes a source and no prompt: give it --input alone")
        source = np.asarray(request.source, np.float32)
        length = request.length or len(source)
        if length > len(source):
            raise BadInput(f"the source has {len(source)} samples: ask for no more than those")
        wet = np.concatenate(list(self._blocks(variables, source[:length])))[:length]
        if not np.isfinite(wet).all():
            raise BadInput("this network's output is not finite: its weights are no effect's")
        peak = float(np.abs(wet).max(initial=0.0))
        if peak > 1.0:
            softer = f"all is {20 * np.log10(peak):.1f} dB softer"
            print(f"peaks of {peak:.2f} are above full scale: {softer}", file=sys.stderr)
            wet = np.clip(wet / np.float32(peak), -1, 1)
        for start in range(0, length, request.chunk):
            part = wet[None, start : start + request.chunk]
            yield np.broadcast_to(part, (request.count, *part.shape[1:]))

    def _blocks(self, variables: Variables, source: np.ndarray) -> Iterator[np.ndarray]:
        """Blocks [t 1] of the source [T 1] filled up to whole ones, of few lengths in all."""
        size = min(_BLOCK, 1 << max(len(source) - 1, 1).bit_length())
        memory = self.model.initial(1)
        for start in range(0, len(source), size):
            block = source[start : start + size]
            block = np.pad(block, ((0, size - len(block)), (0, 0)))[None]
            made, memory = _advanced(self.model, variables.of("model"), block, memory)
            yield np.asarray(made)[0]


@partial(jax.jit, static_argnums=0)
def _advanced(model: Network, variables: Any, x: jax.Array, memory: Any) -> tuple[jax.Array, Any]:
    return model.apply(variables, x, memory, method="advance")
