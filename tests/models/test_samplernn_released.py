"""SampleRNN as released: its size and starts, a NumPy twin, windows that join, the sampler."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.models.generation.samplernn_released import ReleasedSampleRNN
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule

MODEL = ReleasedSampleRNN(4, 2, 10, 5, Categorical(16, "equal"))


@pytest.fixture(scope="module")
def variables():
    """Random, large enough for uneven predictions."""
    shapes = jax.eval_shape(MODEL.init, jax.random.key(0), jnp.zeros((1, 8, 1)))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(s.dtype), shapes)


def noise(length, count=2):
    return jax.random.uniform(jax.random.key(1), (count, length, 1), minval=-1.0)


def test_size_is_that_of_the_authors_code():
    model = ReleasedSampleRNN()
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 1)))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 39_243_264
    assert model.distribution.encode(jnp.zeros(1)) == 128
    assert model.distribution.inputs(jnp.zeros(1)) == 0


def test_starts_are_those_of_the_authors_code():
    """Variances 2 / fan-in (He) and 1 / fan-in (LeCun), uniform; an orthogonal candidate."""
    model = ReleasedSampleRNN(8, 2, 64, 32)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 8, 1)))["params"]
    for name, wanted in {
        "upsample": 2 / 64,
        "enter": 2 / (8 * 32),
        "hidden_0": 2 / 64,
        "hidden_1": 2 / 64,
        "output": 1 / 64,
        "rnn_0/input": 1 / 8,
        "rnn_1/input": 1 / 64,
        "rnn_1/gates": 1 / 64,
    }.items():
        own = params
        for part in name.split("/"):
            own = own[part]
        kernel = np.asarray(own["kernel"])
        assert kernel.var() == pytest.approx(wanted, rel=0.12)
        assert np.abs(kernel).max() <= np.sqrt(3 * wanted) * 1.001
        norms = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), axis=0)
        np.testing.assert_allclose(own["scale"], norms, rtol=1e-5)
    new = np.asarray(params["rnn_0"]["candidate"]["kernel"])
    np.testing.assert_allclose(new @ new.T, np.eye(64), atol=1e-5)
    assert np.asarray(params["embed"]["embedding"]).std() == pytest.approx(1, rel=0.05)


def twin(params, codes):
    """Logits of codes [B T + 4], of which the first 4 are silence, sample by sample in float64."""
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)

    def normed(p):
        kernel = p["kernel"]
        axes = tuple(range(kernel.ndim - 1))
        return kernel / np.sqrt((kernel**2).sum(axes, keepdims=True)) * p["scale"]

    def dense(p, x):
        return x @ normed(p)[0] + p["bias"]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    count, hop = len(codes), 4
    states = [np.repeat(row[None], count, 0) for row in params["start"]]
    logits = []
    for t in range(codes.shape[1] - hop):
        before = codes[:, t : t + hop]
        if t % hop == 0:
            x = 2 * (before / 8 - 1)
            for i in range(2):
                p, h = params[f"rnn_{i}"], states[i]
                entered = dense(p["input"], x)
                z, r = np.split(sigmoid(entered[:, :20] + h @ normed(p["gates"])), 2, 1)
                new = np.tanh(entered[:, 20:] + (r * h) @ normed(p["candidate"]))
                x = states[i] = z * new + (1 - z) * h
            conditions = dense(params["upsample"], x).reshape(count, hop, 10)
        embedded = params["embed"]["embedding"][before]
        y = np.einsum("bke,ked->bd", embedded, normed(params["enter"])) + conditions[:, t % hop]
        for i in range(2):
            y = np.maximum(dense(params[f"hidden_{i}"], y), 0)
        logits.append(dense(params["output"], y))
    return np.stack(logits, 1)


def test_equals_a_twin_in_numpy(variables):
    audio = noise(24)
    codes = np.asarray(np.floor((np.asarray(audio[..., 0], np.float64) + 1) * 8), int)
    wanted = twin(variables["params"], np.concatenate([np.full((2, 4), 8), codes], 1))
    np.testing.assert_allclose(jax.jit(MODEL.apply)(variables, audio), wanted, atol=2e-5)


def test_two_windows_are_one_and_the_future_is_not_seen(variables):
    audio = noise(48)
    follow = jax.jit(lambda a, c: MODEL.apply(variables, a, c, method="window"))
    whole, last = follow(audio, MODEL.initial(2))
    first, carry = follow(audio[:, :16], MODEL.initial(2))
    second, joined = follow(audio[:, 16:], carry)
    np.testing.assert_allclose(jnp.concatenate([first, second], 1), whole, atol=2e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-6), joined, last)
    fresh, _ = follow(audio[:, 16:], MODEL.restart(carry, jnp.array([True, False])))
    alone, _ = follow(audio[:, 16:], MODEL.initial(2))
    np.testing.assert_allclose(fresh[0], alone[0], atol=2e-6)
    np.testing.assert_allclose(fresh[1], second[1], atol=2e-6)
    changed, _ = follow(audio.at[:, 40:].multiply(-1.0), MODEL.initial(2))
    np.testing.assert_array_equal(changed[:, :41], whole[:, :41])
    assert np.abs(changed[:, 41] - whole[:, 41]).max() > 1e-2


@pytest.mark.parametrize("prompt", [0, 13])
def test_the_sampler_draws_what_the_parallel_pass_predicts(variables, prompt):
    given = np.asarray(noise(prompt, 1)[0]) if prompt else None
    asked = dict(length=84, count=3, seed=5, prompt=given, chunk=40, rule=SamplerRule(0.8))

    def drawn(engine):
        return list(autoregressive.generate(MODEL, variables, **asked, engine=engine))

    audio = np.concatenate(drawn("xla"), 1)
    np.testing.assert_allclose(np.concatenate(drawn("auto"), 1), audio, atol=1e-6)
    assert audio.shape == (3, 84, 1) and len(np.unique(audio)) > 8
    before = np.zeros((3, -prompt % MODEL.hop + prompt, 1), np.float32)
    if prompt:
        before[:, -prompt:] = given
    raw = jax.jit(MODEL.apply)(variables, np.concatenate([before, audio], 1))
    draws = autoregressive._uniform(
        autoregressive.start_voices(MODEL, variables, count=3, seed=5), 1
    )[:84]
    expected = MODEL.distribution.sample(raw[:, before.shape[1] :], draws.swapaxes(0, 1), 0.8)
    np.testing.assert_allclose(audio, expected, atol=1e-6)


def test_in_bfloat16_logits_and_states_are_whole(variables):
    half = MODEL.clone(dtype=jnp.bfloat16)
    raw, carry = jax.jit(lambda a: half.apply(variables, a, half.initial(2), method="window"))(
        noise(16)
    )
    assert raw.dtype == jnp.float32
    assert {leaf.dtype.name for leaf in carry["hidden"]} == {"float32"}
    with pytest.raises(BadInput, match="multiple of 4"):
        jax.eval_shape(MODEL.init, jax.random.key(0), noise(17))
