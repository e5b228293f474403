"""What goes into a loss fits, or is refused in one line."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.losses.waveform import l1
from zoo.objectives.supervised import Supervised


class Dense(nn.Module):
    outputs: int

    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.Dense(self.outputs)(x.mean(1))


def loss_of(objective, batch):
    variables = objective.init(jax.random.key(0), batch)
    (turn,) = objective.turns
    return turn.loss(variables, batch, jax.random.key(1), 0)[0]


def test_as_many_outputs_as_targets():
    batch = {"audio": jnp.ones((4, 8, 1)), "tags": jnp.ones((4, 3))}
    assert np.isfinite(loss_of(Supervised(Dense(3), l1), batch))
    for outputs in (1, 5):  # one output would be broadcast over three tags
        with pytest.raises(BadInput, match=rf"gives \(4, {outputs}\) for 'tags'.* \(4, 3\)"):
            loss_of(Supervised(Dense(outputs), l1), batch)


def test_a_number_per_example_and_classes_are_targets_too():
    batch = {"audio": jnp.ones((4, 8, 1)), "hz": jnp.ones(4)}
    objective = Supervised(Dense(3), lambda x, hz: jnp.abs(x.sum(1) - hz), target="hz")
    assert np.isfinite(loss_of(objective, batch))


@pytest.mark.parametrize("how", [{"input": "mixture"}, {"target": "stems"}, {"mask": "known"}])
def test_what_the_batch_lacks_is_named(how):
    batch = {"audio": jnp.ones((4, 8, 1)), "tags": jnp.ones((4, 3))}
    (name,) = how.values()
    with pytest.raises(BadInput, match=f"reads '{name}' and a batch has audio, tags"):
        loss_of(Supervised(Dense(3), l1, **how), batch)
