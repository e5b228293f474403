"""Maximum likelihood of rolls whose model plays by itself; one player, 'model'.

Reads `roll` [B T K] of 0 and 1, the first step silent, and `known` [B T].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.objectives import performing
from zoo.objectives.base import NotePlayer, Performance, Request, Variables
from zoo.objectives.roll_likelihood import RollLikelihood


class _Steps(Protocol):
    """How steps become notes: zoo/data/twelve_bars.py."""

    @property
    def seconds(self) -> float: ...

    def decode(self, steps: np.ndarray) -> Any: ...


@dataclass(frozen=True)
class Blues(RollLikelihood):
    """As `RollLikelihood`. model: with `initial`, `step` and `decide`, as models/.../eck_blues.py.

    rate: Hz of the instrument.
    """

    steps: _Steps = field(kw_only=True)
    instrument: NotePlayer = field(kw_only=True)
    rate: int = 16_000

    continues: ClassVar[bool] = False

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of audio: what is composed, played."""
        yield from performing.render_performances(
            self.compose(variables, request), self.instrument, request
        )

    def compose(self, variables: Variables, request: Request) -> list[Performance]:
        """As zoo/objectives/base.py has it: choruses out of silence."""
        who = type(self.model).__name__
        performing.check_composable(who, request, self.continues)
        temperature = np.float32(request.rule.temperature_alone(who))
        seconds = request.length / self.rate
        count = int(np.ceil(seconds / self.steps.seconds))
        whole = -(-count // _BLOCK) * _BLOCK
        asked = request.count, whole, np.uint32(request.seed % 2**32), temperature
        steps = np.asarray(_play(self.model, variables.of("model"), *asked))[:, :count]
        notes = [performing.clip_notes(self.steps.decode(voice), seconds) for voice in steps]
        return [Performance(own) for own in notes]


_BLOCK = 96  # steps: a chorus


@partial(jax.jit, static_argnames=("model", "voices", "count"))
def _play(
    model: Network, variables: Any, voices: int, count: int, seed: jax.Array, temperature: jax.Array
) -> jax.Array:
    """What the model plays after silence, [voices count K]."""

    def noise(voice: jax.Array, index: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), voice), index)
        return jax.random.gumbel(key, (model.keys[1] + 1,))

    def body(carry: tuple[Any, jax.Array], index: jax.Array) -> Any:
        state, last = carry
        state, logits = model.apply(variables, state, last, method="step")
        drawn = jax.vmap(partial(noise, index=index))(jnp.arange(voices))
        new = model.apply(variables, logits, drawn, temperature, method="decide")
        return (state, new), new

    silent = jnp.zeros((voices, sum(model.keys)))
    _, steps = jax.lax.scan(body, (model.initial(voices), silent), jnp.arange(count))
    return steps.swapaxes(0, 1)
