"""The hierarchy of Dieleman et al. 2018: hops, reach, what is drawn from the top down."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Tokens
from zoo.errors import BadInput
from zoo.layers.quantizer import ArgmaxQuantizer
from zoo.objectives.autoencoder import decode_codes
from zoo.objectives.base import Request, Variables
from zoo.objectives.code_autoencoder import CodeAutoencoder
from zoo.objectives.code_prior import CodePrior
from zoo.objectives.levels import BELOW, TOP
from zoo.recipes.hierarchy import Hierarchy
from zoo.sampling.rule import SamplerRule

SMALL = Hierarchy(2, 1, 6, 8, encoder=6, depth=2, codes=9, levels=2)
PRIOR = SMALL.local_model(Tokens(9))


def noise(length=256, batch=2, seed=0):
    audio = np.random.default_rng(seed).uniform(-0.9, 0.9, (batch, length, 1))
    return {"audio": jnp.asarray(audio, jnp.float32)}


def started(objective, seed=0):
    """Random weights, drawn by NumPy: there is nothing to compile."""
    shapes = jax.eval_shape(objective.init, jax.random.key(0), noise(1024))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(np.float32), shapes)


def test_codes_of_25_seconds_at_the_paper_s_size():
    """6,250 of the top, from 50,000 of the bottom, 256 of them at either level."""
    plan = Hierarchy()
    objective = CodePrior(plan.local_model(Tokens(256)), plan.top, below=plan.bottom)
    assert (plan.bottom.hop, objective.levels.hop) == (8, 64)
    batch = {"audio": jax.ShapeDtypeStruct((1, 400_000, 1), jnp.float32)}
    variables = jax.eval_shape(objective.init, jax.random.key(0), batch)
    found = jax.eval_shape(objective.predict, variables, batch, jax.random.key(0))
    assert found["codes"].shape == found["nats"].shape == (1, 6_250)
    assert variables.frozen[BELOW]["encoder"]["latent"]["kernel"].shape == (1, 256, 256)


def test_diversity_is_zero_where_all_codes_are_used_alike_and_largest_for_one():
    quantizer = ArgmaxQuantizer(4, diversity=0.5, epsilon=0.0)
    even = jnp.eye(4)[None]
    found = quantizer.apply({}, even * 3 - 1)  # what is negative counts as nothing
    assert found.penalty == pytest.approx(0, abs=1e-6)
    np.testing.assert_array_equal(found.codes[0], [0, 1, 2, 3])
    np.testing.assert_array_equal(found.output, even)
    one = quantizer.apply({}, jnp.tile(jnp.eye(4)[:1], (4, 1))[None])
    assert one.penalty == pytest.approx(0.5 * (9 + 1 + 1 + 1) / 4)
    slope = jax.grad(lambda x: quantizer.apply({}, x).penalty)(even + 0.5 * even[:, :, ::-1])
    assert np.any(np.asarray(slope) != 0) or found.penalty == 0
    silent = ArgmaxQuantizer(4).apply({}, -even)
    assert np.all(np.isfinite(silent.output)) and np.all(np.asarray(silent.codes) == 0)


def test_conditions_reach_as_far_as_is_said():
    """Those of the last output of a code see `reach` codes to the right, and no more."""
    model = SMALL.bottom
    variables = started(CodePrior(PRIOR, SMALL.top, below=model)).of(BELOW)
    codes = jnp.asarray(np.random.default_rng(2).integers(0, 9, (1, 24)))
    frames = jax.jit(lambda codes: model.apply(variables, codes, method="frames"))
    changed = [np.abs(frames(codes) - frames(codes.at[0, 12].add(1) % 9))[0].max(-1) > 1e-7]
    at = np.flatnonzero(changed[0].reshape(24, 4).any(1))
    assert at.min() >= 12 - model.reach and at.max() <= 12 + model.reach
    assert at.max() - at.min() >= 2 * (model.reach - 1)


def test_the_upper_level_leaves_the_lower_one_alone_and_counts_its_codes():
    objective, batch = CodeAutoencoder(SMALL.top, SMALL.bottom), noise()
    variables = started(objective)
    assert set(variables.params) == {TOP} and set(variables.frozen) == {BELOW}
    found = jax.jit(objective.predict)(variables, batch, jax.random.key(0))
    encode = jax.jit(lambda v, x: SMALL.bottom.apply(v, x, method="encode"))
    np.testing.assert_array_equal(found["codes"], encode(variables.of(BELOW), batch["audio"]))
    _, (_, metrics) = jax.jit(objective.turns[0].loss)(variables, batch, jax.random.key(0), 0)
    bits = float(found["nats"].mean()) / np.log(2)
    assert float(metrics["bits_per_code"]) == pytest.approx(bits, rel=1e-5)


def test_reconstructs_from_the_top_and_plays_new_music_of_exact_length():
    """Greedy codes of one level, given to the one below by hand, are what is drawn."""
    prior = CodePrior(PRIOR, SMALL.top, below=SMALL.bottom)
    variables = started(prior)
    request = Request(length=100, chunk=32, seed=3)
    audio = np.concatenate(list(prior.generate(variables, request)), 1)
    assert audio.shape == (1, 100, 1) and np.abs(audio).max() <= 1
    prompted = replace(request, prompt=np.asarray(noise()["audio"][0, :101]))
    prompted = np.concatenate(list(prior.generate(variables, prompted)), 1)
    assert prompted.shape == (1, 100, 1) and np.any(prompted != audio)

    objective = CodeAutoencoder(SMALL.top, SMALL.bottom)
    top, below = (variables.frozen[name] for name in (TOP, BELOW))
    own = Variables({TOP: top}, frozen={BELOW: below})
    source = np.asarray(noise()["audio"][0, :90])
    greedy = Request(length=90, rule=SamplerRule(0), source=source)
    audio = np.concatenate(list(objective.generate(own, greedy)), 1)
    upper = prior.levels.encode(variables, source)
    assert upper.shape == (1, 6)
    codes = drawn(SMALL.top, own.of(TOP), upper, 23)[..., 0].astype(np.int32)
    lower = drawn(SMALL.bottom, own.of(BELOW), jnp.asarray(codes), 90)
    np.testing.assert_allclose(lower, audio, atol=1e-6)


def drawn(model, variables, codes, length):
    request = Request(length, rule=SamplerRule(0))
    return np.concatenate([x for x, _ in decode_codes(model, variables, codes, request, length)], 1)


def test_refuses_what_does_not_fit():
    with pytest.raises(BadInput, match=r"must be Tokens\(count=9\)"):
        CodeAutoencoder(SMALL.bottom, SMALL.bottom)
    with pytest.raises(BadInput, match="whole number of codes"):
        jax.eval_shape(SMALL.bottom.init, jax.random.key(0), jnp.zeros((1, 63, 1)))
    with pytest.raises(BadInput, match=r"give \[B F 4\]"):
        ArgmaxQuantizer(4).apply({}, jnp.zeros((1, 2, 3)))
    with pytest.raises(BadInput, match="make them equal"):
        bad = SMALL.bottom.clone(levels=3)
        jax.eval_shape(bad.init, jax.random.key(0), jnp.zeros((1, 64, 1)))
