import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers import pool
from zoo.layers.conv import Conv
from zoo.layers.norm import BatchNorm

pytestmark = pytest.mark.optimised


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


def test_pool_over_patches_equals_flax():
    x = jax.random.normal(jax.random.key(0), (2, 9, 13, 3))
    first = with_gradient(lambda x: pool.max_pool_2d(x, (2, 4)), x)
    second = with_gradient(lambda x: nn.max_pool(x, (2, 4), (2, 4)), x)
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


def over_windows(*window):
    """Flax's max-pool, whose gradient XLA has an operation of its own for."""
    return lambda x: nn.max_pool(x, window, window)


POOLS = {
    "over time": (lambda x: pool.max_pool(x, 3), over_windows(3)),
    "over patches": (lambda x: pool.max_pool_2d(at_once(x), (3, 4)), lambda x: patches(x)),
    "of all": (lambda x: pool.largest(x, 1), lambda x: all_of(x)),
    "beside the mean": (lambda x: pool.largest(x, 1) + x.mean(1), lambda x: all_of(x) + x.mean(1)),
}


def at_once(x):
    """[B T C], its time and half its channels seen as a picture [B T H C]."""
    return x.reshape(*x.shape[:2], 8, -1)


def patches(x):
    return over_windows(3, 4)(at_once(x))


def all_of(x):
    return over_windows(48)(x)[:, 0]


class Net(nn.Module):
    """Convolution, ELU and batch norm, twice: the compiler may compute them again behind a pool."""

    @nn.compact
    def __call__(self, x):
        for i in range(2):
            x = nn.elu(Conv(32, 3, name=f"conv_{i}")(x))
            x = BatchNorm(epsilon=1e-3, name=f"norm_{i}")(x, train=True)
        return x


@pytest.mark.parametrize("count", [1, 2, 5, 7, 48])
def test_the_largest_of_an_axis_has_all_of_its_gradient(count):
    x = jax.random.normal(jax.random.key(0), (2, count, 3)).at[:, count // 2].set(9.0)
    for axis, y in ((1, x), (-1, x.swapaxes(1, 2)), (-2, x)):
        found, dx = with_gradient(lambda y, axis=axis: pool.largest(y, axis), y)
        plain, wanted = with_gradient(lambda y, axis=axis: y.max(axis), y)
        np.testing.assert_array_equal(found, plain)
        np.testing.assert_allclose(dx, wanted, atol=1e-6)
    zeros, nan = jnp.zeros((1, count, 1)), jnp.full((1, count, 1), jnp.nan)
    assert jnp.sum(jax.grad(lambda x: pool.largest(x, 1).sum())(zeros)) == 1  # not shared
    assert np.isnan(pool.largest(zeros.at[:, -1].set(nan[:, -1]), 1)).all()


@pytest.mark.parametrize("kind", POOLS)
def test_a_compiled_net_keeps_the_gradient_of_its_pool(kind):
    """With jnp.max, 'over patches' lost more than it kept: see `_larger`."""
    ours, plain = POOLS[kind]
    x = jax.random.normal(jax.random.key(1), (4, 48, 4))
    params = jax.jit(Net().init)(jax.random.key(0), x)["params"]

    def loss(params, larger):
        y, _ = Net().apply({"params": params}, x, mutable=["batch_stats"])
        return jnp.mean(jnp.sin(larger(y)))

    found, wanted = (jax.jit(jax.grad(loss), static_argnums=1)(params, f) for f in (ours, plain))
    for path, leaf in jax.tree_util.tree_leaves_with_path(wanted):
        own = found
        for part in path:
            own = own[part.key]
        np.testing.assert_allclose(own, leaf, atol=1e-6 + 1e-4 * np.abs(leaf).max(), err_msg=path)
