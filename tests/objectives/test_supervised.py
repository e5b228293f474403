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


class Scaled(nn.Module):
    @nn.compact
    def __call__(self, x, marks, *, train=False):
        return nn.Dense(3)(x.mean(1)) * marks


def test_a_second_input_goes_to_the_model_in_training_and_in_use():
    marks = jnp.array([[1.0, 0.0, 2.0]] * 4)
    batch = {"audio": jnp.ones((4, 8, 1)), "tags": jnp.zeros((4, 3)), "marks": marks}
    objective = Supervised(Scaled(), l1, second="marks")
    variables = objective.init(jax.random.key(0), batch)
    made = objective.predict(variables, batch, jax.random.key(0))["prediction"]
    kernel = variables.params["model"]["Dense_0"]["kernel"]
    np.testing.assert_allclose(made, marks * kernel[0], rtol=1e-6)
    held = objective.held_out_loss(variables, batch, jax.random.key(0))["loss"]
    np.testing.assert_allclose(held, np.abs(made).mean(1), rtol=1e-6)
    np.testing.assert_allclose(loss_of(objective, batch), np.abs(made).mean(), rtol=1e-6)
    with pytest.raises(BadInput, match="reads 'others' and a batch has audio, tags, marks"):
        loss_of(Supervised(Scaled(), l1, second="others"), batch)
