"""Conditioned Wave-U-Net: sizes of the authors' code; labels reach their own example only."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.models.separation.conditioned_wave_unet import ConditionedWaveUNet

SMALL = {"levels": 2, "width": 3, "sources": 4, "output": "difference"}
RNG = np.random.default_rng(0)
BOTTOM = RNG.normal(size=(2, 5, 3)).astype(np.float32)
MARKS = np.array([[1, 0, 1, 1], [0, 1, 0, 0]], np.uint8)


def test_sizes_of_the_authors_code():
    """312 channels of 13 labels; 147,443 samples to 16,389; layers counted as TensorFlow's."""
    model = experiments.find_config("conditioned_wave_unet_urmp").experiment().objective.model
    assert model.input_length(16_384) == 147_443 and model.output_length(147_443) == 16_389
    audio, labels = jnp.zeros((2, 147_443, 1)), jnp.zeros((2, 13), jnp.uint8)
    shapes = jax.eval_shape(model.init, jax.random.key(0), audio, labels)["params"]
    down = [(15, 24 * max(i, 1) if i else 1, 24 * (i + 1)) for i in range(13)]
    up = [
        (5, (24 * (i + 2) if i < 11 else 312 * 13) + 24 * (i + 1), 24 * (i + 1)) for i in range(12)
    ]
    count = sum(k * wide * out + out for k, wide, out in (*down, *up)) + 12 * (25 + 1)
    assert sum(x.size for x in jax.tree.leaves(shapes)) == count == 15_654_648
    assert shapes["up_12"]["conv"]["kernel"].shape == (5, 4056 + 288, 288)
    made = jax.eval_shape(model.apply, {"params": shapes}, audio, labels)
    assert made.shape == (2, 16_389, 13, 1)


class Middle(ConditionedWaveUNet):
    @nn.compact
    def __call__(self, labels, x):
        return self._conditioned(labels, x)


def conditioned(how, **params):
    model = Middle(**SMALL, conditioning=how)
    return np.asarray(model.apply({"params": params}, jnp.asarray(MARKS), jnp.asarray(BOTTOM)))


def test_labels_scale_shift_or_lie_beside_the_bottleneck():
    outer = np.einsum("bfd,bs->bfds", BOTTOM, MARKS).reshape(2, 5, 12)
    np.testing.assert_array_equal(conditioned("multiply"), outer)
    beside = np.concatenate([BOTTOM, np.repeat(MARKS[:, None], 5, 1)], -1)
    np.testing.assert_array_equal(conditioned("concatenate"), beside)
    kernel, bias = RNG.normal(size=(4, 3)), RNG.normal(size=3)
    shifted = BOTTOM + (MARKS @ kernel + bias)[:, None]
    made = conditioned("add", labels={"kernel": kernel, "bias": bias})
    np.testing.assert_allclose(made, shifted, rtol=1e-5)


def test_an_example_is_conditioned_on_its_own_labels_alone():
    model = ConditionedWaveUNet(**SMALL)
    audio = RNG.uniform(-0.5, 0.5, (2, 16, 1)).astype(np.float32)
    variables = model.init(jax.random.key(0), audio, MARKS)
    run = jax.jit(model.apply)
    together = np.asarray(run(variables, audio, MARKS))
    np.testing.assert_allclose(run(variables, audio[::-1], MARKS[::-1])[::-1], together, atol=1e-6)
    other = np.asarray(run(variables, audio, np.stack([MARKS[0], 1 - MARKS[1]])))
    np.testing.assert_allclose(other[0], together[0], atol=1e-6)
    assert np.abs(other[1] - together[1]).max() > 1e-4
    # Without labels nothing of the bottleneck comes through.
    params = dict(variables["params"])
    params["bottleneck"] = jax.tree.map(lambda x: 2 * x + 1, params["bottleneck"])
    silent = np.zeros_like(MARKS)
    np.testing.assert_array_equal(
        run({"params": params}, audio, silent), run(variables, audio, silent)
    )


def test_audio_alone_is_refused():
    for labels in (None, np.ones((2, 3))):
        with pytest.raises(BadInput, match=r"takes labels \[B 4\] beside audio"):
            jax.eval_shape(
                ConditionedWaveUNet(**SMALL).init, jax.random.key(0), np.zeros((2, 16, 1)), labels
            )
