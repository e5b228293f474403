import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers import upsample

pytestmark = pytest.mark.optimised

X = jax.random.normal(jax.random.key(0), (2, 7, 3))


def test_linear_equals_interpolation_between_samples():
    for function, length in ((upsample.linear_aligned, 13), (upsample.linear_legacy, 14)):
        y = function(X)
        assert y.shape == (2, length, 3)
        wanted = np.interp(np.arange(length) / 2, np.arange(7), X[1, :, 2])
        np.testing.assert_allclose(y[1, :, 2], wanted, atol=1e-6)


def test_linear_aligned_and_repeat_equal_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(np.asarray(X)).mT
    scale = torch.nn.functional.interpolate
    wanted = scale(x, size=13, mode="linear", align_corners=True).mT
    np.testing.assert_allclose(upsample.linear_aligned(X), wanted, atol=1e-6)
    np.testing.assert_allclose(upsample.repeat_samples(X, 3), scale(x, scale_factor=3).mT)


def test_repeat_repeats():
    np.testing.assert_array_equal(upsample.repeat_samples(X, 3), np.repeat(X, 3, 1))


def test_learned_weights_at_zero_are_linear_and_elsewhere_lean_to_one_side():
    for aligned, linear in ((True, upsample.linear_aligned), (False, upsample.linear_legacy)):
        layer = upsample.LearnedInterpolation(aligned)
        variables = layer.init(jax.random.key(0), X)
        np.testing.assert_allclose(layer.apply(variables, X), linear(X), atol=1e-6)
        left = layer.apply({"params": {"theta": jnp.full(3, 50.0)}}, X)
        np.testing.assert_allclose(left[:, :14], np.repeat(X, 2, 1)[:, : left.shape[1]], atol=1e-6)
