"""SincNet's published filters, lengths and counts, and the cut-offs' own learning rate."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo.errors import BadInput
from zoo.models.classification.sincnet import SincConv, SincNet, TimeNorm, cut_offs, mel_spaced
from zoo.signal.filters import sinc_bandpass
from zoo.training.optimizers import scale_learning_rate

KEY = jax.random.key(0, impl="unsafe_rbg")


def size(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def test_parameters_and_lengths_are_the_papers():
    model = SincNet()
    x = jax.ShapeDtypeStruct((2, 3_200, 1), jnp.float32)
    everything = ["params", "batch_stats", "intermediates"]
    output, variables = jax.eval_shape(
        lambda k, x: model.init_with_output(k, x, mutable=everything), KEY, x
    )
    params, seen = variables["params"], variables["intermediates"]
    assert output.shape == (2, 462)
    assert [seen[f"level_{i}"][0].shape[1] for i in (1, 2, 3)] == [983, 326, 107]
    assert size(params["sinc"]) == 160 and size(params["norm_flat"]["scale"]) == 6_420
    stack = {k: v for k, v in params.items() if k.startswith(("sinc", "conv", "norm_"))}
    stack = {k: v for k, v in stack.items() if k != "norm_flat" and "dense" not in k}
    assert size(stack) == 257_920
    assert size(params["top"]) == 946_638 and size(params) == 22_772_598


def published(low, high, taps, rate):
    """2 f2 sinc(2 pi f2 n) - 2 f1 sinc(2 pi f1 n) under a Hamming window, middle tap one."""
    n = np.arange(taps) - taps // 2
    f1, f2 = low[:, None] / rate, high[:, None] / rate
    kernel = 2 * f2 * np.sinc(2 * f2 * n) - 2 * f1 * np.sinc(2 * f1 * n)
    return (kernel * np.hamming(taps) / (2 * (f2 - f1))).T


def test_filters_equal_the_published_formula():
    layer = SincConv(20, 101, 16_000)
    impulse = jnp.zeros((1, 201, 1)).at[0, 100].set(1.0)
    filters, variables = jax.jit(lambda: layer.init_with_output(KEY, impulse))()
    filters = np.asarray(filters[0])
    low, band = variables["params"]["low"], variables["params"]["band"]
    edges = mel_spaced(20, 16_000).astype(float)
    wanted = published(50 + edges[:-1], np.minimum(100 + edges[1:], 8000), 101, 16_000)
    np.testing.assert_allclose(filters, wanted, atol=2e-5)
    np.testing.assert_allclose(filters, filters[::-1], atol=1e-6)
    np.testing.assert_allclose([edges[0], edges[-1]], [30, 7_900], rtol=1e-5)
    width = np.diff(2595 * np.log10(1 + edges / 700))
    np.testing.assert_allclose(width, width[0], rtol=1e-3)
    lower, upper = (np.asarray(x) for x in cut_offs(-low, -band, 16_000))
    np.testing.assert_allclose(lower, 50 + edges[:-1], rtol=1e-5)
    assert np.all(upper > lower) and upper.max() == 8_000
    response = np.abs(np.fft.rfft(filters[:, 12], 4096))
    peak = response.argmax() * 16_000 / 4096
    assert lower[12] < peak < upper[12]


def test_a_cut_off_that_runs_away_stays_a_band_below_nyquist():
    low, band = jnp.array([7_900.0, 7_960.0, 9_000.0, -1e6]), jnp.array([10.0, 0.0, 500.0, 1e6])
    lower, upper = cut_offs(low, band, 16_000)
    assert np.all(np.asarray(upper - lower) >= 50) and np.asarray(upper).max() <= 8_000
    assert np.abs(sinc_bandpass(lower, upper, 251, 16_000)).max() <= 1.001


def test_norm_is_over_time_with_the_unbiased_deviation():
    x = np.random.default_rng(0).normal(3, 2, (2, 50, 4)).astype(np.float32)
    y, _ = TimeNorm().init_with_output(KEY, x)
    wanted = (x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True, ddof=1) + 1e-6)
    np.testing.assert_allclose(y, wanted, atol=1e-5)
    silence = jax.grad(lambda x: TimeNorm().init_with_output(KEY, x)[0].sum())(jnp.zeros((1, 9, 1)))
    assert np.all(np.isfinite(silence))


def test_cut_offs_learn_at_their_own_rate():
    params = {"sinc": {"low": jnp.zeros(3), "band": jnp.ones(3)}, "top": {"kernel": jnp.ones(2)}}
    gradient = jax.tree.map(lambda x: 0.3 * jnp.ones_like(x), params)
    moved = {}
    for factor in (1.0, 500.0):
        optimizer = scale_learning_rate(optax.rmsprop(1e-3, decay=0.95), "sinc/", factor)
        moved[factor], _ = optimizer.update(gradient, optimizer.init(params), params)
    plain, fast = moved[1.0], moved[500.0]
    np.testing.assert_allclose(fast["sinc"]["low"], 500 * plain["sinc"]["low"], rtol=1e-5)
    np.testing.assert_allclose(fast["sinc"]["band"], 500 * plain["sinc"]["band"], rtol=1e-5)
    np.testing.assert_array_equal(fast["top"]["kernel"], plain["top"]["kernel"])
    assert np.all(plain["top"]["kernel"] < 0)


def test_a_tiny_one_learns_its_bands_and_refuses_other_lengths():
    model = SincNet(3, 300, 16_000, 6, 31, (4,), hidden=(8,))
    x = jax.random.normal(KEY, (4, 300, 1))
    variables = jax.jit(model.init)(KEY, x)

    @jax.jit
    def gradient(params):
        def loss(params):
            everything = {**variables, "params": params}
            y, _ = model.apply(everything, x, train=True, mutable=["batch_stats"])
            return jnp.sum(y * jnp.cos(jnp.arange(12.0).reshape(4, 3)))

        return jax.grad(loss)(params)

    found = gradient(variables["params"])["sinc"]
    assert np.all(np.abs(found["low"]) > 0) and np.any(found["band"])
    with pytest.raises(BadInput, match=r"takes \[B 300 1\]"):
        model.apply(variables, x[:, 1:])
