"""Maximum likelihood of audio under an autoregressive model, teacher-forced; one player, 'model'.

The model gives raw parameters [B T P] with raw[t] made from audio[:t] only, and names the
`distribution` that reads them. Nats of codes (categorical, mixture of logistics) are comparable
only for equal codes; those of a density only among densities.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from zoo.distributions import disturbed
from zoo.errors import BadInput
from zoo.losses.likelihood import counted_mean
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.sampling import autoregressive
from zoo.sampling.conditions import Upsampled

Condition = Callable[[Batch], jax.Array]


@dataclass(frozen=True)
class Autoregressive:
    """Mean negative log-likelihood per sample of batch[`audio`] [B T 1], in nats.

    condition: batch -> features [B F D] for the model's `condition`; to vocode, it is given the
    requested source as {audio: [1 T 1]}. speaker: the batch key of classes [B] for the model's
    `speaker`; voice i of a request takes class i mod `speakers`.
    context: first samples of a clip that only serve as context, in training and evaluation.
    mask: the batch key of what counts, 1 or 0 [B T], for pieces of different lengths: the mean is
    over all samples that count, so that a long piece weighs more than a short one.
    disturbance: in training, the deviation in codes of noise on the past samples that the model
    reads, not on those it predicts (Jin et al. 2018, FFTNet): what it draws itself is never clean,
    and it leans on its condition. For distributions of symbols.
    """

    model: Network
    audio: str = "audio"
    condition: Condition | None = None
    speaker: str | None = None
    speakers: int = 1
    context: int = 0
    mask: str | None = None
    disturbance: float | None = None

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """What lies before logits that start at zero."""
        return getattr(self.model, "zero_gradient_at_init", ())

    @property
    def needs_source(self) -> bool:
        """Whether `generate` follows audio that is given to it."""
        return self.condition is not None

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch[self.audio], **self._given(batch))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        raw, changed = one_network.apply_in_training(
            self.model, variables, {"dropout": rng}, self._read(batch, rng), **self._given(batch)
        )
        mask = batch[self.mask][:, self.context :] if self.mask else None
        nats = counted_mean(self._nats(raw, batch), mask)
        return nats, (changed, {"bits_per_sample": nats / math.log(2)})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T]}: negative log-likelihood of every sample of each clip."""
        given = self._given(batch)
        raw = self.model.apply(variables.of("model"), batch[self.audio], **given)
        return {"nats": -self.model.distribution.log_prob(raw, batch[self.audio])}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1]; with a condition, `request.source` is what they follow."""
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of all so far, in nats."""
        constant, condition, length = {}, None, request.length
        if self.speaker is not None:
            constant["speaker"] = jnp.arange(request.count) % self.speakers
        if self.condition is not None:
            condition = self._followed(self.condition, variables, request)
            length = length or condition.length
        return autoregressive.generate_scored(
            self.model,
            variables.of("model"),
            length=length,
            count=request.count,
            seed=request.seed,
            rule=request.rule,
            engine=request.engine,
            prompt=request.prompt,
            chunk=request.chunk,
            constant=constant,
            condition=condition,
        )

    def _followed(self, condition: Condition, variables: Variables, request: Request) -> Upsampled:
        if request.source is None:
            raise BadInput("this model follows a condition; give the audio to follow as the source")
        if request.prompt is not None:
            raise BadInput("a model that follows a source takes no prompt; leave one of them out")
        features = condition({self.audio: jnp.asarray(request.source)[None]})
        return self._upsampled(variables, features, request.count)

    def _upsampled(self, variables: Variables, features: jax.Array, count: int) -> Upsampled:
        """Features [1 F D] of a source as the condition of so many voices."""
        features = jnp.broadcast_to(features, (count, *features.shape[1:]))
        reach = getattr(self.model, "condition_reach", 2)
        return Upsampled(features, self.model, variables.of("model"), reach=reach)

    def _given(self, batch: Batch) -> dict[str, Any]:
        """The keyword arguments of the model that come from the batch."""
        given = {} if self.condition is None else {"condition": self.condition(batch)}
        return given if self.speaker is None else {**given, "speaker": batch[self.speaker]}

    def _read(self, batch: Batch, rng: jax.Array) -> jax.Array:
        """The past as training reads it [B T 1]."""
        audio = batch[self.audio]
        if not self.disturbance:
            return audio
        # Apart from dropout's numbers, which have the key as it is.
        key = jax.random.fold_in(rng, 1)
        return disturbed(audio, self.model.distribution, self.disturbance, key)

    def _nats(self, raw: jax.Array, batch: Batch) -> jax.Array:
        audio = batch[self.audio]
        if self.context >= audio.shape[1]:
            raise BadInput(f"clips of {audio.shape[1]} samples are all context; give longer clips")
        log_prob = self.model.distribution.log_prob(raw, audio)
        return -log_prob[:, self.context :]
