"""What students of an autoregressive vocoder share: noise to audio in one pass, given a mel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.objectives import mel_windows
from zoo.objectives.base import Batch, Request, Variables
from zoo.signal import mel

_MARGIN = 2  # frames on either side that upsampling by transposed convolutions mixes in


@dataclass(frozen=True)
class Student:
    """Player 'student', frozen 'teacher', of batch[`audio`] [B T 1] and its mel spectrogram.

    student(noise, condition) -> (audio, mean, log scale); teacher(audio, condition=mel) -> raw
    [B T P] of its `distribution`, with `upsample` of the mel spectrogram, which the student shares.
    """

    student: Network
    teacher: Network
    spec: mel.MelSpec
    audio: str = field(default="audio", kw_only=True)

    needs_source: ClassVar[bool] = True
    takes_frames: ClassVar[bool] = True  # of a system that speaks (zoo/songs/speaking.py)

    def features(self, audio: jax.Array) -> jax.Array:
        """The front end's log mel spectrogram of mono audio [B T 1] -> [B F M]."""
        return mel.log_mel(audio, self.spec)[..., 0]

    def noise(self, normal: jax.Array) -> jax.Array:
        """What the student starts from, of white Gaussian noise [B T 1] -> [B T 1]."""
        return normal

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio, (old, new) = batch[self.audio], jax.random.split(rng)
        features = self.features(audio)
        teacher = self.teacher.init(old, audio, condition=features)["params"]
        variables = Variables({"student": {}}, frozen={"teacher": teacher})
        student = self.student.init(new, audio, self._condition(variables, features))["params"]
        return variables.replace(params={"student": student})

    def _condition(self, variables: Variables, features: jax.Array) -> jax.Array:
        condition: Any = self.teacher.apply(variables.of("teacher"), features, method="upsample")
        return condition

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1]}: the batch's audio out of its own mel spectrogram and fresh noise."""
        real = batch[self.audio]
        condition = self._condition(variables, self.features(real))
        noise = self.noise(jax.random.normal(rng, real.shape))
        return {"audio": self.student.apply(variables.of("student"), noise, condition)[0]}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source vocoded in parallel, every voice from its own noise."""
        temperature = request.rule.temperature_alone("a distilled student")
        chance = np.uint32(request.seed % 2**32), temperature
        make = partial(self._make, request.count, variables, *chance)
        before = -(-self.student.receptive_field // self.spec.hop) + _MARGIN
        return mel_windows.vocoded(make, request, self.spec, before=before, after=_MARGIN)

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
        normal = mel_windows.noise(seed, count, first * hop, frames.shape[1] * hop, 1)
        condition = self._condition(variables, frames)
        condition = jnp.broadcast_to(condition, (count, *condition.shape[1:]))
        noise = self.noise(normal) * temperature
        return self.student.apply(variables.of("student"), noise, condition)[0]
