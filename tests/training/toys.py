"""Small objectives, one of every way of learning, that hold the loop to its word."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from zoo.objectives.base import Turn, Variables
from zoo.training.loop import Hooks


def linear(params, x):
    return x @ params["w"] + params["b"]


def new(rng, inputs, outputs):
    return {"w": jax.random.normal(rng, (inputs, outputs)) * 0.3, "b": jnp.zeros(outputs)}


@dataclass(frozen=True)
class Adversaries:
    """A discriminator with three turns, from round `begin` on, and a generator with one."""

    begin: int = 0

    def init(self, rng, batch):
        one, two = jax.random.split(rng)
        return Variables({"discriminator": new(one, 4, 1), "generator": new(two, 2, 4)})

    @property
    def turns(self):
        first = Turn("discriminator", self.discriminator, 3, self.begin)
        return first, Turn("generator", self.generator)

    def fake(self, variables, batch, rng):
        noise = jax.random.normal(rng, (batch["x"].shape[0], 2))
        return linear(variables.params["generator"], noise)

    def discriminator(self, variables, batch, rng, step):
        score = lambda x: linear(variables.params["discriminator"], x).mean()  # noqa: E731
        value = score(self.fake(variables, batch, rng)) - score(batch["x"])
        penalty = sum(jnp.sum(w**2) for w in jax.tree.leaves(variables.params["discriminator"]))
        return value + penalty, ({}, {"margin": -value})

    def generator(self, variables, batch, rng, step):
        score = linear(variables.params["discriminator"], self.fake(variables, batch, rng))
        return -score.mean(), ({}, {})


@dataclass(frozen=True)
class Student:
    """A student under a frozen teacher."""

    def init(self, rng, batch):
        one, two = jax.random.split(rng)
        return Variables({"student": new(one, 4, 2)}, frozen={"teacher": new(two, 4, 2)})

    @property
    def turns(self):
        return (Turn("student", self.loss),)

    def loss(self, variables, batch, rng, step):
        target = linear(variables.frozen["teacher"], batch["x"])
        return jnp.mean((linear(variables.params["student"], batch["x"]) - target) ** 2), ({}, {})


@dataclass(frozen=True)
class Codebook:
    """A collection that moves by its own rule, and a carry with one row per example."""

    def init(self, rng, batch):
        memory = jnp.zeros_like(batch["x"])
        collections = {"ema": {"mean": batch["x"].mean(0)}, "memory": {"carry": memory}}
        return Variables({"model": new(rng, 4, 4)}, {"model": collections})

    @property
    def turns(self):
        return (Turn("model", self.loss),)

    def loss(self, variables, batch, rng, step):
        own = variables.collections["model"]
        carried = 0.5 * own["memory"]["carry"] + batch["x"]
        output = linear(variables.params["model"], carried - own["ema"]["mean"])
        moved = 0.9 * own["ema"]["mean"] + 0.1 * batch["x"].mean(0)
        collections = {"ema": {"mean": moved}, "memory": {"carry": carried}}
        return jnp.mean(output**2), ({"model": collections}, {"carried": jnp.mean(carried)})


TOYS = {
    "adversaries": Adversaries(),
    "late": Adversaries(begin=4),
    "student": Student(),
    "codebook": Codebook(),
}


def draws(first, size=8, poison=()):
    """Endless batches that are functions of their number; those in `poison` hold a NaN."""
    number = first
    while True:
        x = np.random.default_rng(number).normal(size=(size, 4)).astype(np.float32)
        if number in poison:
            x[0, 0] = np.nan
        yield {"x": x}
        number += 1


def hooks(
    poison=(),
    saved=None,
    scores=None,
    stop=lambda step: False,
    monitor="score",
    best=lambda: None,
    recalibrate=lambda state, step: state,
    evaluated=None,
):
    saved = {} if saved is None else saved
    scores = iter(scores or ())

    def evaluate(variables, step):
        if evaluated is not None:
            evaluated[step] = jax.device_get(variables)
        return {"score": next(scores, 0.0)}

    return Hooks(
        batches=lambda first: draws(first, poison=poison),
        names=lambda draw: [f"track{draw}"],
        evaluate=evaluate,
        save=lambda step, state, standing, scores, force: saved.update(
            {step: (jax.device_get(state), standing, scores, force)}
        ),
        best=best,
        recalibrate=recalibrate,
        stop=stop,
        monitor=(monitor, "max"),
    )
