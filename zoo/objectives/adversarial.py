"""Wasserstein GAN with gradient penalty: audio from random vectors; discriminator and generator.

Gulrajani et al. 2017 (arXiv 1704.00028). Several turns of the discriminator go before one of the
generator, each with a fresh batch and fresh vectors. A collapse is seen coming in the metrics:
discriminator/margin (real minus generated score) grows without end or turns negative,
discriminator/slope leaves 1, generator/variety (spread over the batch, as a share of the level)
falls to 0, or generator/level_db falls far below discriminator/level_db, that of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.losses import adversarial
from zoo.network import Network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables


@dataclass(frozen=True)
class Wasserstein:
    """Discriminator and generator of batch[`audio`] [B T 1].

    generator(z [B L], classes) -> audio [B T 1]; discriminator(audio, classes) -> scales of (score,
    features). Latents are uniform in [-1, 1]. label: batch key of classes [B], of which there are
    `generator.classes`; voice i of a request takes class i mod that.
    """

    generator: Network
    discriminator: Network
    audio: str = "audio"
    label: str | None = None
    penalty: float = 10.0
    discriminator_turns: int = 5

    # It moves all scores alike, and only their differences are learnt.
    zero_gradient_at_init: ClassVar[tuple[str, ...]] = ("['score']['bias']",)

    def __post_init__(self) -> None:
        if bool(self.label) != bool(self.generator.classes):
            raise BadInput("give a `label` and models with `classes`, or neither of them")

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        keys = jax.random.split(rng)
        classes = self._classes(batch)
        z = self._latents(rng, len(batch[self.audio]))
        modules = (
            ("generator", self.generator, z),
            ("discriminator", self.discriminator, batch[self.audio]),
        )
        params = {
            name: module.init(key, x, classes)["params"]
            for key, (name, module, x) in zip(keys, modules)
        }
        return Variables(params)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (
            Turn("discriminator", self._discriminator_turn, self.discriminator_turns),
            Turn("generator", self._generator_turn),
        )

    def _discriminator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        real, classes = self._real(variables, batch), self._classes(batch)
        for_latents, for_between, *shuffles = jax.random.split(rng, 5)
        fake = self._generate(variables, self._latents(for_latents, len(real)), classes)
        scores = [
            self._score(variables, shuffle)(x, classes)
            for shuffle, x in zip(shuffles, (fake, real))
        ]
        discriminator = self._score(variables, shuffles[2])
        point = adversarial.interpolate_pairs(for_between, real, fake)
        steep, slope = adversarial.gradient_penalty(lambda x: discriminator(x, classes), point)
        penalty = jnp.mean(steep)
        loss = jnp.mean(adversarial.wgan_discriminator(*scores)) + self.penalty * penalty
        metrics = {
            "margin": jnp.mean(scores[1] - scores[0]),
            "slope": jnp.mean(slope),
            "penalty": penalty,
            "level_db": rms_db(real),
        }
        return loss, ({}, metrics)

    def _generator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        for_latents, shuffle = jax.random.split(rng)
        classes = self._classes(batch)
        fake = self._generate(
            variables, self._latents(for_latents, len(batch[self.audio])), classes
        )
        score = self._score(variables, shuffle)(fake, classes)
        metrics = {"level_db": rms_db(fake), "variety": variety(fake)}
        return jnp.mean(adversarial.wgan_generator(score)), ({}, metrics)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1]}: one sample per row; batch['index'] [B], where given, seeds them."""
        index = batch.get("index", jnp.arange(len(batch[self.audio])))
        z = jax.vmap(lambda i: self._latents(jax.random.fold_in(rng, i), 1)[0])(index)
        return {"audio": self._sound(variables, self._generate(variables, z, self._classes(batch)))}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [t C] of one sample after another, each of fresh latents, the last one cut.

        temperature narrows the latents to [-temperature, temperature]. A voice's samples depend
        on the seed and its number only.
        """
        if request.prompt is not None or request.source is not None:
            raise BadInput("this generator starts from nothing: leave --prompt and --input out")
        key = jax.random.key(request.seed)
        temperature = request.rule.temperature_alone("a generator of whole clips")
        left, number = request.length or float("inf"), 0
        while left > 0:
            made = self._sample(request.count, variables, key, temperature, number)
            audio = np.asarray(made)
            audio = audio[:, : int(min(left, audio.shape[1]))]
            for start in range(0, audio.shape[1], request.chunk):
                yield audio[:, start : start + request.chunk]
            left, number = left - audio.shape[1], number + 1

    @partial(jax.jit, static_argnums=(0, 1))
    def _sample(
        self,
        count: int,
        variables: Variables,
        key: jax.Array,
        temperature: jax.Array,
        number: jax.Array,
    ) -> jax.Array:
        """The `number`-th sample of every voice, [count T C]."""
        voices = jnp.arange(count)
        classes = voices % self.generator.classes if self.label else None

        def latent(voice: jax.Array) -> jax.Array:
            own = jax.random.fold_in(jax.random.fold_in(key, voice), number)
            return self._latents(own, 1)[0]

        z = temperature * jax.vmap(latent)(voices)
        audio = self._sound(variables, self._generate(variables, z, classes))
        return jnp.clip(audio, -1, 1)

    def _real(self, variables: Variables, batch: Batch) -> jax.Array:
        """The discriminator's real examples: here audio [B T 1]."""
        return batch[self.audio]

    def _sound(self, variables: Variables, fake: jax.Array) -> jax.Array:
        """The generator's output as audio [B T 1]: here it is audio."""
        return fake

    def _latents(self, key: jax.Array, count: int) -> jax.Array:
        return jax.random.uniform(key, (count, self.generator.latent), minval=-1.0)

    def _classes(self, batch: Batch) -> jax.Array | None:
        return None if self.label is None else batch[self.label].astype(jnp.int32)

    def _generate(self, variables: Variables, z: jax.Array, classes: jax.Array | None) -> jax.Array:
        return self.generator.apply(variables.of("generator"), z, classes)

    def _score(
        self, variables: Variables, key: jax.Array
    ) -> Callable[[jax.Array, jax.Array | None], jax.Array]:
        """The discriminator as a pure function of its input: its random shifts are those of the
        key."""

        def score(x: jax.Array, classes: jax.Array | None) -> jax.Array:
            scales = self.discriminator.apply(
                variables.of("discriminator"), x, classes, train=True, rngs={"shuffle": key}
            )
            return reduce(jnp.add, [one for one, _ in scales])

        return score


def rms_db(audio: jax.Array) -> jax.Array:
    """Root mean square in dB of full scale."""
    return 10 * jnp.log10(jnp.mean(jnp.square(audio)) + 1e-10)


def variety(audio: jax.Array) -> jax.Array:
    """Spread of [B T C] over the batch as a share of its level: 0 if all are one, else about 1."""
    spread = jnp.mean(jnp.var(audio, axis=0))
    return jnp.sqrt((spread + 1e-10) / (jnp.mean(jnp.square(audio)) + 1e-10))
