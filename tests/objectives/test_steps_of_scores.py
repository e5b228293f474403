"""One step of models of notes: events under a mask, a critic, chords and melodies."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from twin_step import assert_step, drawn

from zoo.distributions import Tokens
from zoo.models.generation.lewis import Lewis
from zoo.models.generation.todd import Todd
from zoo.objectives.blues import Blues
from zoo.objectives.event_likelihood import EventLikelihood
from zoo.objectives.planned_melodies import PlannedMelodies
from zoo.objectives.refinement import Refinement

RNG = np.random.default_rng(5)


class Pairs(nn.Module):
    """Logits of the next of four symbols from the one before, [B T 1] -> [B T 4]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        before = jnp.pad(x[:, :-1, 0], ((0, 0), (1, 0))).astype(jnp.int32)
        return nn.Embed(4, 4, name="table")(before)

    distribution: Tokens = Tokens(4)


def test_events_with_a_mask():
    """The mean over the symbols that are there, of both pieces together."""
    events = RNG.integers(0, 4, (2, 5, 1))
    known = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], np.uint8)
    batch = {"events": events.astype(np.int32), "known": known}
    objective = EventLikelihood(Pairs(), None, None)

    def loss(w):
        before = np.pad(events[:, :-1, 0], ((0, 0), (1, 0)))
        logits = w["table"]["embedding"][before]
        chosen = np.take_along_axis(logits, events, -1)[..., 0]
        nats = np.log(np.exp(logits).sum(-1)) - chosen
        return (nats * known).sum() / 7

    _, measured = assert_step(objective, drawn(objective, batch), batch, "model", loss)
    assert measured["nats_per_event"] == measured["loss"]


def test_a_critic_s_scores():
    slices = RNG.uniform(0, 1, (3, 2, 4)).astype(np.float32)
    batch = {"slices": slices, "score": RNG.uniform(0, 1, 3).astype(np.float32)}

    def loss(w):
        hidden = slices.reshape(3, -1) @ w["enter"]["kernel"] + w["enter"]["bias"]
        hidden = 1 / (1 + np.exp(-hidden))
        found = hidden @ w["leave"]["kernel"] + w["leave"]["bias"]
        return np.square(1 / (1 + np.exp(-found[:, 0])) - batch["score"]).mean()

    objective = Refinement(Lewis(5), None, None, 2)
    assert_step(objective, drawn(objective, batch), batch, "model", loss)


def test_rolls_that_are_composed():
    """As rolls alone: sums over keys of steps after the first, those that are known."""
    batch = {
        "roll": RNG.integers(0, 2, (2, 4, 3)).astype(np.float32),
        "known": np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.uint8),
    }
    objective = Blues(Kept(), steps=None, instrument=None)

    def loss(w):
        logits = w["w"][0] * batch["roll"][:, :-1] + w["w"][1]
        nats = np.logaddexp(0, logits) - logits * batch["roll"][:, 1:]
        return (nats.sum(-1) * batch["known"][:, 1:]).sum(1).mean()

    assert_step(objective, drawn(objective, batch), batch, "model", loss)


class Kept(nn.Module):
    """Logits of keys by what they are now."""

    @nn.compact
    def __call__(self, roll, *, train=False):
        w = self.param("w", nn.initializers.ones, (2,))
        return w[0] * roll + w[1]


def test_melodies_under_a_plan():
    """Squared errors of logistic units, over a state that fades."""
    plan = np.eye(2, dtype=np.float32)
    slices = RNG.integers(0, 2, (2, 3, 3)).astype(np.float32)
    batch = {"plan": plan, "slices": slices}
    objective = PlannedMelodies(Todd(3, 4, 0.6), None, None, 2)

    def loss(w):
        total, state = 0.0, np.zeros((2, 3))
        for t in range(3):
            read = np.concatenate([plan, state], 1)
            hidden = 1 / (1 + np.exp(-read @ w["enter"]["kernel"] - w["enter"]["bias"]))
            units = 1 / (1 + np.exp(-hidden @ w["leave"]["kernel"] - w["leave"]["bias"]))
            total += np.square(units - slices[:, t]).sum() / 18
            state = 0.6 * state + slices[:, t]
        return total

    assert_step(objective, drawn(objective, batch), batch, "model", loss)
