"""Scores of noisy windows of audio, learnt by taking noise away, and windows drawn by them.

Denoising score matching, weighed by the noise's variance (Song, Ermon 2019, equation 6; Song et al.
2021, equation 7): the mean square of score times deviation plus the noise that was added. A mean
over samples, where the papers' code has half the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.network import Network
from zoo.objectives import clips, one_network
from zoo.objectives.base import Batch, LossOutput, Turn, Variables
from zoo.sampling import langevin
from zoo.sampling.noise_processes import NoiseProcess


@dataclass(frozen=True)
class ScoreMatching(clips.WindowGenerator):
    """Of batch[`audio`] [B T 1], divided by `scale`; one player, 'model'.

    model(x of power near one [B T 1], deviation [B]) -> score times deviation [B T 1]. samples: T
    of the windows that are drawn.
    """

    model: Network
    process: NoiseProcess
    samples: int
    scale: float = 0.1
    audio: str = "audio"

    named: ClassVar[str] = "a score of windows"

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """What lies before the last map, if that begins at zero."""
        return getattr(self.model, "zero_gradient_at_init", ())

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio = batch[self.audio]
        return one_network.init_player(self.model, rng, audio, jnp.ones(len(audio)))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        return self._errors(variables, batch, rng).mean(), ({}, {})

    def _errors(self, variables: Variables, batch: Batch, rng: jax.Array) -> jax.Array:
        """Of each window of a batch, at a noise of its own [B]."""
        data = batch[self.audio] / self.scale
        one, other = jax.random.split(rng)
        factor, deviation = self.process.at(jax.random.uniform(one, (len(data),)))
        noise = jax.random.normal(other, data.shape)
        noisy = factor[:, None, None] * data + deviation[:, None, None] * noise
        found = self._found(variables, noisy, factor, deviation)
        return jnp.square(found + noise).mean((1, 2))

    def _found(
        self, variables: Variables, x: jax.Array, factor: jax.Array, deviation: jax.Array
    ) -> jax.Array:
        """Score times deviation [B T 1]; factor, deviation [B]."""
        power = jnp.sqrt(jnp.square(factor) + jnp.square(deviation))[:, None, None]
        found: jax.Array = self.model.apply(variables.of("model"), x / power, deviation)
        return found

    def score(self, variables: Variables, x: jax.Array, factor: Any, deviation: Any) -> jax.Array:
        """Slope of the log density of noisy data x [B T 1], in units of `scale`: [B T 1]."""
        every = (jnp.full(len(x), number) for number in (factor, deviation))
        return self._found(variables, x, *every) / deviation

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1], drawn by batch['index'] where given; 'loss': [B] of the batch's}."""
        audio = self._drawn_by_index(variables, batch, rng)
        return {"audio": audio, "loss": self._errors(variables, batch, rng)}

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        """Audio [B T 1], a key for each."""
        begin, walk = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        shape = (self.samples, 1)
        begun = temperature * jax.vmap(lambda k: jax.random.normal(k, shape))(begin)
        normals = langevin.by_key(walk, shape)
        score = partial(self.score, variables)
        x = self.process.sample(score, begun, lambda i: temperature * normals(i))
        return self.scale * x
