import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers.conv import Conv, TransposedConv
from zoo.layers.norm import BatchNorm

pytestmark = pytest.mark.optimised


def step(layer, variables, x, **how):
    def loss(params, x):
        y, new = layer.apply({**variables, "params": params}, x, mutable=["batch_stats"], **how)
        return jnp.sum(y**2 * jnp.sin(jnp.arange(y.size)).reshape(y.shape)), (y, new)

    step = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
    (_, (y, new)), grads = step(variables["params"], x)
    return y, new["batch_stats"], grads


@pytest.mark.parametrize("shape", [(4, 700, 6), (3, 20, 25, 6), (2, 2500, 6), (32, 6)])
def test_batch_norm_equals_flax_in_output_statistics_and_gradients(shape):
    x = jax.random.normal(jax.random.key(0), shape) * 2 + 1
    ours, plain = BatchNorm(0.8, 1e-3), nn.BatchNorm(momentum=0.8, epsilon=1e-3)
    variables = ours.init(jax.random.key(1), x)
    variables["params"] = jax.tree.map(
        lambda p: p + jax.random.normal(jax.random.key(2), p.shape) / 3, variables["params"]
    )
    first = step(ours, variables, x, train=True)
    second = step(plain, variables, x, use_running_average=False)
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3, rtol=1e-3)
    moved = {**variables, "batch_stats": first[1]}
    np.testing.assert_allclose(
        ours.apply(moved, x), plain.apply(moved, x, use_running_average=True), atol=1e-5
    )


def test_batch_norm_equals_torch_in_training():
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((3, 40, 5), np.float32)
    y, _ = BatchNorm().init_with_output(jax.random.key(0), x, train=True)
    np.testing.assert_allclose(
        y, torch.nn.BatchNorm1d(5)(torch.tensor(x).mT).mT.detach(), atol=1e-5
    )


def test_statistics_of_a_loud_constant_offset_keep_their_digits():
    x = jax.random.normal(jax.random.key(0), (8, 30_000, 2)) + 30
    variables = BatchNorm(0.0).init(jax.random.key(0), x[:1, :3])
    _, new = BatchNorm(0.0).apply(variables, x, train=True, mutable=["batch_stats"])
    wanted = np.asarray(x, np.float64)
    np.testing.assert_allclose(new["batch_stats"]["mean"], wanted.mean((0, 1)), rtol=1e-6)
    np.testing.assert_allclose(new["batch_stats"]["var"], wanted.var((0, 1)), rtol=2e-3)


@pytest.mark.parametrize("kind", ["plain", "transposed"])
def test_weight_norm_around_our_layers_equals_torch(kind):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 12, 3), np.float32)
    if kind == "plain":
        layer, theirs = Conv(4, 5, padding=2, weight_norm=True), torch.nn.Conv1d(3, 4, 5, padding=2)
        order = (2, 1, 0)
    else:
        layer = TransposedConv(4, 6, 3, 1, weight_norm=True)
        theirs, order = torch.nn.ConvTranspose1d(3, 4, 6, 3, 1), (2, 0, 1)
    plain = layer.clone(weight_norm=False)
    variables = layer.init(jax.random.key(0), x)
    first = {name: variables["params"][name] for name in ("kernel", "bias")}
    start = layer.apply(variables, x)
    np.testing.assert_allclose(start, plain.apply({"params": first}, x), atol=1e-5)

    theirs = torch.nn.utils.parametrizations.weight_norm(theirs)
    scale = theirs.parametrizations.weight.original0
    direction = theirs.parametrizations.weight.original1
    with torch.no_grad():
        scale *= 1.7
    params = {
        "kernel": direction.detach().numpy().transpose(order),
        "bias": theirs.bias.detach().numpy(),
        "scale": scale.detach().numpy().ravel(),
    }
    wanted = theirs(torch.tensor(x).mT).mT.detach()
    np.testing.assert_allclose(layer.apply({"params": params}, x), wanted, atol=1e-5)
