"""A parallel student learns an autoregressive teacher's distribution, as ClariNet does.

The student turns noise into audio, the frozen teacher says how it would have gone on after every
sample of it; both are one Gaussian per sample, so that their divergence is exact given the noise:
  KL(student || teacher) + regularizer |log scale - teacher's|^2 + spectral |STFT difference|^2.
Metrics: kl in nats per sample, scale_gap, spectral. Reverse KL seeks one mode of the teacher.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.distributions import Gaussian
from zoo.errors import BadInput
from zoo.losses import divergence, spectral
from zoo.objectives import mel_windows
from zoo.objectives.base import Batch, Outcome, Request, Turn, Variables
from zoo.signal import mel

MARGIN = 2  # frames on either side that upsampling by transposed convolutions mixes in


@dataclass(frozen=True)
class Distillation:
    """Player 'student', frozen 'teacher', of batch[`audio`] [B T 1] and its mel spectrogram.

    student(noise, condition) -> (audio, mean, log scale); teacher(audio, condition=mel) -> raw
    [B T 2] of a `Gaussian`, with `upsample` of the mel spectrogram, which the student shares.
    transform: n_fft, hop, window of the spectral loss. floor: of both log scales in the KL.
    """

    student: nn.Module
    teacher: nn.Module
    spec: mel.MelSpec
    regularizer: float = 4.0
    spectral: float = 1.0
    transform: tuple[int, int, int] = (2048, 300, 1200)
    floor: float = -7.0
    audio: str = "audio"

    needs_source: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.teacher.distribution, Gaussian):
            raise BadInput("the divergence is that of Gaussians: give the teacher Gaussian()")

    def features(self, audio: jax.Array) -> jax.Array:
        """The front end's log mel spectrogram of mono audio [B T 1] -> [B F M]."""
        return mel.log_mel(audio, self.spec)[..., 0]

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio, (old, new) = batch[self.audio], jax.random.split(rng)
        features = self.features(audio)
        teacher = self.teacher.init(old, audio, condition=features)["params"]
        variables = Variables({"student": {}}, frozen={"teacher": teacher})
        student = self.student.init(new, audio, self._told(variables, features))["params"]
        return variables.replace(params={"student": student})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("student", self._loss),)

    def _loss(self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array) -> Outcome:
        real = batch[self.audio]
        fake, terms = self._distil(variables, self.features(real), real.shape, rng)
        metrics = {name: jnp.mean(term) for name, term in terms.items()}
        metrics["spectral"] = jnp.mean(spectral.magnitude(fake, real, *self.transform))
        value = metrics["kl"] + self.regularizer * metrics["scale_gap"]
        return value + self.spectral * metrics["spectral"], ({}, metrics)

    def _distil(
        self, variables: Variables, features: jax.Array, shape: tuple[int, ...], rng: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """(the student's audio, {kl, scale_gap} of every sample [B T 1])."""
        noise = jax.random.normal(rng, shape)
        told = self._told(variables, features)
        fake, *ours = self.student.apply(variables.of("student"), noise, told, train=True)
        raw = self.teacher.apply(variables.of("teacher"), fake, condition=features)
        theirs = jnp.split(raw.astype(jnp.float32), 2, -1)
        kl, gap = divergence.floored_gaussian_kl(*ours, *theirs, floor=self.floor)
        return fake, {"kl": kl, "scale_gap": gap}

    def _told(self, variables: Variables, features: jax.Array) -> jax.Array:
        return self.teacher.apply(variables.of("teacher"), features, method="upsample")

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1]}: the batch's audio out of its own mel spectrogram and fresh noise."""
        real = batch[self.audio]
        told = self._told(variables, self.features(real))
        noise = jax.random.normal(rng, real.shape)
        return {"audio": self.student.apply(variables.of("student"), noise, told)[0]}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source vocoded in parallel, every voice from its own noise."""
        temperature = request.rule.temperature_alone("a distilled student")
        chance = np.uint32(request.seed % 2**32), temperature
        make = partial(self._make, request.count, variables, *chance)
        before = -(-self.student.receptive_field // self.spec.hop) + MARGIN
        return mel_windows.vocoded(make, request, self.spec, before=before, after=MARGIN)

    @partial(jax.jit, static_argnums=(0, 1))
    def _make(
        self,
        count: int,
        variables: Variables,
        seed: jax.Array,
        temperature: jax.Array,
        frames: jax.Array,
        first: jax.Array,
    ) -> jax.Array:
        hop = self.spec.hop
        noise = mel_windows.noise(seed, count, first * hop, frames.shape[1] * hop, 1)
        told = self._told(variables, frames)
        told = jnp.broadcast_to(told, (count, *told.shape[1:]))
        return self.student.apply(variables.of("student"), noise * temperature, told)[0]
