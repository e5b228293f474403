"""Batch statistics of averaged weights equal those that the averaged network meets."""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import draws

from zoo.objectives import one_network
from zoo.objectives.base import Turn, Variables
from zoo.training import standing, state


class Net(nn.Module):
    momentum: float

    @nn.compact
    def __call__(self, x, *, train=False):
        x = nn.Dense(3)(x)
        return nn.BatchNorm(use_running_average=not train, momentum=self.momentum)(x)


@dataclass(frozen=True)
class Normalised:
    model: nn.Module

    def init(self, rng, batch):
        return one_network.init_player(self.model, rng, batch["x"])

    @property
    def turns(self):
        return (Turn("model", self.loss),)

    def loss(self, variables, batch, rng, step):
        output, changed = one_network.apply_in_training(self.model, variables, {}, batch["x"])
        return jnp.mean(output**2), (changed, {})


@pytest.mark.parametrize("momentum", [0.9, 0.99])
def test_statistics_are_the_mean_over_batches(momentum):
    import optax

    objective = Normalised(Net(momentum))
    batch = next(draws(0))
    now = state.initial_state(objective, {"model": optax.sgd(0.1)}, 0.9, 0, batch, standing=True)
    moved = jax.tree.map(lambda w: w + 0.5, now.ema)
    now = now.replace(ema=moved)
    after = standing.recalibrated(objective, now, draws(3), 4)
    kernel, bias = (np.asarray(moved["model"]["Dense_0"][k]) for k in ("kernel", "bias"))
    outputs = [b["x"] @ kernel + bias for b, _ in zip(draws(3), range(4))]
    held = after.ema_variables().collections["model"]["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(held["mean"], np.mean([o.mean(0) for o in outputs], 0), atol=1e-5)
    np.testing.assert_allclose(held["var"], np.mean([o.var(0) for o in outputs], 0), atol=1e-4)
    # What is trained keeps its own, and the state its shape, so that it can be saved and donated.
    assert after.variables is now.variables
    assert jax.tree.structure(after) == jax.tree.structure(now)


def test_without_averages_or_statistics_nothing_is_drawn():
    objective = Normalised(Net(0.9))
    now = state.initial_state(objective, {}, 0.0, 0, next(draws(0)))
    assert standing.recalibrated(objective, now, iter(()), 4) is now
    assert now.ema_variables() == now.variables
    assert Variables({}).collections == {}
