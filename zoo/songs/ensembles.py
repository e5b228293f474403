"""A separator as an ensemble: shifts x gains x checkpoints in one compiled call, and their spread.

The mean over the members is what is given; how far they lie apart says where not to trust it.
Members read the same song at other positions of their segments and at other levels, or are other
steps of one training; a network to which neither matters has members that agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.checkpoints.store import Checkpoints
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict
from zoo.objectives.base import Variables
from zoo.runs.trained import Trained, load_trained
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.songs.spreads import Spread

_MOST_SHIFTS = 100  # all of them run in one call
LEVELS = (1.0, 0.7, 1.3)  # gains of the input, undone behind the network


@dataclass(frozen=True)
class Members:
    """shifts: samples by which segments begin later, 0 first. gains: of what the network reads."""

    shifts: tuple[int, ...]
    gains: tuple[float, ...] = LEVELS

    def __post_init__(self) -> None:
        if not self.shifts or not self.gains or min(self.shifts) < 0 or min(self.gains) <= 0:
            raise BadInput("an ensemble takes shifts from 0 and gains above 0, one at least")
        if len(self.shifts) > _MOST_SHIFTS:
            raise BadInput(f"an ensemble of {len(self.shifts)} shifts: {_MOST_SHIFTS} are the most")

    @property
    def reach(self) -> int:
        return max(self.shifts)


def members(segments: Segments, count: int) -> Members:
    """`count` shifts over a half of a segment's step, at every one of LEVELS."""
    return Members(tuple(i * (segments.step // 2) // count for i in range(count)))


def widened(segments: Segments, chosen: Members) -> Segments:
    """Segments that read as much more as the members' shifts ask for, and keep as much less."""
    kept = segments.kept - chosen.reach
    more = segments.input + chosen.reach
    return replace(segments, input=more, output=kept, hop=min(segments.step, kept))


def ensemble_predictor(
    objective: Any, variables: Sequence[Variables], segments: Segments, chosen: Members
) -> Predict:
    """Batches of `widened` segments [B T C] to the members' mean, and behind it their deviation.

    {'prediction': [B T' 2S C]}, or [B 2S T' C] as the segments have it. variables: of every
    checkpoint.
    """
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *variables)
    shifts, gains = jnp.asarray(chosen.shifts), jnp.asarray(chosen.gains, jnp.float32)
    run = jax.jit(partial(_predict, objective, segments, chosen.reach))

    def predict(batch: HostBatch) -> HostBatch:
        return {"prediction": np.asarray(run(stacked, shifts, gains, batch[segments.key]))}

    return predict


def _predict(
    objective: Any,
    segments: Segments,
    reach: int,
    variables: Variables,
    shifts: jax.Array,
    gains: jax.Array,
    audio: jax.Array,
) -> jax.Array:
    """Mean and deviation over all members of what they share of a segment."""
    time, key = segments.time_axis, jax.random.key(0)

    def one(own: Variables, shift: jax.Array, gain: jax.Array) -> jax.Array:
        given = jax.lax.dynamic_slice_in_dim(audio, shift, segments.input, 1) * gain
        y = objective.predict(own, {segments.key: given}, key)["prediction"]
        surplus = (y.shape[time] - segments.kept) // 2
        shared = segments.kept - reach
        return jax.lax.dynamic_slice_in_dim(y, surplus + reach - shift, shared, time) / gain

    by_gain = jax.vmap(one, (None, None, 0))
    by_shift = jax.vmap(by_gain, (None, 0, None))
    found = jax.vmap(by_shift, (0, None, None))(variables, shifts, gains)
    found = found.reshape(-1, *found.shape[3:])  # [members B T S C]
    return jnp.concatenate([found.mean(0), found.std(0)], 3 - time)


def ensemble_separator(how: Separator, chosen: Members) -> Separator:
    """The separator of an ensemble; its `spread` fills while a song is separated."""
    if how.partners:
        raise BadInput("an ensemble is of one network: blend weights (--blend_of weights), or none")
    if how.labels:
        raise BadInput("a separator that asks what plays has no ensemble: leave --ensemble out")
    if how.segments.unordered:
        raise BadInput("sources without an order have no spread: take a separator of named stems")
    return replace(how, segments=widened(how.segments, chosen), shifts=0, spread=Spread())


def checkpoints(found: Trained, count: int) -> list[Variables]:
    """The last `count` checkpoints of a run; 1 is the one that was asked for."""
    if count == 1:
        return [found.variables]
    if found.directory is None:
        raise BadInput(f"{found.name} is one set of weights: --checkpoints are of a run's folder")
    with Checkpoints(found.directory / "checkpoints", read_only=True) as store:
        steps = store.steps()
    if len(steps) < count:
        raise BadInput(f"--checkpoints {count}: {found.directory} holds {len(steps)}")
    config = str(found.config.path)
    return [load_trained(found.directory, config=config, step=s).variables for s in steps[-count:]]
