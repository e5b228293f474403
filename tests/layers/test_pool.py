import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers import pool


def with_gradient(function, x):
    def loss(x):
        y = function(x)
        return jnp.sum(y * jnp.sin(jnp.arange(y.size)).reshape(y.shape)), y

    (_, y), dx = jax.value_and_grad(loss, has_aux=True)(x)
    return np.asarray(y), np.asarray(dx)


@pytest.mark.parametrize(
    "window, stride, padding", [(3, None, (0, 0)), (2, 3, (0, 0)), (5, 2, (2, 2)), (4, 1, (1, 2))]
)
@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pool_over_time_equals_flax(kind, window, stride, padding):
    x = jax.random.normal(jax.random.key(0), (2, 23, 5))
    ours = getattr(pool, f"{kind}_pool")
    plain = getattr(nn, f"{kind}_pool")
    first = with_gradient(lambda x: ours(x, window, stride, padding), x)
    second = with_gradient(lambda x: plain(x, (window,), (stride or window,), [padding]), x)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("kind", ["max", "avg"])
def test_pool_over_patches_equals_flax(kind):
    x = jax.random.normal(jax.random.key(0), (2, 9, 13, 3))
    ours, plain = getattr(pool, f"{kind}_pool_2d"), getattr(nn, f"{kind}_pool")
    first = with_gradient(lambda x: ours(x, (2, 4)), x)
    second = with_gradient(lambda x: plain(x, (2, 4), (2, 4)), x)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_gradient_scatters_nothing():
    step = jax.grad(lambda x: pool.max_pool(x, 3).sum())
    text = jax.jit(step).lower(jnp.zeros((2, 30, 8))).compile().as_text()
    assert "select-and-scatter" not in text and " scatter(" not in text


def test_pool_over_time_shows_nan_and_prefers_the_first():
    x = jnp.array([1.0, jnp.nan, 2, jnp.nan, 1, 2, 3, 3, 0]).reshape(1, 9, 1)
    y, dx = with_gradient(lambda x: pool.max_pool(x, 3), x)
    np.testing.assert_array_equal(y[0, :, 0], [np.nan, np.nan, 3])
    assert dx[0, 6, 0] != 0 and dx[0, 7, 0] == 0


def test_a_window_longer_than_the_input_is_refused():
    with pytest.raises(BadInput, match="shorter than the pool of 3"):
        pool.max_pool(jnp.zeros((1, 2, 1)), 3)
    with pytest.raises(BadInput, match="smaller than the pool"):
        pool.max_pool_2d(jnp.zeros((1, 2, 8, 1)), (4, 2))
