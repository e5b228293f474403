"""GAN-TTS' game: audio of frames and noise, against discriminators of random windows, by hinges.

The discriminators see both what is made and what it was made of. Orthogonal regularisation holds
the generator's filters apart. Metrics to watch: discriminator/margin, real minus generated score;
generator/level_db against discriminator/level_db, that of the data; generator/offset, the constant
part of what is made; generator/log_mel_l1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers import receptive_field as receptive_fields
from zoo.losses import adversarial
from zoo.losses.spectral import multi_scale
from zoo.losses.waveform import l1
from zoo.network import Network
from zoo.objectives import mel_windows
from zoo.objectives.adversarial import rms_db
from zoo.objectives.base import Batch, LossOutput, Request, Tree, Turn, Variables
from zoo.signal import framing, mel

_TAIL = 10  # frames of silence behind a source


@dataclass(frozen=True)
class WindowGan:
    """Discriminator and generator of batch[`audio`] [B T 1], T a multiple of the hop.

    generator(frames [B F M], z [B L]) -> [B hop F 1]; discriminator(audio, frames) -> scores [B]
    of random windows, whose hinges are summed. spec: the front end of the frames, one a hop.
    orthogonal: weight of the squared products of the generator's filters. spectral: of the L1 of
    ln mel spectrograms, linear: of the L1 of magnitudes at DDSP's six FFT sizes; the paper does
    without both. discriminator_turns: for one of the generator.
    """

    generator: Network
    discriminator: Network
    spec: mel.MelSpec
    audio: str = "audio"
    orthogonal: float = 1e-4
    spectral: float = 0.0
    linear: float = 0.0
    discriminator_turns: int = 1

    needs_source: ClassVar[bool] = True
    # While all scores lie within the margins of the hinge, moving them together changes nothing.
    zero_gradient_at_init: ClassVar[tuple[str, ...]] = ("['score']['bias']",)

    def __post_init__(self) -> None:
        if self.generator.hop != self.spec.hop or self.discriminator.hop != self.spec.hop:
            raise BadInput(
                f"the generator makes {self.generator.hop} samples a frame, the discriminator "
                f"takes {self.discriminator.hop}, the front end has a hop of {self.spec.hop}: "
                "make them equal"
            )
        if self.generator.bins != self.spec.bins:
            raise BadInput(
                f"the generator takes {self.generator.bins} mel bins, the front end gives "
                f"{self.spec.bins}: make them equal"
            )

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio, keys = batch[self.audio], jax.random.split(rng, 3)
        frames = self.features(audio)
        made = {
            "discriminator": self.discriminator.init(
                {"params": keys[0], "window": keys[1]}, audio, frames
            ),
            "generator": self.generator.init(keys[2], frames, self._latents(rng, len(audio))),
        }
        params = {name: dict(own).pop("params") for name, own in made.items()}
        rest = {k: {c: x for c, x in own.items() if c != "params"} for k, own in made.items()}
        return Variables(params, rest)

    @property
    def receptive_field(self) -> int:
        """Samples of the source whose frames a sample is made of."""
        frames = receptive_fields.total_receptive_field(self.generator.steps, self.generator.hop)
        return framing.frames_span(frames, self.spec.n_fft, self.spec.hop)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (
            Turn("discriminator", self._discriminator_turn, self.discriminator_turns),
            Turn("generator", self._generator_turn),
        )

    def features(self, audio: jax.Array) -> jax.Array:
        """The front end's log mel spectrogram of mono audio [B T 1] -> [B F M]."""
        return mel.log_mel(audio, self.spec)[..., 0]

    def _latents(self, key: jax.Array, count: int) -> jax.Array:
        return jax.random.normal(key, (count, self.generator.latent))

    def _discriminator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        for_latents, for_windows = jax.random.split(rng)
        real = batch[self.audio]
        frames, fake, _ = self._fake(variables, real, for_latents)
        # One call for both, so that vectors of the spectral norm move once a turn.
        scores, changed = self._scores(
            variables, for_windows, jnp.concatenate([fake, real]), jnp.concatenate([frames] * 2)
        )
        pairs = [jnp.split(score, 2) for score in scores]
        loss = jnp.mean(reduce(jnp.add, [adversarial.hinge_discriminator(*p) for p in pairs]))
        margin = reduce(jnp.add, [jnp.mean(ours - theirs) for theirs, ours in pairs]) / len(pairs)
        return loss, ({"discriminator": changed}, {"margin": margin, "level_db": rms_db(real)})

    def _generator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        for_latents, for_windows = jax.random.split(rng)
        real = batch[self.audio]
        frames, fake, changed = self._fake(variables, real, for_latents)
        scores, _ = self._scores(variables, for_windows, fake, frames)
        pleasing = jnp.mean(reduce(jnp.add, [adversarial.hinge_generator(s) for s in scores]))
        apart = adversarial.off_diagonal(variables.params["generator"])
        spec = replace(self.spec, compress=mel.log_clamp)
        distance = jnp.mean(l1(mel.log_mel(fake, spec), mel.log_mel(real, spec)))
        metrics = {
            "adversarial": pleasing,
            "offset": jnp.mean(jnp.abs(jnp.mean(fake, 1))),
            "off_diagonal": apart,
            "log_mel_l1": distance,
            "level_db": rms_db(fake),
        }
        loss = pleasing + self.orthogonal * apart + self.spectral * distance
        if self.linear:
            # Mel filters are blind at 0 Hz: without this a constant offset is free.
            loss += self.linear * jnp.mean(multi_scale(fake, real, log=0.0))
        return loss, ({"generator": changed}, metrics)

    def _fake(
        self, variables: Variables, real: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, jax.Array, Tree]:
        """(frames, audio made of them, the generator's moved statistics and vectors)."""
        if real.shape[1] % self.spec.hop:
            raise BadInput(
                f"audio of {real.shape[1]} samples is no whole number of frames of "
                f"{self.spec.hop}: use a multiple of it"
            )
        frames, own = self.features(real), variables.of("generator")
        kept = [name for name in own if name != "params"]
        z = self._latents(key, len(real))
        fake, changed = self.generator.apply(own, frames, z, train=True, mutable=kept)
        return frames, fake, dict(changed)

    def _scores(
        self, variables: Variables, key: jax.Array, audio: jax.Array, frames: jax.Array
    ) -> tuple[tuple[jax.Array, ...], Tree]:
        own = variables.of("discriminator")
        kept = [name for name in own if name != "params"]
        given = dict(train=True, mutable=kept, rngs={"window": key})
        scores, changed = self.discriminator.apply(own, audio, frames, **given)
        return scores, dict(changed)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B hop F 1]} of the batch's own frames; batch['index'] [B] seeds the noise."""
        frames = self.features(batch[self.audio])
        index = batch.get("index", jnp.arange(len(frames)))
        z = jax.vmap(lambda i: self._latents(jax.random.fold_in(rng, i), 1)[0])(index)
        return {"audio": self.generator.apply(variables.of("generator"), frames, z)}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source made anew, equal to one pass over all of it.

        Every voice has noise of its own, of deviation `temperature`, the same in all of its frames.
        """
        temperature = request.rule.temperature_alone("a generator of whole clips")
        key = jax.random.key(request.seed)
        make = partial(self._make, request.count, variables, key, temperature)
        reach = self.generator.reach
        return mel_windows.vocoded(make, request, self.spec, before=reach, after=reach, tail=_TAIL)

    @partial(jax.jit, static_argnums=(0, 1))
    def _make(
        self,
        count: int,
        variables: Variables,
        key: jax.Array,
        temperature: jax.Array,
        frames: jax.Array,
        first: jax.Array,
    ) -> jax.Array:
        voices = jax.vmap(lambda voice: self._latents(jax.random.fold_in(key, voice), 1)[0])
        z = temperature * voices(jnp.arange(count))
        frames = jnp.broadcast_to(frames, (count, *frames.shape[1:]))
        return self.generator.apply(variables.of("generator"), frames, z)
