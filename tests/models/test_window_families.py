"""Families that draw windows: discrepancy, spectral norms, reach, clips by seed and voice."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from zoo.errors import BadInput
from zoo.losses.discrepancy import SCALES, multiquadratic_mmd
from zoo.models.generation.energy import Energy
from zoo.models.generation.score_net import ScoreNet
from zoo.models.generation.wae import WAE
from zoo.objectives.base import Request
from zoo.objectives.energy_based import EnergyBased
from zoo.objectives.score_matching import ScoreMatching
from zoo.objectives.wasserstein_autoencoder import WassersteinAutoencoder
from zoo.sampling.noise_processes import Annealed
from zoo.sampling.rule import SamplerRule

AUDIO = np.random.default_rng(1).normal(0, 0.1, (2, 64, 1)).astype(np.float32)
WINDOWS = WassersteinAutoencoder(WAE(64, 5, 6, 2))
ENERGIES = EnergyBased(Energy(64, 8, 2), buffer=4, long=3)
SCORES = ScoreMatching(ScoreNet(4, 8, 2), Annealed(each=2), 64)


def started(objective, scale=0.3):
    shapes = jax.eval_shape(objective.init, jax.random.key(0), {"audio": AUDIO})
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: rng.normal(0, scale, s.shape).astype(np.float32), shapes)


def test_the_discrepancy_is_that_of_scipy_s_distances():
    """And with the same law on both sides zero on average, whatever the number of points."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 40, 3)).astype(np.float32)
    other += 0.5
    expected = 0.0
    for width in 6 * np.array(SCALES):
        kernel = lambda a, b: width / (width + cdist(a, b, "sqeuclidean"))  # noqa: B023, E731
        own = sum(kernel(x, x).sum() - 40 for x in (one, other)) / (40 * 39)
        expected += own - 2 * kernel(one, other).mean()
    found = jax.jit(multiquadratic_mmd)
    assert found(one, other) == pytest.approx(expected, rel=1e-4)
    same = [found(*rng.normal(size=(2, 40, 3)).astype(np.float32)) for _ in range(60)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 60**0.5 < 0.3 * expected


def test_every_layer_but_the_last_has_norm_one():
    """Whatever the size of the kernels, before and after a pass of training."""
    model = ENERGIES.model
    variables = jax.jit(model.init)(jax.random.key(0), AUDIO)
    louder = jax.tree.map(lambda w: 5 * w if w.ndim == 3 else w, variables["params"])
    louder = {**variables, "params": louder}
    train = jax.jit(partial(model.apply, train=True, mutable=["singular_vectors"]))
    plain, loud = (jax.jit(model.apply)(v, AUDIO) for v in (variables, louder))
    np.testing.assert_allclose(plain, loud, rtol=1e-4)
    (one, kept), (other, _) = (train(v, AUDIO) for v in (variables, louder))
    np.testing.assert_allclose(one, other, rtol=1e-4)
    pairs = zip(*map(jax.tree.leaves, (kept["singular_vectors"], variables["singular_vectors"])))
    assert len(jax.tree.leaves(kept)) == 8 and all(np.any(a != b) for a, b in pairs)


@pytest.mark.parametrize("objective", [WINDOWS, ENERGIES, SCORES], ids=["wae", "energy", "score"])
def test_clips_depend_on_seed_and_voice_alone(objective):
    variables = started(objective)
    whole = np.concatenate(list(objective.generate(variables, Request(150, 2, seed=3))), 1)
    short = np.concatenate(list(objective.generate(variables, Request(100, seed=3))), 1)
    other = np.concatenate(list(objective.generate(variables, Request(100, seed=4))), 1)
    assert whole.shape == (2, 150, 1) and np.isfinite(whole).all()
    np.testing.assert_allclose(short[0], whole[0, :100], atol=1e-5)
    assert np.abs(whole[0] - whole[1]).max() > 1e-3 and np.abs(short - other).max() > 1e-3
    assert np.abs(whole[0, :64] - whole[0, 64:128]).max() > 1e-3  # windows of their own
    requests = (Request(64, seed=seed, rule=SamplerRule(0)) for seed in (3, 4))
    one, other = (np.concatenate(list(objective.generate(variables, x)), 1) for x in requests)
    np.testing.assert_allclose(one, other, atol=1e-6)  # at temperature 0 nothing is drawn


def test_what_is_seen_of_noise_reaches_every_sample():
    """The net of scores looks to both sides, and as far as it says."""
    model = SCORES.model
    long = np.zeros((1, 128, 1), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), long, jnp.ones(1))
    rng = np.random.default_rng(0)
    own = jax.tree.map(lambda s: rng.uniform(0.01, 0.1, s.shape).astype(np.float32), shapes)
    slope = jax.jit(jax.grad(lambda x: model.apply(own, x, jnp.ones(1))[0, 64, 0]))(long + 0.1)
    (reached,) = np.nonzero(np.asarray(slope)[0, :, 0])
    assert reached.min() < 64 < reached.max()
    assert reached.max() - reached.min() + 1 == model.receptive_field
    quiet, loud = (model.apply(own, long + 0.1, jnp.full(1, d)) for d in (0.1, 1.0))
    assert np.abs(quiet - loud).max() > 1e-3


def test_say_what_would_be_right():
    with pytest.raises(BadInput, match="multiple of 16"):
        WAE(72, levels=2).init(jax.random.key(0), AUDIO)
    with pytest.raises(BadInput, match="64 1"):
        ENERGIES.model.init(jax.random.key(0), AUDIO[:, :60])
    with pytest.raises(BadInput, match="multiple of 4"):
        SCORES.model.init(jax.random.key(0), AUDIO[:, :62], jnp.ones(2))
    with pytest.raises(BadInput, match="buffer"):
        few = ENERGIES.turns[0].loss
        few(started(ENERGIES), {"audio": np.repeat(AUDIO, 3, 0)}, jax.random.key(0), 0)
    with pytest.raises(BadInput, match="batch=2"):
        WINDOWS.turns[0].loss(started(WINDOWS), {"audio": AUDIO[:1]}, jax.random.key(0), 0)
