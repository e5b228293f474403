"""Activation maximisation finds the frequency that a filter with a known pass-band lets through."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from looked_at import RATE, Bank, looked_at, sinusoids

from zoo.interpret import activation, layers
from zoo.interpret.activation import Ascent

HERTZ = (2000.0, 310.0, 3100.0, 900.0)


def test_sounds_converge_to_the_pass_band_of_their_filter():
    network = layers.audio_network(looked_at(Bank(), bank=sinusoids(HERTZ)))
    excited = activation.maximise(network, layers.choose(network, "bank")[0], 10)
    assert excited.waves.shape == (729, 4) and excited.silent == 0
    assert excited.order.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(excited.peak, sorted(HERTZ), atol=2 * RATE / 729)
    assert (excited.after > 50 * excited.before).all()
    top = excited.image.argmax(0) / (len(excited.image) - 1) * RATE / 2
    np.testing.assert_allclose(top, excited.peak, atol=RATE / 729)


def test_each_row_is_the_ascent_of_its_own_filter():
    """A batch of filters gives what one filter alone gives, step by step by hand."""
    network = layers.audio_network(looked_at(Bank(), bank=sinusoids(HERTZ)))
    layer = layers.choose(network, "second")[0]
    x = jax.random.uniform(jax.random.key(1), (2, 600, 1), minval=-0.01, maxval=0.01)

    @jax.jit
    def alone(x, number):
        slope = jax.grad(
            lambda x: layers.activity(network, layer, network.variables, x)[0, number]
        )(x)
        shares = np.sqrt(700 / (700 + np.fft.rfftfreq(600, 1 / network.rate)))[None, :, None]
        slope = jnp.fft.irfft(jnp.fft.rfft(slope, axis=1) * shares, axis=1)
        return x + 0.5 * slope / (jnp.sqrt(jnp.mean(slope**2)) + 1e-9)

    step = jax.jit(partial(activation.ascend_filters, network, layer))
    every = step(network.variables, jnp.array([3, 5]), x, 0.5, 700.0)
    for row, number in enumerate((3, 5)):
        wanted = alone(x[row : row + 1], number)
        np.testing.assert_allclose(every[row : row + 1], wanted, atol=1e-5)


def test_what_is_climbed_is_the_normalised_answer_above_its_own_mean():
    found = looked_at(Bank(), bank=sinusoids(HERTZ))
    moved = {"mean": jnp.full(4, 0.5), "var": jnp.full(4, 4.0)}
    found.variables.collections["model"]["batch_stats"]["norm"] = moved
    network = layers.audio_network(found)
    x = np.random.default_rng(0).normal(size=400).astype(np.float32)
    own = sinusoids(HERTZ)[::-1, 0]
    plain = np.stack([np.convolve(x, own[:, i], "valid") for i in range(4)], 1)
    plain = (plain - 0.5) / np.sqrt(4 + 1e-5)
    wanted = np.maximum(plain - plain.mean(0), 0).mean(0)
    layer = layers.choose(network, "bank")[0]
    got = jax.jit(partial(layers.activity, network, layer))(network.variables, x[None, :, None])
    np.testing.assert_allclose(got[0], wanted, rtol=1e-4, atol=1e-5)


def test_filters_that_nothing_wakes_are_left_out_and_counted():
    kernel = sinusoids(HERTZ)
    kernel[:, :, 2] = 0
    network = layers.audio_network(looked_at(Bank(), bank=kernel))
    excited = activation.maximise(network, layers.choose(network, "bank")[0], 4, Ascent(steps=2))
    assert excited.silent == 1 and excited.filters.tolist() == [0, 1, 3]


def test_a_layer_that_spans_more_gets_a_longer_sound():
    network = layers.audio_network(looked_at(Bank()))
    layer = layers.choose(network, "second")[0]
    assert activation.shortest_input(network, layer, 50) == 150
    assert activation.shortest_input(network, layer, 40) == 360  # 120 samples do not fill 128 taps
    assert activation.shortest_input(network, layer, 1500) == 1000


def test_sounds_are_tamed_smooth_and_no_louder_than_asked():
    time = np.arange(800) / 800
    parts = [np.sin(2 * np.pi * k * time) for k in (40, 400)]  # a tenth of Nyquist,
    x = np.stack([3 * parts[0] + 1, np.cos(2 * np.pi * 400 * time) / 100])[:, :, None]
    tame = np.asarray(activation.regularise_sounds(jnp.asarray(x, jnp.float32), 0.5, 0.2))[:, :, 0]
    np.testing.assert_allclose(np.sqrt((tame**2).mean(1)), [0.5, 0.008], rtol=1e-4)
    np.testing.assert_allclose(tame.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(tame[0], parts[0] * np.sqrt(2) / 2, atol=1e-4)


def test_maximised_sounds_stay_within_the_loudness_and_find_what_is_low():
    """Of two pass-bands that answer alike, the penalty chooses the lower one."""
    kernel = sinusoids((500.0, 500.0, 500.0, 500.0)) + sinusoids((3500.0,) * 4)
    network = layers.audio_network(looked_at(Bank(), bank=kernel))
    layer = layers.choose(network, "bank")[0]
    excited = activation.maximise(network, layer, 4, Ascent(loudness=0.05))
    assert (np.sqrt((excited.waves**2).mean(0)) <= 0.0501).all()
    low = np.abs(np.fft.rfft(excited.waves, axis=0)) ** 2
    hertz = np.fft.rfftfreq(len(excited.waves), 1 / RATE)
    near = [low[np.abs(hertz - f) < 200].sum() for f in (500, 3500)]
    assert near[0] > 2 * near[1]
    np.testing.assert_allclose(excited.peak, 500, atol=2 * RATE / 729)
