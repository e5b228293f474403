"""Spectral normalisation, held to torch's."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.spectral_norm import COLLECTION, SpectralNorm

KEY = jax.random.key(0, impl="unsafe_rbg")
X = np.random.default_rng(0).standard_normal((3, 20, 8), np.float32)


def torch_layer(kernel, bias, groups, vectors):
    """A Conv1d under torch's spectral norm whose vectors are those given."""
    torch = pytest.importorskip("torch")

    layer = torch.nn.Conv1d(8, 6, 5, groups=groups)
    layer.weight.data = torch.tensor(np.ascontiguousarray(np.transpose(kernel, (2, 1, 0))))
    layer.bias.data = torch.tensor(np.array(bias))
    layer = torch.nn.utils.spectral_norm(layer)
    # Ours are over [k C], theirs over [C k].
    u, v = (np.array(vectors[name]) for name in "uv")
    v = v.reshape(5, -1).T.ravel()
    inner = dict(layer.named_buffers())
    for name, value in inner.items():
        value.copy_(torch.tensor(u if name.endswith("_u") else v))
    return layer


@pytest.mark.parametrize("groups, scale", [(1, 1.0), (2, 30.0), (1, 1e-7)])
def test_three_steps_equal_torch_s_in_outputs_vectors_and_gradients(groups, scale):
    torch = pytest.importorskip("torch")
    ours = SpectralNorm(Conv(6, 5, groups=groups, padding="valid"))
    random = np.random.default_rng(1)
    kernel = (scale * random.standard_normal((5, 8 // groups, 6))).astype(np.float32)
    params = {"layer": {"kernel": kernel, "bias": random.standard_normal(6, np.float32)}}
    stats = {"u": random.standard_normal(6, np.float32)}
    stats["v"] = random.standard_normal(kernel.size // 6).astype(np.float32)
    stats = {name: vector / np.linalg.norm(vector) for name, vector in stats.items()}
    with torch.no_grad():
        theirs = torch_layer(kernel, params["layer"]["bias"], groups, stats)

    @jax.jit
    def step(params, stats):
        def loss(params):
            variables = {"params": params, COLLECTION: stats}
            y, new = ours.apply(variables, X, update=True, mutable=[COLLECTION])
            return jnp.sum(jnp.sin(y)), (y, new[COLLECTION])

        return jax.value_and_grad(loss, has_aux=True)(params)

    for _ in range(3):
        (_, (y, stats)), grads = step(params, stats)
        wanted = theirs(torch.tensor(X).mT)
        np.testing.assert_allclose(y, wanted.detach().mT, atol=1e-5)
    theirs.zero_grad()
    wanted.sin().sum().backward()
    named = dict(theirs.named_parameters())
    (weight,) = (value for name, value in named.items() if "bias" not in name)
    gradient = np.transpose(weight.grad, (2, 1, 0)) * scale
    np.testing.assert_allclose(grads["layer"]["kernel"] * scale, gradient, atol=3e-5)
    np.testing.assert_allclose(grads["layer"]["bias"], named["bias"].grad, atol=1e-4)
    (u,) = (value for name, value in theirs.named_buffers() if name.endswith("_u"))
    np.testing.assert_allclose(stats["u"], u, atol=1e-5)
    theirs.eval()  # takes no power step
    still = ours.apply({"params": params, COLLECTION: stats}, X)
    np.testing.assert_allclose(still, theirs(torch.tensor(X).mT).detach().mT, atol=1e-5)


def test_products_are_whole_on_every_device_and_state_is_float32_under_bfloat16():
    layer = SpectralNorm(nn.Dense(6, dtype=jnp.bfloat16))
    variables = layer.init(KEY, X)
    assert {str(x.dtype) for x in jax.tree.leaves(variables)} == {"float32"}

    def run(variables):
        return layer.apply(variables, X, update=True, mutable=[COLLECTION])

    y, new = jax.eval_shape(run, variables)
    assert y.dtype == jnp.bfloat16 and {str(x.dtype) for x in jax.tree.leaves(new)} == {"float32"}
    found = [e for e in jax.make_jaxpr(run)(variables).eqns if e.primitive.name == "dot_general"]
    vectors = [e for e in found if any(v.aval.dtype == jnp.float32 for v in e.invars)]
    assert len(vectors) == 4 < len(found)
    assert all(set(e.params["precision"]) == {jax.lax.Precision.HIGHEST} for e in vectors)


def test_it_begins_near_one_and_a_kernel_of_zeros_stays():
    layer = SpectralNorm(nn.Dense(6))
    variables = layer.init(KEY, X)
    kernel = np.asarray(variables["params"]["layer"]["kernel"])
    y = layer.apply(variables, np.eye(8, dtype=np.float32))
    np.testing.assert_allclose(y, kernel / np.linalg.svd(kernel)[1][0], rtol=0.02)
    zero = {**variables, "params": jax.tree.map(jnp.zeros_like, variables["params"])}

    def total(params):
        variables = {**zero, "params": params}
        return layer.apply(variables, X, update=True, mutable=[COLLECTION])[0].sum()

    value, gradient = jax.value_and_grad(total)(zero["params"])
    assert value == 0 and all(np.isfinite(g).all() for g in jax.tree.leaves(gradient))


def test_a_layer_without_a_kernel_is_refused():
    with pytest.raises(BadInput, match="needs a kernel; the layer has bias, scale"):
        SpectralNorm(nn.LayerNorm()).init(KEY, X)
