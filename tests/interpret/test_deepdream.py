"""Deepdreams climb what they are sent towards, within their loudness and their frequencies."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from looked_at import RATE, SAMPLES, Bank, looked_at, sinusoids

from zoo.errors import BadInput
from zoo.interpret import clips, deepdream, layers
from zoo.interpret.deepdream import Dream

HERTZ = (2000.0, 310.0, 3100.0, 900.0)


@pytest.fixture(scope="module")
def found():
    return looked_at(Bank(), bank=sinusoids(HERTZ))


def power_near(audio, hertz, width=100):
    spectrum = np.abs(np.fft.rfft(audio[:, 0])) ** 2
    place = np.fft.rfftfreq(len(audio), 1 / RATE)
    return spectrum[np.abs(place - hertz) < width].sum() / spectrum.sum()


def test_towards_a_filter_its_pass_band_is_what_is_added(found):
    network = layers.audio_network(found)
    start = deepdream.pink((2 * SAMPLES, 1), 0.01, 0)
    target = clips.find_target(found, network, "bank:3")
    dreamt = deepdream.dream(network, target, start, 0.1, Dream(steps=12))
    assert power_near(dreamt.sound, HERTZ[3]) > 0.8 > 0.3 > power_near(start, HERTZ[3])
    assert dreamt.after > 5 * dreamt.before
    assert np.sqrt(np.mean(dreamt.sound**2)) <= 0.1 + 1e-6
    assert dreamt.trace.shape == (12,) and dreamt.trace[-1] > dreamt.trace[0]


@pytest.mark.parametrize("towards", ["loud", "second"])
def test_a_tag_and_a_layer_are_climbed_from_a_recording(found, towards):
    network = layers.audio_network(found)
    start = 0.3 * np.sin(np.arange(SAMPLES) / 3)[:, None].astype(np.float32)
    loudness = float(np.sqrt(np.mean(start**2)))
    target = clips.find_target(found, network, towards)
    dreamt = deepdream.dream(network, target, start, loudness, Dream(steps=6))
    assert dreamt.after > dreamt.before
    assert np.sqrt(np.mean(dreamt.sound**2)) <= loudness * 1.0001


def test_a_step_is_the_slope_over_its_rms_less_that_of_the_first_layers_energy(found):
    network = layers.audio_network(found)
    target = clips.find_target(found, network, "soft")
    x = jax.random.normal(jax.random.key(0), (2, SAMPLES, 1)) / 10
    step = jax.jit(partial(deepdream.ascend_target, network, target))
    moved, level = step(network.variables, x, 0.5, 0.3)
    logits = network(network.variables, x)
    assert float(level) == pytest.approx(float(logits[:, 1].mean()), rel=1e-4)
    kernel = network.variables["params"]["bank"]["kernel"]

    def energy(x):
        y = jax.lax.conv_general_dilated(
            x, kernel, (1,), "VALID", None, None, ("NWC", "WIO", "NWC")
        )
        return jnp.log(jnp.mean(y**2))

    for row in range(2):
        slope = jax.grad(lambda x: network(network.variables, x)[0, 1])(x[row : row + 1])
        loud = jax.grad(energy)(x[row : row + 1])
        slope, loud = (np.asarray(s / jnp.sqrt(jnp.mean(s**2)))[0] for s in (slope, loud))
        wanted = np.asarray(x[row]) + 0.5 * (slope - 0.3 * loud)
        np.testing.assert_allclose(moved[row], wanted, atol=2e-3)


def test_only_what_was_added_loses_high_frequencies():
    time = np.arange(800) / 800
    low, high = (np.sin(2 * np.pi * k * time)[:, None] for k in (4, 200))
    start = high
    x = start + 0.5 * low + 0.5 * high + 0.2
    tame = np.asarray(deepdream.regularise_dream(jnp.asarray(start), jnp.asarray(x), 10.0, 0.4))
    kept = [1 - 0.4 * (k / 400) ** 2 for k in (4, 200)]
    np.testing.assert_allclose(tame, high + 0.5 * (kept[0] * low + kept[1] * high), atol=1e-5)
    capped = np.asarray(deepdream.regularise_dream(jnp.asarray(start), jnp.asarray(x), 0.1, 0.4))
    np.testing.assert_allclose(capped, tame * 0.1 / np.sqrt(np.mean(tame**2)), atol=1e-6)


def test_the_start_is_pink():
    noise = deepdream.pink((8192, 1), 0.02, 3)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.02, rel=1e-5)
    power = np.abs(np.fft.rfft(noise[:, 0])) ** 2
    octaves = [power[2**k : 2 ** (k + 1)].sum() for k in range(6, 12)]
    assert max(octaves) < 1.5 * min(octaves)  # as much in each
    assert (noise != deepdream.pink((8192, 1), 0.02, 4)).any()


@pytest.mark.parametrize(
    ("towards", "said"),
    [
        ("lod", "did you mean loud"),
        ("bnk:1", "did you mean bank"),
        ("bank:4", "filters 0 to 3"),
        ("nothing at all", "it has loud"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(found, towards, said):
    with pytest.raises(BadInput, match=said):
        clips.find_target(found, layers.audio_network(found), towards)
