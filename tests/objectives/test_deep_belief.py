"""Convolutional RBMs against sums written out in NumPy, and a deep belief net that learns."""

from itertools import product

import flax.linen as nn
import jax
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.layers.crbm import CRBM, FadedSpectrogram
from zoo.objectives import deep_belief
from zoo.objectives.deep_belief import DeepBelief, whitening_of
from zoo.objectives.shallow import LinearSVM
from zoo.runs import networks

RNG = np.random.default_rng(0)
GAUSSIAN = CRBM(2, 3, 2, deviation=0.7, l2=0.1, target=0.2, sparsity=0.5)
BINARY = CRBM(2, 3, 2, deviation=None, l2=0.1, target=0.2, sparsity=0.5)


def drawn(layer, channels=2, seed=1):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: layer.begin(jax.random.key(0), channels))
    return jax.tree.map(lambda x: rng.normal(size=x.shape).astype(np.float32), shapes)


def energy(layer, weights, v, h):
    """Minus the logarithm of a state's unnormalised probability, v [F C], h [H K]."""
    under = np.stack([v[t : t + len(h)] for t in range(layer.taps)])  # [taps H C]
    both = np.einsum("thc,tck,hk->", under, weights["kernel"], h) + (h @ weights["bias"]).sum()
    if layer.deviation is None:
        return -both - (v @ weights["visible_bias"]).sum()
    return (0.5 * (v**2).sum() - both) / layer.deviation**2


def states(layer, count):
    """All hidden states [count K] of which a block of `pool` has at most one unit on."""
    one = [np.zeros(layer.pool), *np.eye(layer.pool)]
    blocks = count // layer.pool * layer.bases
    for chosen in product(one, repeat=blocks):
        yield np.concatenate(chosen).reshape(layer.bases, count).T


@pytest.mark.parametrize("layer", [GAUSSIAN, BINARY], ids=["gaussian", "binary"])
def test_chances_are_those_of_the_energies_of_all_states(layer):
    """By enumeration: every hidden state of four frames over six, weighed by its energy."""
    weights, v = drawn(layer), 0.5 * RNG.normal(size=(6, 2)).astype(np.float32)
    hidden = list(states(layer, 4))
    logs = -np.array([energy(layer, weights, v, h) for h in hidden])
    chance = np.exp(logs - logs.max())
    wanted = np.einsum("s,shk->hk", chance / chance.sum(), np.array(hidden))
    found = layer.probabilities(layer.energies(weights, v[None]))[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    pooled = layer.pooled(weights, v[None])[0]
    np.testing.assert_allclose(pooled, wanted.reshape(2, 2, 2).sum(1), rtol=1e-4, atol=1e-6)
    assert np.all(pooled <= 1)


@pytest.mark.parametrize("layer", [GAUSSIAN, BINARY], ids=["gaussian", "binary"])
def test_the_reconstruction_is_the_mean_of_what_is_visible(layer):
    """Its conditional energy is least there (Gaussian), or its odds are the energy's (binary)."""
    weights, v = drawn(layer), np.zeros((6, 2))
    h = next(h for h in states(layer, 4) if h.sum() == 3)
    found = np.asarray(layer.reconstruct(weights, h[None].astype(np.float32)))[0]
    for place in [(0, 0), (2, 1), (5, 1)]:
        bump = np.zeros_like(v)
        bump[place] = 1.0
        gain = energy(layer, weights, v, h) - energy(layer, weights, v + bump, h)
        if layer.deviation is None:
            wanted = 1 / (1 + np.exp(-gain))
        else:
            wanted = gain * layer.deviation**2 + 0.5
        assert found[place] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("layer", [GAUSSIAN, BINARY], ids=["gaussian", "binary"])
def test_a_step_is_the_difference_of_the_correlations(layer, monkeypatch):
    weights, v = drawn(layer), 0.5 * RNG.normal(size=(3, 8, 2)).astype(np.float32)  # 8: 6 hidden
    draw = layer.sample(jax.random.key(3), layer.energies(weights, v))
    chances = np.asarray(layer.probabilities(layer.energies(weights, v)))
    model = np.asarray(layer.reconstruct(weights, draw))
    again = np.asarray(layer.probabilities(layer.energies(weights, model)))
    change, found = jax.jit(layer.gradient)(jax.random.key(3), weights, v)
    kernel = np.zeros_like(weights["kernel"])
    for b, tap, h in product(range(3), range(3), range(6)):
        kernel[tap] += np.outer(v[b, h + tap], chances[b, h])
        kernel[tap] -= np.outer(model[b, h + tap], again[b, h])
    wanted = kernel / 18 - 0.1 * weights["kernel"]
    np.testing.assert_allclose(change["kernel"], wanted, rtol=1e-3, atol=1e-4)
    active = chances.mean((0, 1))
    bias = active - again.mean((0, 1)) - 0.5 * (active - 0.2)
    np.testing.assert_allclose(change["bias"], bias, rtol=1e-3, atol=1e-5)
    assert found["error"] == pytest.approx(((v - model) ** 2).mean(), rel=1e-4)
    if layer.deviation is None:
        np.testing.assert_allclose(change["visible_bias"], (v - model).mean((0, 1)), atol=1e-5)


def test_draws_are_as_likely_as_their_chances_and_one_in_a_block():
    energies = np.tile(RNG.normal(size=(1, 4, 2)), (20_000, 1, 1)).astype(np.float32)
    drawn_units = np.asarray(GAUSSIAN.sample(jax.random.key(0), energies))
    wanted = GAUSSIAN.probabilities(energies[:1])[0]
    np.testing.assert_allclose(drawn_units.mean(0), wanted, atol=0.015)
    assert set(np.unique(drawn_units.reshape(20_000, 2, 2, 2).sum(2))) == {0, 1}


def test_frames_that_fill_no_block_are_left_out_at_both_ends():
    x = np.arange(10.0)[None, :, None]
    np.testing.assert_array_equal(CRBM(2, 6, 3).trimmed(x)[0, :, 0], np.arange(1.0, 9))
    with pytest.raises(BadInput, match="5 frames are too few for 6 taps"):
        CRBM(2, 6, 3).trimmed(x[:, :5])


def test_the_spectrogram_is_scipys_scaled_and_faded():
    x = RNG.normal(size=(2, 4000, 2)).astype(np.float32)
    x[1] = 0
    _, _, found = scipy.signal.stft(
        x[0].mean(1), window="hamming", nperseg=320, noverlap=160, boundary=None, padded=False
    )
    scale = scipy.signal.get_window("hamming", 320).sum()
    level = np.log(1e-5 + np.abs(found.T * scale)) - np.log(1e-5)
    level = level - level.mean()
    level /= np.sqrt((level**2).mean())
    frame = np.arange(1, 25)[:, None]
    for end in (frame, 25 - frame):
        level /= 1 + np.exp(-8 * end / 20 + 4)
    ours = jax.jit(FadedSpectrogram().__call__)(x)
    np.testing.assert_allclose(ours[0], level, atol=2e-3)
    assert not np.any(ours[1])


def test_whitened_frames_have_unit_power_but_for_epsilon():
    frames = (RNG.normal(size=(50, 20, 5)) @ RNG.normal(size=(5, 5)) + 1).astype(np.float32)
    found = frames.reshape(-1, 5) @ whitening_of(frames, 3, 0.0)
    np.testing.assert_allclose(found.T @ found / 1000, np.eye(3), atol=1e-3)
    less = frames.reshape(-1, 5) @ whitening_of(frames, 3, 10.0)
    assert np.all((less**2).mean(0) < (found**2).mean(0))


class Rows(nn.Module):
    """Frames of four samples, [B T 1] -> [B T/4 4]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        return x[..., 0].reshape(len(x), -1, 4)


def clips(seed):
    """Noise; every second clip has a rising pattern in some of its frames, which is its tag."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(32, 30, 4))
    tags = (np.arange(32) % 2).astype(np.float32)[:, None]
    for clip in range(1, 32, 2):
        at = rng.integers(0, 24, 4)
        for start in at:
            frames[clip, start : start + 4] = 3 * np.eye(4)
    return {
        "audio": frames.reshape(32, -1, 1).astype(np.float32),
        "tags": tags,
        "known": np.ones_like(tags),
    }


def test_layers_learn_to_reconstruct_and_the_classifier_sees_what_they_found():
    layers = (CRBM(6, 4, 3, l2=0.0, sparsity=0.1), CRBM(4, 3, 2, deviation=None, l2=0.0))
    net = DeepBelief(Rows(), LinearSVM((1.0,)), layers=layers, components=4, epsilon=0.1, epochs=12)
    train, held = clips(1), clips(2)
    begun = jax.jit(net.init)(jax.random.key(0), train)
    features = [jax.device_get(net.describe(begun, part, None)) for part in (train, held)]
    splits = [{**part, **found} for part, found in zip((train, held), features)]
    learnt = net.fit(begun, *splits, lambda *_: None)
    assert jax.tree.map(np.shape, begun) == jax.tree.map(np.shape, learnt)
    jax.tree.map(np.testing.assert_array_equal, networks.for_inference(net, learnt), learnt)
    seen = np.asarray(net.embed(learnt, held, jax.random.key(0))["embedding"])
    assert seen.shape == (32, 20) and np.all((seen >= 0) & (seen < 1.0001))
    whitening = learnt.collections["classifier"]["whitening"]
    data = features[1]["features"] @ whitening
    errors = [
        float(
            layers[0].gradient(jax.random.key(0), v.params["belief_net"]["layer_1"], data)[1][
                "error"
            ]
        )
        for v in (begun, learnt)
    ]
    assert errors[1] < 0.8 * errors[0]
    prediction = net.predict(learnt, held, jax.random.key(0))["prediction"]
    assert np.mean((np.asarray(prediction) > 0.5) == held["tags"]) > 0.8


def test_the_rate_falls_by_a_hundredth_of_its_start_an_epoch(monkeypatch):
    """As in the authors' code: a step adds its rate to the weights here."""

    def climbed(layer, key, weights, velocity, x, rate):
        return jax.tree.map(lambda w: w + rate, weights), velocity, {"error": 0.0, "active": 0.0}

    monkeypatch.setattr(deep_belief, "_climbed", climbed)
    net = DeepBelief(Rows(), LinearSVM(), layers=(BINARY,), seen=(1,), epochs=3, batch=2)
    x = np.zeros((4, 5, 1), np.float32)
    learnt = net._learnt(BINARY, {"bias": np.zeros(1, np.float32)}, x, 1, lambda *_: None)
    np.testing.assert_allclose(learnt["bias"], 0.02 * (1 + 1 / 1.01 + 1 / 1.02), rtol=1e-5)


def test_layers_start_as_in_the_authors_code():
    start = CRBM(50, deviation=None).begin(jax.random.key(0), 80)
    assert np.std(start["kernel"]) == pytest.approx(0.01, rel=0.02)
    assert np.all(start["bias"] == np.float32(-0.1)) and not np.any(start["visible_bias"])
    assert set(CRBM().begin(jax.random.key(0), 1)) == {"kernel", "bias"}  # as Gaussian units are


def test_layers_that_are_not_there_are_refused():
    with pytest.raises(BadInput, match=r"seen=\(3,\): name layers of 1 to 2"):
        DeepBelief(Rows(), LinearSVM(), seen=(3,))
