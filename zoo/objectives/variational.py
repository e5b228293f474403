"""The evidence lower bound of windows of audio, with ways to hold the posterior from collapsing.

Kingma, Welling 2014: minus the bound is the decoder's nats plus the divergence of the posterior
from the prior. beta weighs the latter (Higgins et al. 2017), after a linear warm-up (Bowman et al.
2016, Sønderby et al. 2016); free bits leave a divergence below them unpunished (Kingma et al.
2016).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.losses.divergence import gaussian_kl
from zoo.network import Network
from zoo.objectives import clips, one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.sampling import autoregressive

_ACTIVE = 0.01  # nats: a latent of a smaller mean divergence is as good as unused


@dataclass(frozen=True)
class Variational(clips.WindowGenerator):
    """Nats per sample of batch[`audio`] [B T 1]; one player, 'model'.

    model(audio, noise [B L]) -> (raw [B T P], means, log deviations), with `decode`, `latents`,
    `samples` and a `distribution`; `local` is its autoregressive decoder or None. beta: weight of
    the divergence after `warmup` steps. free_bits: nats of every latent, a mean over the batch,
    that cost nothing more. dither: as of `WindowFlow`.
    """

    model: Network
    beta: float = 1.0
    warmup: int = 0
    free_bits: float = 0.0
    dither: float = 1.0
    audio: str = "audio"

    named: ClassVar[str] = "a VAE"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio = batch[self.audio]
        noise = jnp.zeros((len(audio), self.model.latents))
        return one_network.init_player(self.model, rng, audio, noise)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio, (nats, kl, *_) = self._terms(variables, batch, rng)
        each = kl.mean(0)
        weight = self.beta * jnp.minimum((step + 1) / max(self.warmup, 1), 1.0)
        punished = jnp.maximum(each, self.free_bits).sum()
        value = (nats.mean() + weight * punished) / audio.shape[1]
        bound = (nats.mean() + each.sum()) / audio.shape[1]
        metrics = {
            "bits_per_sample": bound / math.log(2),
            "kl": each.sum(),
            "active": jnp.mean(each > _ACTIVE),
        }
        return value, ({}, metrics)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B], minus the bound per sample; 'kl': [B L]; 'prediction': [B T 1]}.

        The prediction is the mean of every sample given the latents, and for an autoregressive
        decoder the samples before.
        """
        audio, (nats, kl, raw) = self._terms(variables, batch, rng)
        bound = (nats + kl.sum(-1)) / audio.shape[1]
        return {"nats": bound, "kl": kl, "prediction": self.model.distribution.mean(raw)}

    def _terms(self, variables: Variables, batch: Batch, rng: jax.Array) -> Any:
        """Audio, (nats of the decoder [B], divergence of every latent [B L], raw [B T P])."""
        audio, (one, other) = batch[self.audio], jax.random.split(rng)
        if self.dither:
            audio += (jax.random.uniform(one, audio.shape) - 0.5) * self.dither / 2**15
        noise = jax.random.normal(other, (len(audio), self.model.latents))
        raw, mean, log_scale = self.model.apply(variables.of("model"), audio, noise)
        nats = -self.model.distribution.log_prob(raw, audio).sum(-1)
        zero = jnp.zeros(())
        return audio, (nats, gaussian_kl(mean, log_scale, zero, zero), raw)

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of one window after another.

        The temperature scales the latents and the samples of an autoregressive decoder; of the
        other the means are given out.
        """
        if self.model.local is None:
            return super().generate(variables, request)
        return self._played(variables, request)

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        """What the decoder makes of latents, a key for each."""
        draw = jax.vmap(lambda k: jax.random.normal(k, (self.model.latents,)))
        features: jax.Array = self.model.apply(
            variables.of("model"), temperature * draw(keys), method="decode"
        )
        return features

    def _played(self, variables: Variables, request: Request) -> Iterator[np.ndarray]:
        """Windows of an autoregressive decoder, side by side."""
        if request.prompt is not None or request.source is not None:
            raise BadInput("this model starts from nothing: leave --prompt and --input out")
        temperature = np.float32(request.rule.temperature_alone("a VAE"))
        key, left, number = jax.random.key(request.seed), request.length or math.inf, 0
        own = {"params": variables.params["model"]["local"]}
        while left > 0:
            features = self._make(request.count, variables, key, temperature, np.uint32(number))
            drawn = autoregressive.generate_scored(
                self.model.local,
                own,
                length=int(min(left, self.model.samples)),
                count=request.count,
                seed=request.seed + (number + 1) * 2**16,
                rule=request.rule,
                engine=request.engine,
                chunk=request.chunk,
                condition=features,
            )
            yield from (audio for audio, _ in drawn)
            left, number = left - self.model.samples, number + 1
