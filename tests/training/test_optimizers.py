import jax
import jax.numpy as jnp
import numpy as np

from zoo.training.optimizers import kernel_penalty


def test_kernel_penalty_is_the_gradient_of_squared_kernels_alone():
    params = {"conv": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array([3.0])}}
    penalty = kernel_penalty(0.1)
    zeros = jax.tree.map(jnp.zeros_like, params)
    found, _ = penalty.update(zeros, penalty.init(params), params)
    wanted = jax.grad(lambda p: 0.1 / 2 * jnp.sum(p["conv"]["kernel"] ** 2))(params)
    jax.tree.map(np.testing.assert_allclose, found, wanted)
