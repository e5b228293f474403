"""Parallel WaveNet: uneven flows, logistic noise, and a divergence known in advance."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from zoo.distributions import Gaussian, MixtureOfLogistics
from zoo.errors import BadInput
from zoo.models.generation.gaussian_iaf import GaussianIAF
from zoo.objectives.base import Variables
from zoo.objectives.density_distillation import DensityDistillation
from zoo.signal import mel

SPEC = mel.MelSpec(16_000, 16, 8, 4, mel.log_clamp, exponent=1)
OURS, THEIRS = (0.02, -3.0), (-0.03, -2.6)  # mean and log scale of a logistic


class Fixed(nn.Module):
    """A student that draws every sample from one logistic."""

    receptive_field = 1

    @nn.compact
    def __call__(self, noise, told, *, train=False):
        mean, log_scale = self.param("w", lambda _: jnp.array(OURS))
        return mean + jnp.exp(log_scale) * noise, *(
            jnp.full_like(noise, x) for x in (mean, log_scale)
        )


class Told(nn.Module):
    """A teacher of one logistic, moved by a hundredth of the mean of the mel spectrogram."""

    distribution: Any = MixtureOfLogistics(1)

    @nn.compact
    def __call__(self, audio, *, condition, train=False):
        mean, log_scale = self.param("w", lambda _: jnp.array(THEIRS))
        moved = mean + 1e-2 * self.upsample(condition)[:, : audio.shape[1]].mean(-1, keepdims=True)
        return jnp.concatenate([jnp.zeros_like(moved), moved, jnp.full_like(moved, log_scale)], -1)

    def upsample(self, condition):
        return jnp.repeat(condition, 8, 1)


def test_uneven_flows_at_the_paper_s_size():
    """60 layers; dilations start again after ten."""
    model = GaussianIAF(4, (10, 10, 10, 30), 64, gate=64, skip=64, front=1, weight_norm=False)
    assert model.receptive_field == 1 + 4 + 2 * 6 * 1023
    inputs = jnp.zeros((1, 40, 1)), jnp.zeros((1, 40, 80))
    shapes = jax.eval_shape(model.init, jax.random.key(0), *inputs)["params"]
    layer = 128 * (3 * 64 + 1) + 128 * (80 + 1) + 2 * 64 * 65  # gates, condition, skip, residual
    ends = 64 * 2 + 64 * 65 + 2 * 65 - 64 * 65  # first, hidden and last; no residual in the last
    count = sum(math.prod(x.shape) for x in jax.tree.leaves(shapes))
    assert count == 60 * layer + 4 * ends == 2_604_552
    with pytest.raises(BadInput, match="4"):
        GaussianIAF(4, (10, 10)).init(jax.random.key(0), *inputs)


def test_noise_is_logistic_of_the_same_ranks():
    normal = np.float32([-5, -1, 0, 0.5, 9])
    found = DensityDistillation(Fixed(), Told(), SPEC).noise(normal)
    expected = stats.logistic.isf(stats.norm.sf(np.float64(normal)))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_mass_off_the_grid_has_the_density_s_slope():
    """Rounding would leave none. On the grid it is `log_prob`."""
    distribution = MixtureOfLogistics(2)
    raw = np.float32([0.3, -0.2, 0.1, -0.1, -3, -2])
    x = np.float32([0.0123])
    found = jax.value_and_grad(lambda x: distribution.log_mass(raw, x))(x)
    weights = np.exp(raw[:2]) / np.exp(raw[:2]).sum()

    def density(x):
        return (weights * stats.logistic.pdf(x, raw[2:4], np.exp(raw[4:]))).sum()

    np.testing.assert_allclose(found[0], np.log(density(x) / 2**15), rtol=1e-5)
    slope = (np.log(density(x + 1e-4)) - np.log(density(x - 1e-4))) / 2e-4
    np.testing.assert_allclose(found[1], [slope], rtol=1e-3)
    grid = distribution.decode(np.arange(-3, 4)[:, None])
    raws = np.broadcast_to(raw, (7, 6))
    np.testing.assert_array_equal(
        distribution.log_mass(raws, grid), distribution.log_prob(raws, grid)
    )


def kl(mean):
    """Of our logistic to theirs around `mean`, by integration."""
    ours = stats.logistic(OURS[0], np.exp(OURS[1]))
    theirs = stats.logistic(mean, np.exp(THEIRS[1]))
    return integrate.quad(lambda x: ours.pdf(x) * (ours.logpdf(x) - theirs.logpdf(x)), -1, 1)[0]


def test_divergence_is_that_of_two_logistics():
    """That to the teacher of the own clip counts, that of the other's clip less by 0.3."""
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 64, 1)).astype(np.float32)
    audio[1] *= 50
    objective = DensityDistillation(Fixed(), Told(), SPEC, draws=400, power=0.0, transform=(16, 8))
    variables = Variables(
        {"student": {"w": jnp.array(OURS)}}, {}, {"teacher": {"w": jnp.array(THEIRS)}}
    )
    value, (_, metrics) = jax.jit(objective.turns[0].loss)(
        variables, {"audio": audio}, jax.random.key(0), 0
    )
    told = np.repeat(np.asarray(objective.features(audio)).mean(-1), 8, 1)[:, :64]
    own = np.mean([kl(THEIRS[0] + 1e-2 * x) for x in told.ravel()[::4]])
    assert abs(float(metrics["kl"]) - own) < 0.02 and own > 0.1
    np.testing.assert_allclose(value, metrics["kl"] - 0.3 * metrics["other_kl"], rtol=1e-5)
    loud, soft = told[1].mean(), told[0].mean()
    other = np.mean([kl(THEIRS[0] + 1e-2 * x) for x in (loud, soft)])
    assert abs(float(metrics["other_kl"]) - other) < 0.02


def test_wants_logistics_and_another_clip():
    with pytest.raises(BadInput, match="Logistics"):
        DensityDistillation(Fixed(), Told(Gaussian()), SPEC)
    objective = DensityDistillation(Fixed(), Told(), SPEC, transform=(16, 8))
    variables = Variables(
        {"student": {"w": jnp.array(OURS)}}, {}, {"teacher": {"w": jnp.array(THEIRS)}}
    )
    with pytest.raises(BadInput, match="2 or more"):
        objective.turns[0].loss(variables, {"audio": np.zeros((1, 64, 1))}, jax.random.key(0), 0)
