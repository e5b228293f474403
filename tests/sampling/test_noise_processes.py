"""Langevin dynamics and reversed diffusions against known densities; scores that are learnt."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from zoo.objectives.base import Request, Variables
from zoo.objectives.energy_based import EnergyBased
from zoo.objectives.score_matching import ScoreMatching
from zoo.sampling import langevin
from zoo.sampling.noise_processes import Annealed, VarianceExploding, VariancePreserving
from zoo.sampling.rule import SamplerRule

KEYS = jax.random.split(jax.random.key(0), 3000)
NORMALS = langevin.by_key(KEYS, (1, 1))
SHARES, MEANS, WIDTHS = np.array([0.3, 0.7]), np.array([-1.0, 0.8]), np.array([0.2, 0.4])
PROCESSES = {
    "annealed": Annealed(4.0, 0.05, 10, each=100, step=5e-4),
    "exploding": VarianceExploding(10.0, 0.01, 100),
    "preserving": VariancePreserving(steps=200),
    "preserving_corrected": VariancePreserving(steps=100, corrections=1),
}


def mixture_score(x, factor, deviation):
    """Of two Gaussians that were scaled and noised, [B 1 1] -> [B 1 1]."""
    means, widths = factor * MEANS, jnp.sqrt((factor * WIDTHS) ** 2 + deviation**2)
    parts = jnp.log(SHARES) - jnp.log(widths) - 0.5 * ((x - means) / widths) ** 2
    return jnp.sum(jax.nn.softmax(parts) * (means - x) / widths**2, -1, keepdims=True)


def begun():
    return jax.random.normal(jax.random.key(1), (len(KEYS), 1, 1))


def test_langevin_has_the_variance_of_its_step():
    """Of a parabola it is an autoregression, whose variance is known for every step."""
    step, steep, noise = 0.3, 1.4, 0.7
    run = jax.jit(
        lambda x: langevin.descend(
            lambda x: steep * x, x, NORMALS, steps=60, step=step, noise=noise
        )
    )
    x = np.asarray(run(5.0 * begun()), np.float64)
    expected = noise / np.sqrt(1 - (1 - step * steep) ** 2)
    assert x.std() == pytest.approx(expected, rel=0.04) and abs(x.mean()) < 0.06


@pytest.mark.parametrize("name", PROCESSES)
def test_the_known_score_of_a_mixture_gives_its_moments(name):
    process = PROCESSES[name]
    x = np.asarray(jax.jit(lambda z: process.sample(mixture_score, z, NORMALS))(begun()))[:, 0, 0]
    mean = SHARES @ MEANS
    deviation = np.sqrt(SHARES @ (WIDTHS**2 + MEANS**2) - mean**2)
    assert x.mean() == pytest.approx(mean, abs=0.06)
    assert x.std() == pytest.approx(deviation, rel=0.05)
    right = x[x > 0]
    assert len(right) / len(x) == pytest.approx(stats.norm.sf(0, MEANS, WIDTHS) @ SHARES, abs=0.04)
    assert right.std() == pytest.approx(0.4 * stats.truncnorm(-2, np.inf).std(), abs=0.025)


def stepped(process, x, table):
    """score_sde's corrector and predictor in NumPy, for data of N(0, 1), whose score is known.

    A corrector's step is 2 alpha (snr |z| / |score|)^2, where a score is as long as noise over its
    width.
    """
    count, snr = process.steps, process.snr
    if isinstance(process, VarianceExploding):
        factors, widths = np.ones(count), np.geomspace(process.finest, process.widest, count)
        adjacent = np.concatenate([[0], widths[:-1]])
        alphas, spread, x = np.ones(count), widths**2 - adjacent**2, process.widest * x
    else:
        betas = np.linspace(process.slow, process.fast, count) / count
        alphas, spread, u = 1 - betas, betas, np.linspace(1e-3, 1, count)
        u = process.earliest + (1 - process.earliest) * u
        factors = np.exp(-0.25 * u**2 * (process.fast - process.slow) - 0.5 * u * process.slow)
        widths = np.sqrt(1 - factors**2)
    draws = iter(table)
    for i in reversed(range(count)):
        for _ in range(process.corrections):
            step = 2 * alphas[i] * (snr * widths[i]) ** 2
            x = x - step * x / (factors[i] ** 2 + widths[i] ** 2) + np.sqrt(2 * step) * next(draws)
        score = -x / (factors[i] ** 2 + widths[i] ** 2)
        mean = (2 - np.sqrt(alphas[i])) * x + spread[i] * score
        x = mean + np.sqrt(spread[i]) * next(draws)
    return mean


@pytest.mark.parametrize("kind", [VarianceExploding, VariancePreserving])
def test_steps_back_are_those_of_score_sde(kind):
    process = kind(steps=40, corrections=2)
    rng = np.random.default_rng(0)
    x, table = rng.normal(size=(3, 2, 1)), rng.normal(size=(120, 3, 2, 1))
    given, normals = jnp.asarray(x, jnp.float32), jnp.asarray(table, jnp.float32)

    def score(x, factor, deviation):
        return -x / (factor**2 + deviation**2)

    found = jax.jit(lambda x: process.sample(score, x, lambda i: normals[i]))(given)
    wanted = stepped(process, x, table)
    assert np.isfinite(wanted).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_variance_is_preserved_and_explodes_as_its_equation_says():
    """Slopes of the laws against drift and diffusion, by central differences."""
    u, h = np.linspace(0.1, 0.9, 5), 1e-3
    process = VariancePreserving(0.1, 20.0, earliest=0.0)
    factor, deviation = (np.float64(each) for each in process.at(jnp.asarray(u)))
    np.testing.assert_allclose(factor**2 + deviation**2, 1, rtol=1e-5)
    ends = [np.log(np.float64(process.at(jnp.asarray(u + s))[0])) for s in (h, -h)]
    np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), -(0.1 + 19.9 * u) / 2, rtol=1e-2)
    factor, deviation = VarianceExploding(10.0, 0.1).at(jnp.asarray(u))
    np.testing.assert_allclose(deviation, 0.1 * 100**u, rtol=1e-5)
    assert (factor == 1).all()


def trained(objective, batches, variables, rate, steps):
    """Variables after so many steps of Adam, with their collections."""
    (turn,) = objective.turns
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def one(state, now):
        variables, memory = state
        rng, audio = now

        def loss(params):
            own = variables.replace(params={"model": params})
            return turn.loss(own, {"audio": audio}, rng, 0)

        slope, (changed, _) = jax.grad(loss, has_aux=True)(variables.params["model"])
        updates, memory = optimizer.update(slope, memory)
        params = {"model": optax.apply_updates(variables.params["model"], updates)}
        collections = {**variables.collections, **changed}
        return (variables.replace(params=params, collections=collections), memory), None

    @jax.jit
    def run(variables):
        rngs = jax.random.split(jax.random.key(2), steps)
        begun = variables, optimizer.init(variables.params["model"])
        return jax.lax.scan(one, begun, (rngs, batches))[0][0]

    return run(variables)


class Quadratic(nn.Module):
    """Energy x' A x / 2 of windows of two samples."""

    @nn.compact
    def __call__(self, x, *, train=False):
        matrix = self.param("matrix", nn.initializers.constant(0.5), (2, 2))
        return 0.5 * jnp.einsum("bi,ij,bj->b", x[..., 0], matrix + jnp.eye(2), x[..., 0])


class Flat(nn.Module):
    """No energy anywhere."""

    @nn.compact
    def __call__(self, x, train=False):
        return jnp.zeros(len(x))


def test_contrastive_divergence_finds_the_precision_of_a_gaussian():
    """With chains that go on, and noise as wide as the step asks for."""
    covariance = np.array([[1.0, 0.6], [0.6, 0.8]])
    data = np.random.default_rng(0).multivariate_normal([0, 0], covariance, 400 * 64)
    batches = data.reshape(400, 64, 2, 1).astype(np.float32)
    how = dict(scale=1.0, step=0.05, noise=0.1**0.5, steps=10, buffer=256, square=0.0)
    objective = EnergyBased(Quadratic(), **how)
    variables = jax.jit(objective.init)(jax.random.key(0), {"audio": batches[0]})
    after = trained(objective, batches, variables, 0.03, 400)
    matrix = np.asarray(after.params["model"]["matrix"]) + np.eye(2)
    found = (matrix + matrix.T) / 2
    np.testing.assert_allclose(found, np.linalg.inv(covariance), atol=0.2)


def test_clips_are_drawn_with_a_noise_of_their_own():
    """Of an energy without slopes: the law of a uniform number and `long` normals."""
    objective = EnergyBased(Flat(), scale=0.1, noise=7.0, drawn_noise=0.2, long=25, bound=100.0)
    chains = {"model": {"replay": {"chains": jnp.zeros((1, 4000, 1))}}}
    asked = Request(4000, 1, 0, SamplerRule())
    (clip,) = objective.generate(Variables({"model": {}}, chains), asked)
    assert np.std(clip) == pytest.approx(0.1 * (1 / 3 + 25 * 0.2**2) ** 0.5, rel=0.05)


class Perceptron(nn.Module):
    """Minus the noise of single numbers."""

    @nn.compact
    def __call__(self, x, deviation):
        level = jnp.log(deviation)[:, None, None]
        given = jnp.concatenate([x, level, x * level, jnp.cos(level)], -1)
        return nn.Dense(1)(nn.tanh(nn.Dense(48)(nn.tanh(nn.Dense(48)(given)))))


def test_the_score_of_a_mixture_is_learnt():
    rng = np.random.default_rng(0)
    which = rng.choice(2, (600, 256, 1, 1), p=SHARES)
    data = (MEANS[which] + WIDTHS[which] * rng.normal(size=which.shape)).astype(np.float32)
    objective = ScoreMatching(Perceptron(), Annealed(2.0, 0.2, 4), 1, scale=1.0)
    variables = jax.jit(objective.init)(jax.random.key(0), {"audio": data[0]})
    after = trained(objective, data, variables, 5e-3, 600)
    for deviation in objective.process.deviations():
        x = data[:4].reshape(-1, 1, 1) + deviation * rng.normal(size=(1024, 1, 1))
        known = np.asarray(mixture_score(x, 1.0, deviation))
        found = np.asarray(objective.score(after, jnp.asarray(x, jnp.float32), 1.0, deviation))
        assert np.mean((found - known) ** 2) < 0.05 * np.mean(known**2)
