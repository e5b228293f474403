"""Products with a kernel: values and gradients of any order are those of matmul."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers.product import project

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("shape", [(7,), (2, 5, 7), (1, 7)])
def test_gradients_of_both_orders_are_those_of_matmul(shape):
    x = jnp.asarray(RNG.normal(size=shape), jnp.float32)
    kernel = jnp.asarray(RNG.normal(size=(7, 3)), jnp.float32)

    def first(product, x, kernel):
        return jnp.sin(product(x, kernel)).sum()

    def second(product, x, kernel):
        slopes = jax.grad(first, (1, 2))(product, x, kernel)
        return sum(jnp.square(slope).sum() for slope in slopes)

    for loss in (first, second):
        found, wanted = (
            jax.value_and_grad(loss, (1, 2))(product, x, kernel)
            for product in (project, jnp.matmul)
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5), found, wanted
        )


def test_gradients_have_the_types_of_what_they_are_of():
    x, kernel = jnp.ones((4, 3), jnp.bfloat16), jnp.ones((3, 2), jnp.bfloat16)
    slopes = jax.grad(lambda *of: project(*of).sum().astype(jnp.float32), (0, 1))(x, kernel)
    assert [slope.dtype for slope in slopes] == [jnp.bfloat16] * 2
