"""A parallel student learns a teacher whose samples are mixtures of logistics, as Parallel WaveNet.

van den Oord, Li, Babuschkin et al. 2018 (ICML), arXiv 1711.10433, sections 3 and 4. The student is
one logistic per sample given its noise, whose entropy is exact, log scale + 2; the cross-entropy
under the teacher is a mean over several draws of every sample, all after the same past:
  KL(student || teacher) - contrastive KL(student || teacher condition of another clip)
    + power |difference of power spectra, averaged over time|^2.
Metrics: kl, in nats per sample between densities, `other_kl` and power.

Deviations and guesses
- 0.3, the weight of the contrastive term, is remembered, unchecked; so is that spectra are averaged
  over time; the weight and sizes of the power loss are ours;
- the perceptual term needs a phone classifier of the authors' and is left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from zoo.distributions import MixtureOfLogistics
from zoo.errors import BadInput
from zoo.losses import spectral
from zoo.objectives.base import Batch, LossOutput, Turn, Variables
from zoo.objectives.students import Student


@dataclass(frozen=True)
class DensityDistillation(Student):
    """Player 'student' of logistic noise, frozen 'teacher' of a `MixtureOfLogistics`.

    draws: of every sample, for the cross-entropy. transform: n_fft and hop of the power loss.
    """

    draws: int = 8
    contrastive: float = 0.3
    power: float = 1.0
    transform: tuple[int, int] = (1024, 256)

    def __post_init__(self) -> None:
        if not isinstance(self.teacher.distribution, MixtureOfLogistics):
            raise BadInput("the draws are weighed as logistics: give a MixtureOfLogistics teacher")

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("student", self._loss),)

    def noise(self, normal: jax.Array) -> jax.Array:
        """Standard logistic noise of white Gaussian noise, of the same ranks, [B T 1] -> same."""
        return jax.scipy.special.log_ndtr(normal) - jax.scipy.special.log_ndtr(-normal)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        real, (first, again) = batch[self.audio], jax.random.split(rng)
        features = self.features(real)
        noise = self.noise(jax.random.normal(first, real.shape))
        condition = self._condition(variables, features)
        made: Any = self.student.apply(variables.of("student"), noise, condition, train=True)
        fake, mean, log_scale = made
        others = self.noise(jax.random.normal(again, (self.draws, *real.shape)))
        drawn = mean + jnp.exp(log_scale) * others
        entropy = jnp.mean(log_scale) + 2
        metrics = {"kl": self._cross_entropy(variables, fake, features, drawn) - entropy}
        metrics["power"] = jnp.mean(spectral.power_mse(fake, real, *self.transform))
        value = metrics["kl"] + self.power * metrics["power"]
        if self.contrastive:
            if len(real) < 2:
                raise BadInput("the contrastive term takes another clip: give batches of 2 or more")
            other = jnp.roll(features, 1, axis=0)
            metrics["other_kl"] = self._cross_entropy(variables, fake, other, drawn) - entropy
            value -= self.contrastive * metrics["other_kl"]
        return value, ({}, metrics)

    def _cross_entropy(
        self, variables: Variables, fake: jax.Array, features: jax.Array, drawn: jax.Array
    ) -> jax.Array:
        """Of drawn samples [N B T 1] that follow `fake` [B T 1], in nats of a density."""
        raw: Any = self.teacher.apply(variables.of("teacher"), fake, condition=features)
        distribution = self.teacher.distribution
        log_mass = jax.vmap(lambda x: distribution.log_mass(raw, x))(drawn)
        return -jnp.mean(log_mass) + (1 - distribution.bits) * math.log(2)
