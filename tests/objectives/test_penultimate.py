"""Embeddings that every network has: what its last dense layer reads, averaged."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.objectives.penultimate import penultimate


class Frames(nn.Module):
    """A dense layer over frames, then another; or none."""

    dense: bool = True

    @nn.compact
    def __call__(self, x):
        if not self.dense:
            return x
        hidden = nn.relu(nn.Dense(3, name="hidden")(x))
        return nn.Dense(2, name="top")(hidden)


def test_an_embedding_is_the_mean_of_what_the_last_dense_layer_reads():
    x = np.random.default_rng(0).normal(size=(2, 7, 4)).astype(np.float32)
    variables = Frames().init(jax.random.key(0), x)
    first = variables["params"]["hidden"]
    read = np.maximum(x @ first["kernel"] + first["bias"], 0)
    np.testing.assert_allclose(penultimate(Frames(), variables, x), read.mean(1), rtol=1e-5)
    with pytest.raises(BadInput, match="ends in no dense layer"):
        penultimate(Frames(False), {}, x)
