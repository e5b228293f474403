import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers.recurrent import GRU, LSTM, gru_scan, lstm_scan

pytestmark = pytest.mark.optimised

X = jax.random.normal(jax.random.key(0), (2, 9, 3))


def plain_lstm(projected, kernel, carry):
    def step(carry, x):
        h, c = carry
        i, f, g, o = jnp.split(x + h @ kernel, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return jax.lax.scan(step, carry, projected)[::-1]


def plain_gru(projected, kernel, bias, h):
    def step(h, x):
        xr, xz, xn = jnp.split(x, 3, -1)
        hr, hz, hn = jnp.split(h @ kernel + bias, 3, -1)
        z = jax.nn.sigmoid(xz + hz)
        h = (1 - z) * jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn) + z * h
        return h, h

    return jax.lax.scan(step, h, projected)[::-1]


def random(*shapes):
    keys = jax.random.split(jax.random.key(7), len(shapes))
    return [jax.random.normal(key, shape) / 2 for key, shape in zip(keys, shapes)]


def compare(ours, plain, *arguments):
    def loss(function):
        def total(*arguments):
            leaves = jax.tree.leaves(function(*arguments))
            return sum(jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)) for y in leaves)

        return total

    every = tuple(range(len(arguments)))
    first = jax.jit(jax.value_and_grad(loss(ours), every))(*arguments)
    second = jax.jit(jax.value_and_grad(loss(plain), every))(*arguments)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-5)


def test_lstm_scan_equals_the_plain_scan_in_all_gradients():
    projected, kernel, h, c = random((6, 2, 20), (5, 20), (2, 5), (2, 5))
    compare(lstm_scan, plain_lstm, projected, kernel, (h, c))


def test_gru_scan_equals_the_plain_scan_in_all_gradients():
    compare(gru_scan, plain_gru, *random((6, 2, 15), (5, 15), (15,), (2, 5)))


def test_the_weight_gradient_stands_outside_the_loop():
    projected, kernel, h, c = random((6, 2, 20), (5, 20), (2, 5), (2, 5))
    step = jax.grad(lambda k: lstm_scan(projected, k, (h, c))[0].sum())
    scans = [e for e in jax.make_jaxpr(step)(kernel).eqns if e.primitive.name == "scan"]
    backward = scans[-1].params
    carried = backward["jaxpr"].out_avals[: backward["num_carry"]]
    assert len(scans) == 2 and all(aval.shape != (5, 20) for aval in carried)


def test_lstm_equals_flax():
    ours = LSTM(5, recurrent_bias=False)
    variables = jax.jit(ours.init)(jax.random.key(1), X)
    p = dict(variables["params"], bias=jax.random.normal(jax.random.key(2), (20,)))
    cell = {}
    parts = zip("ifgo", *(jnp.split(p[n], 4, -1) for n in ("kernel", "recurrent_kernel", "bias")))
    for gate, w, u, b in parts:
        cell |= {f"i{gate}": {"kernel": w}, f"h{gate}": {"kernel": u, "bias": b}}
    plain = nn.RNN(nn.LSTMCell(5), return_carry=True)
    carry, wanted = jax.jit(plain.apply)({"params": {"cell": cell}}, X)
    y, (h, c) = jax.jit(ours.apply)({"params": p}, X)
    np.testing.assert_allclose(y, wanted, atol=1e-6)
    np.testing.assert_allclose((h, c), carry[::-1], atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("both", [False, True])
def test_layers_equal_torch_with_its_weights(kind, both):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, kind)(3, 5, batch_first=True, bidirectional=both)
    layer = {"LSTM": LSTM, "GRU": GRU}[kind](5, both)
    params = {}
    for suffix in ["", "_reverse"][: 1 + both]:
        own = {n: getattr(theirs, n + "_l0" + suffix) for n in ("weight_ih", "weight_hh")}
        params["kernel" + suffix] = own["weight_ih"].detach().numpy().T
        params["recurrent_kernel" + suffix] = own["weight_hh"].detach().numpy().T
        params["bias" + suffix] = getattr(theirs, "bias_ih_l0" + suffix).detach().numpy()
        params["recurrent_bias" + suffix] = getattr(theirs, "bias_hh_l0" + suffix).detach().numpy()
    shapes = jax.eval_shape(layer.init, jax.random.key(0), X)["params"]
    assert jax.tree.map(jnp.shape, shapes) == jax.tree.map(jnp.shape, params)
    y, carry = jax.jit(layer.apply)({"params": params}, X)
    wanted, last = theirs(torch.tensor(np.asarray(X)))
    np.testing.assert_allclose(y, wanted.detach(), atol=1e-6)
    last = last if kind == "LSTM" else (last,)
    ours = [carry] if not both else list(carry)
    for direction, state in enumerate(ours):
        for a, b in zip(jax.tree.leaves(state), last, strict=True):
            np.testing.assert_allclose(a, b[direction].detach(), atol=1e-6)


@pytest.mark.parametrize("layer", [LSTM(5), GRU(5)], ids=["LSTM", "GRU"])
def test_steps_with_a_carry_equal_one_pass(layer):
    variables = jax.jit(layer.init)(jax.random.key(1), X)
    run = jax.jit(layer.apply)
    whole, last = run(variables, X)
    carry, parts = None, []
    for t in range(X.shape[1]):
        y, carry = run(variables, X[:, t : t + 1], carry)
        parts.append(y)
    np.testing.assert_allclose(jnp.concatenate(parts, 1), whole, atol=1e-6)
    for a, b in zip(jax.tree.leaves(carry), jax.tree.leaves(last)):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_without_the_second_bias_and_in_bfloat16():
    layer = GRU(5, bidirectional=True, recurrent_bias=False, dtype=jnp.bfloat16)
    (y, _), variables = jax.jit(layer.init_with_output)(jax.random.key(0), X)
    assert y.dtype == jnp.bfloat16 and y.shape == (2, 9, 10)
    names = {"kernel", "recurrent_kernel", "bias"}
    assert set(variables["params"]) == names | {n + "_reverse" for n in names}
    with pytest.raises(BadInput, match="give one step as T = 1"):
        layer.init(jax.random.key(0), X[:, 0])


def test_small_steps_add_up_in_bfloat16():
    """A state near 1 and a thousand steps of 1/1000, which eight bits cannot hold."""
    gates = jnp.repeat(jnp.array([-6.9, 40.0, 10.0, 0.0]), 5)  # input, forget, cell, output
    projected = jnp.tile(gates.astype(jnp.bfloat16), (1000, 2, 1))
    kernel, one = jnp.zeros((5, 20), jnp.bfloat16), jnp.ones((2, 5))
    _, (_, c) = jax.jit(lstm_scan)(projected, kernel, (one, one))
    np.testing.assert_allclose(c, 2.0, atol=0.02)
    gates = jnp.repeat(jnp.array([0.0, 6.9, 10.0]), 5)  # reset, update, new
    projected = jnp.tile(gates.astype(jnp.bfloat16), (1000, 2, 1))
    _, h = jax.jit(gru_scan)(projected, kernel[:, :15], kernel[0, :15], 0 * one)
    np.testing.assert_allclose(h, 1 - np.exp(-1), atol=0.02)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_bfloat16_gradients_are_float32_and_close(kind):
    variables = jax.jit(kind(5, True).init)(jax.random.key(1), X)

    def loss(variables, dtype):
        y, carry = kind(5, True, dtype=dtype).apply(variables, X)
        states = jax.tree.leaves(carry)
        assert y.dtype == dtype and {leaf.dtype.name for leaf in states} == {"float32"}
        return sum(jnp.sum(jnp.sin(3 * leaf)) for leaf in (y, *states))

    gradient = jax.jit(jax.grad(loss), static_argnums=1)
    results = gradient(variables, jnp.float32), gradient(variables, jnp.bfloat16)
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        assert b.dtype == jnp.float32
        np.testing.assert_allclose(b, a, atol=0.03 * np.abs(a).max())
