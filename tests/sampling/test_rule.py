"""Top-k, nucleus and bias against NumPy; scores of what was drawn against the parallel pass."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from zoo.distributions import Categorical, Gaussian, MixtureOfLogistics, Tokens
from zoo.errors import BadInput
from zoo.models.generation.samplernn import SampleRNN
from zoo.models.generation.samplernn_released import ReleasedSampleRNN
from zoo.models.generation.wavenet import WaveNet
from zoo.sampling import autoregressive
from zoo.sampling.rule import AS_LEARNT, SamplerRule

pytestmark = pytest.mark.optimised

NET = dict(layers=4, stacks=2, width=6, gate=5, skip=7, head=8)
MODELS = {
    "tokens": WaveNet(**NET, distribution=Tokens(11)),
    "frames": WaveNet(6, 2, 64, 64, 8, head=8, distribution=Tokens(310)),
    "density": WaveNet(**NET, distribution=Gaussian(), input="scalar"),
    "tiers": SampleRNN((2, 4), 1, 6, 3, distribution=Tokens(11)),
    "released": ReleasedSampleRNN(4, 2, 10, 5, Categorical(16, "equal")),
}


def kept(logits, temperature, top_k, top_p):
    """Which symbols stay, by sorting one row of logits at a time."""
    stay = np.zeros(logits.shape, bool)
    for row, out in zip(logits, stay):
        order = np.argsort(-row, kind="stable")[: top_k or None]
        chances = scipy.special.softmax(row[order].astype(np.float64) / temperature)
        needed = 1 + int(np.searchsorted(np.cumsum(chances), top_p - 1e-12))
        out[order[:needed]] = True
    return stay


@pytest.mark.parametrize("count", [2, 11, 310])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
@pytest.mark.parametrize(
    ("top_k", "top_p"), [(1, 1.0), (7, 1.0), (2**62, 1.0), (0, 0.3), (0, 1e-9), (7, 0.8)]
)
def test_draws_are_those_of_the_symbols_that_a_sort_leaves(count, temperature, top_k, top_p):
    rng = np.random.default_rng(count)
    logits = rng.normal(0, 2, (500, count)).astype(np.float32)
    logits[::7] = np.round(logits[::7])  # ties
    noise = rng.uniform(1e-6, 1, (500, 1)).astype(np.float32)
    rule = SamplerRule(temperature, top_k, top_p)
    drawn = jax.jit(partial(rule.compiled.draw, Tokens(count)))(logits, noise, temperature)
    stay = kept(logits, temperature, top_k, top_p)
    chances = np.where(stay, np.exp(logits.astype(np.float64) / temperature), 0)
    running = np.cumsum(chances, 1) / chances.sum(1, keepdims=True)
    expected = (running < noise).sum(1)
    assert np.mean(np.asarray(drawn)[:, 0] == expected) > 0.99  # a rounding may turn a few
    assert np.take_along_axis(stay, np.asarray(drawn, int), 1).mean() > 0.99
    assert (stay.sum(1) <= min(top_k or count, count)).all() and stay.any(1).all()


@pytest.mark.parametrize("distribution", [Categorical(16), MixtureOfLogistics(3), Gaussian()])
@pytest.mark.parametrize("temperature", [0.0, 0.6, 1.0])
def test_a_temperature_alone_is_the_distribution_s_own(distribution, temperature):
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 1, (400, distribution.parameters)).astype(np.float32)
    noise = rng.uniform(1e-6, 1, (400, distribution.noise)).astype(np.float32)
    rule = SamplerRule(temperature)
    drawn = jax.jit(partial(rule.compiled.draw, distribution))(raw, noise, temperature)
    own = jax.jit(distribution.sample if temperature else lambda r, *_: distribution.mode(r))
    np.testing.assert_array_equal(drawn, own(raw, noise, temperature))


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_bias_forbids_and_favours(temperature):
    logits = np.tile([2.0, 1.0, 0.0], (2_000, 1)).astype(np.float32)
    noise = np.random.default_rng(0).uniform(1e-6, 1, (2_000, 1)).astype(np.float32)
    rule = SamplerRule(temperature, bias=((0, -np.inf), (2, 1.5)))
    drawn = np.asarray(rule.compiled.draw(Tokens(3), logits, noise, temperature))[:, 0]
    share = scipy.special.softmax(np.array([1.0, 1.5]) / temperature)[1] if temperature else 1.0
    assert (drawn > 0).all() and np.mean(drawn == 2) == pytest.approx(share, abs=0.03)


def random_variables(model):
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 8, 1))))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: rng.normal(0, 0.4, s.shape).astype(s.dtype), shapes)


@pytest.mark.parametrize("name", MODELS)
def test_what_was_drawn_is_scored_as_the_parallel_pass_scores_it(name):
    """Step by step equals all at once; the rule changes what is drawn, not how it is scored."""
    model = MODELS[name]
    variables = random_variables(model)
    rule = SamplerRule(0.9) if name == "density" else SamplerRule(0.9, top_k=6, top_p=0.95)
    asked = dict(length=104, count=2, seed=3, rule=rule, chunk=40)
    drawn, scores = zip(*autoregressive.generate_scored(model, variables, **asked))
    audio = np.concatenate(drawn, 1)
    raw = jax.jit(model.apply)(variables, audio)
    nats = np.asarray(jax.jit(model.distribution.log_prob)(raw, audio), np.float64)
    np.testing.assert_allclose(scores[-1], nats.sum(1), rtol=1e-4)
    np.testing.assert_allclose(scores[0], nats[:, :40].sum(1), rtol=1e-4)
    state = autoregressive.start_voices(model, variables, count=2, seed=3)
    noise = autoregressive._uniform(state, model.distribution.noise, 104).swapaxes(0, 1)
    again = jax.jit(partial(rule.compiled.draw, model.distribution))(raw, noise, rule.temperature)
    np.testing.assert_allclose(audio, again, atol=1e-4)
    if model.distribution.symbols and not model.distribution.clip:
        assert audio.max() > 1 and (audio == np.round(audio)).all() and len(np.unique(audio)) > 4


def test_a_prompt_of_tokens_is_continued():
    model = MODELS["tokens"]
    variables = random_variables(model)
    prompt = np.random.default_rng(1).integers(0, 11, (23, 1)).astype(np.float32)
    ((drawn, score),) = autoregressive.generate_scored(model, variables, length=40, prompt=prompt)
    whole = np.concatenate([prompt[None], drawn], 1)
    raw = jax.jit(model.apply)(variables, whole)[:, 23:]
    nats = model.distribution.log_prob(raw, drawn)
    np.testing.assert_allclose(score, np.sum(nats, 1), rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"temperature": -1}, "temperature -1"),
        ({"temperature": np.nan}, "temperature nan"),
        ({"top_k": -1}, "top_k -1"),
        ({"top_p": 0}, "top_p 0"),
        ({"top_p": 1.1}, "top_p 1.1"),
        ({"bias": ((1, np.nan),)}, "bias"),
    ],
)
def test_rules_of_nothing_are_refused(given, what):
    with pytest.raises(BadInput, match=what):
        SamplerRule(**given)


@pytest.mark.parametrize("rule", [SamplerRule(top_k=4), SamplerRule(top_p=0.5)], ids=str)
@pytest.mark.parametrize("distribution", [Gaussian(), MixtureOfLogistics(2)], ids=str)
def test_densities_take_a_temperature_alone(rule, distribution):
    model = WaveNet(**NET, distribution=distribution, input="scalar")
    with pytest.raises(BadInput, match=f"a {type(distribution).__name__} draws no symbols"):
        next(autoregressive.generate(model, random_variables(model), length=4, rule=rule))
    AS_LEARNT.check(distribution)


def test_a_bias_of_no_symbol_is_refused():
    with pytest.raises(BadInput, match="bias of symbol 11: there are 0 to 10"):
        SamplerRule(bias=((11, 0.0),)).check(Tokens(11))
