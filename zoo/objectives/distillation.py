"""A parallel student learns an autoregressive teacher's distribution, as ClariNet does.

The student turns noise into audio, the frozen teacher says how it would have gone on after every
sample of it; both are one Gaussian per sample, so that their divergence is exact given the noise:
  KL(student || teacher) + regularizer |log scale - teacher's|^2 + spectral |STFT difference|^2.
Metrics: kl in nats per sample, scale_gap, spectral. Reverse KL seeks one mode of the teacher.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from zoo.distributions import Gaussian
from zoo.errors import BadInput
from zoo.losses import divergence, spectral
from zoo.objectives.base import Batch, LossOutput, Turn, Variables
from zoo.objectives.students import Student


@dataclass(frozen=True)
class Distillation(Student):
    """Player 'student', frozen 'teacher' of a `Gaussian`, of audio and its mel spectrogram.

    transform: n_fft, hop, window of the spectral loss. floor: of both log scales in the KL.
    """

    regularizer: float = 4.0
    spectral: float = 1.0
    transform: tuple[int, int, int] = (2048, 300, 1200)
    floor: float = -7.0

    def __post_init__(self) -> None:
        if not isinstance(self.teacher.distribution, Gaussian):
            raise BadInput("the divergence is that of Gaussians: give the teacher Gaussian()")

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("student", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        real = batch[self.audio]
        fake, terms = self._distil(variables, self.features(real), real.shape, rng)
        metrics = {name: jnp.mean(term) for name, term in terms.items()}
        metrics["spectral"] = jnp.mean(spectral.magnitude_mse(fake, real, *self.transform))
        value = metrics["kl"] + self.regularizer * metrics["scale_gap"]
        return value + self.spectral * metrics["spectral"], ({}, metrics)

    def _distil(
        self, variables: Variables, features: jax.Array, shape: tuple[int, ...], rng: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """(the student's audio, {kl, scale_gap} of every sample [B T 1])."""
        noise = jax.random.normal(rng, shape)
        condition = self._condition(variables, features)
        fake, *ours = self.student.apply(variables.of("student"), noise, condition, train=True)
        raw = self.teacher.apply(variables.of("teacher"), fake, condition=features)
        theirs = jnp.split(raw.astype(jnp.float32), 2, -1)
        kl, gap = divergence.floored_gaussian_kl(*ours, *theirs, floor=self.floor)
        return fake, {"kl": kl, "scale_gap": gap}
