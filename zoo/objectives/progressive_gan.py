"""GANSynth's way: a Wasserstein GAN of pitched notes as images, whose networks grow as they learn.

Engel et al. 2019, details from the authors' published code. Real images are seen at the resolution
that is grown so far, blended as the next one fades in; pitches of generated notes are drawn as
often as the training data have them; on the discriminator's last layer stands a classifier of the
pitch, which both players want to be right: of real notes the discriminator, of its own ones the
generator. The gradient penalty is taken of images before they are normalised.

How far the networks have grown is kept beside the generator's weights, so that any checkpoint
sounds as it was trained.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.errors import BadInput
from zoo.losses import adversarial
from zoo.network import Network
from zoo.objectives import clips, melody
from zoo.objectives.adversarial import variety
from zoo.objectives.base import Batch, LossOutput, Metrics, Request, Turn, Variables
from zoo.objectives.growth import Growth
from zoo.signal import phase_images
from zoo.signal.phase_images import PhaseImageLayout
from zoo.signal.pyramid import blend_levels

_TOGETHER = 8  # notes of a melody that are made at once


@dataclass(frozen=True)
class ProgressiveGAN:
    """Discriminator and generator of images of batch[`audio`] [B T 1] with batch[`pitch`] [B].

    generator(z [B L], pitch [B P], progress) -> images [B F N 2] in [-1, 1];
    discriminator(images, progress) -> (scores [B], logits [B P]). lowest: the first of the
    generator's `pitches` as MIDI number. growth: None trains all resolutions from the beginning.
    blocks: resolutions that this stage computes, None for all. penalty, drift, auxiliary: weights
    of the gradient penalty, of squared scores of real images, and of the pitch's cross-entropy.
    seconds_per_timbre: in a melody, from one random vector to the next.
    """

    generator: Network
    discriminator: Network
    layout: PhaseImageLayout = PhaseImageLayout()
    growth: Growth | None = None
    blocks: int | None = None
    lowest: int = 24
    audio: str = "audio"
    pitch: str = "pitch"
    penalty: float = 10.0
    drift: float = 1e-3
    auxiliary: float = 10.0
    seconds_per_timbre: float = 6.0

    channels: ClassVar[int] = 2  # of the images that both networks work on

    def __post_init__(self) -> None:
        size = (self.layout.frames, self.layout.bins)
        if tuple(self.generator.size) != size:
            raise BadInput(f"the generator makes images of {self.generator.size}, wanted: {size}")
        if self.generator.pitches != self.discriminator.pitches:
            raise BadInput(
                f"{self.generator.pitches} pitches are made, {self.discriminator.pitches} judged"
            )

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """Blocks that are to grow, or outputs that are grown over."""
        if self.growth is not None:
            return tuple(f"block_{n}_" for n in range(2, self.generator.resolutions + 1))
        lower = range(1, self.generator.resolutions)
        return tuple(f"block_{n}_{to}" for n in lower for to in ("to_image", "from_image"))

    @property
    def pitches(self) -> range:
        """MIDI numbers that it plays."""
        return range(self.lowest, self.lowest + self.generator.pitches)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (
            Turn("discriminator", self._discriminator_turn),
            Turn("generator", self._generator_turn),
        )

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        keys, count = jax.random.split(rng), len(batch[self.audio])
        z = jnp.zeros((count, self.generator.latent))
        pitch = jnp.zeros((count, self.generator.pitches))
        image = jnp.zeros((count, self.layout.frames, self.layout.bins, self.channels))
        conditioning = self._conditioning(jnp.zeros(count, jnp.int32))
        grown = jnp.float32(self.generator.resolutions - 1 if self.growth is None else 0)
        return Variables(
            {
                "generator": self.generator.init(keys[0], z, pitch, **conditioning)["params"],
                "discriminator": self.discriminator.init(keys[1], image, **conditioning)["params"],
            },
            {"generator": {"growth": {"progress": grown}}},
            {"pitches": {"counts": jnp.ones(self.generator.pitches)}},
        )

    def initialize(self, variables: Variables, batches: Iterable[Batch]) -> Variables:
        """The variables with how often each pitch occurs in the training split."""
        counts = np.zeros(self.generator.pitches, np.float32)
        for batch in batches:
            numbers = np.asarray(batch[self.pitch])
            for number in numbers[(numbers < self.lowest) | (numbers > self.pitches[-1])]:
                raise BadInput(
                    f"a training note of pitch {number}: this model has {self.pitches[0]} to "
                    f"{self.pitches[-1]}; change `lowest` and `pitches`, or the data"
                )
            np.add.at(counts, numbers - self.lowest, 1)
        if not counts.any():
            raise BadInput("no note to count the pitches of: the training split is empty")
        frozen = {**variables.frozen, "pitches": {"counts": jnp.asarray(counts)}}
        return variables.replace(frozen=frozen)

    def _discriminator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        progress, (draw, place) = self._progress(step), jax.random.split(rng)
        for_z, for_pitch = jax.random.split(draw)
        top = self.blocks or self.generator.resolutions
        real = phase_images.image_of(batch[self.audio], self.layout)
        real = blend_levels(real, progress, top, self.generator.resolutions)
        label = batch[self.pitch].astype(jnp.int32) - self.lowest
        played = self._labels_beside(variables, for_pitch, label)
        fake = self._fakes(variables, for_z, played, progress)
        judged, logits = self._judged(variables, real, label, progress)
        forged, _ = self._judged(variables, fake, played, progress)
        steep, slope = adversarial.gradient_penalty(
            lambda x: self._judged(variables, x, label, progress)[0],
            adversarial.interpolate_pairs(place, real, fake),
        )
        drift = jnp.mean(jnp.square(judged))
        wrong, classified = self._classified(logits, label)
        loss = jnp.mean(adversarial.wgan_discriminator(forged, judged))
        loss += self.penalty * jnp.mean(steep) + self.drift * drift + wrong
        metrics = {
            "margin": jnp.mean(judged - forged),
            "slope": jnp.mean(slope),
            "penalty": jnp.mean(steep),
            "drift": drift,
            **classified,
        }
        return loss, ({}, metrics)

    def _generator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        progress, (for_z, for_pitch) = self._progress(step), jax.random.split(rng)
        label = self._labels(variables, for_pitch, len(batch[self.audio]))
        fake = self._fakes(variables, for_z, label, progress)
        score, logits = self._judged(variables, fake, label, progress)
        wrong, classified = self._classified(logits, label)
        metrics = {**classified, "variety": variety(fake), "resolutions": progress + 1}
        loss = jnp.mean(adversarial.wgan_generator(score)) + wrong
        return loss, ({"generator": {"growth": {"progress": progress}}}, metrics)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1]}: a note of every row's pitch; batch['index'] [B] seeds them."""
        index = batch.get("index", jnp.arange(len(batch[self.audio])))
        size = (self.generator.latent,)
        z = jax.vmap(lambda i: jax.random.normal(jax.random.fold_in(rng, i), size))(index)
        return {"audio": self._notes(variables, z, batch[self.pitch].astype(jnp.int32))}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1]: notes one after another, or the tune of `request.notes`.

        Without a tune clip n of voice v has the (n * count + v)th of `request.pitches`, round and
        round, or a pitch as often drawn as the training data have it; each has a timbre of its own.
        temperature scales the random vectors.
        """
        if request.notes is not None:
            yield from self._played(variables, request)
            return
        asked = np.asarray(melody.check_playable(self.pitches, request.pitches), np.int32)
        count = request.count

        def make(key: jax.Array, temperature: Any, number: Any) -> jax.Array:
            drawn = self._voices(count, variables, key, temperature, number)
            if not len(asked):
                return self._clips(variables, *drawn)
            places = (int(number) * count + np.arange(count)) % len(asked)
            return self._clips(variables, drawn[0], asked[places])

        yield from clips.draw_clips(make, request, "a generator of notes")

    def _played(self, variables: Variables, request: Request) -> Iterator[np.ndarray]:
        melody.check_playable(self.pitches, request.notes["pitch"])
        temperature = request.rule.temperature_alone("a generator of notes")
        key, rate = jax.random.key(request.seed), self.layout.sample_rate

        def make(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
            """Notes [count n T] of as many onsets in seconds, filled up to _TOGETHER."""
            more = _TOGETHER - len(onsets)
            places = np.pad(onsets / self.seconds_per_timbre, (0, more)).astype(np.float32)
            numbers = np.pad(pitches, (0, more), mode="edge").astype(np.int32)
            found = [
                self._morphed(variables, key, temperature, np.uint32(voice), places, numbers)
                for voice in range(request.count)
            ]
            return np.stack([np.asarray(audio)[: len(onsets), :, 0] for audio in found])

        return melody.play_melody(make, request, rate, self.layout.samples, _TOGETHER)

    @partial(jax.jit, static_argnums=(0, 1))
    def _voices(
        self,
        count: int,
        variables: Variables,
        key: jax.Array,
        temperature: jax.Array,
        number: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """(vectors [count L], pitches [count]) of the `number`-th note of every voice."""

        def one(own: jax.Array) -> tuple[jax.Array, jax.Array]:
            for_z, for_pitch = jax.random.split(own)
            return jax.random.normal(for_z, (self.generator.latent,)), self._pitch(
                variables, for_pitch
            )

        z, pitch = jax.vmap(one)(clips.keys(key, number, count))
        return temperature * z, pitch

    @partial(jax.jit, static_argnums=0)
    def _clips(self, variables: Variables, z: jax.Array, pitch: jax.Array) -> jax.Array:
        return self._notes(variables, z, pitch)

    @partial(jax.jit, static_argnums=0)
    def _morphed(
        self,
        variables: Variables,
        key: jax.Array,
        temperature: jax.Array,
        voice: jax.Array,
        places: jax.Array,
        pitches: jax.Array,
    ) -> jax.Array:
        """Notes [n T 1] at `places` [n] on the way along a voice's random vectors 0, 1, ..."""
        own = jax.random.fold_in(key, voice)

        def vector(number: jax.Array) -> jax.Array:
            return jax.random.normal(jax.random.fold_in(own, number), (self.generator.latent,))

        before = jnp.floor(places)
        numbers = before.astype(jnp.uint32)
        z = jax.vmap(melody.slerp)(
            jax.vmap(vector)(numbers), jax.vmap(vector)(numbers + 1), places - before
        )
        return self._notes(variables, temperature * z, pitches)

    def _notes(self, variables: Variables, z: jax.Array, pitch: jax.Array) -> jax.Array:
        """Audio [B T 1] within [-1, 1] of vectors [B L] and MIDI pitches [B]."""
        progress = variables.collections["generator"]["growth"]["progress"]
        whole = replace(self, blocks=None)
        image = whole._images(variables, z, pitch - self.lowest, progress)
        return jnp.clip(phase_images.audio_of(image, self.layout), -1, 1)

    def _fakes(
        self, variables: Variables, key: jax.Array, label: jax.Array, progress: jax.Array
    ) -> jax.Array:
        """Images [B F N 2] of fresh vectors and these pitches [B]."""
        z = jax.random.normal(key, (len(label), self.generator.latent))
        return self._images(variables, z, label, progress)

    def _images(
        self, variables: Variables, z: jax.Array, label: jax.Array, progress: jax.Array
    ) -> jax.Array:
        pitch = jax.nn.one_hot(label, self.generator.pitches)
        apply = partial(self.generator.apply, {"params": variables.params["generator"]})
        made = apply(z, pitch, progress, blocks=self.blocks, **self._conditioning(label))
        return phase_images.denormalised(self._completed(made, label))

    def _judged(
        self, variables: Variables, image: jax.Array, label: jax.Array, progress: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        apply = partial(self.discriminator.apply, {"params": variables.params["discriminator"]})
        seen = phase_images.normalised(image)[..., : self.channels]
        return apply(seen, progress, blocks=self.blocks, **self._conditioning(label))

    def _conditioning(self, label: jax.Array) -> dict[str, jax.Array]:
        """What else both networks are given, by name, with pitches [B]."""
        return {}

    def _completed(self, made: jax.Array, label: jax.Array) -> jax.Array:
        """The generator's output [B F N C] for pitches [B] as normalised images [B F N 2]."""
        return made

    def _classified(self, logits: jax.Array, label: jax.Array) -> tuple[Any, Metrics]:
        """Weighted cross-entropy of logits [B P] and pitches [B], and metrics."""
        wrong = optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()
        right = jnp.mean(logits.argmax(-1) == label)
        return self.auxiliary * wrong, {"pitch_loss": wrong, "pitch_accuracy": right}

    def _labels_beside(self, variables: Variables, key: jax.Array, real: jax.Array) -> jax.Array:
        """Pitches [B] of the images that are judged beside real ones of pitches [B]."""
        return self._labels(variables, key, len(real))

    def _labels(self, variables: Variables, key: jax.Array, count: int) -> jax.Array:
        return self._pitch(variables, key, (count,)) - self.lowest

    def _pitch(
        self, variables: Variables, key: jax.Array, shape: tuple[int, ...] | None = None
    ) -> jax.Array:
        counts = variables.frozen["pitches"]["counts"]
        return self.lowest + jax.random.categorical(key, jnp.log(counts), shape=shape or ())

    def _progress(self, step: jax.Array) -> jax.Array:
        number = self.blocks or self.generator.resolutions
        if self.growth is None:
            return jnp.float32(number - 1)
        return self.growth.progress(step, number)
