"""Exact likelihood of audio under an invertible model of it, given its mel spectrogram.

The loss is nats per sample of a density over amplitudes in [-1, 1], so negative values are normal:
  log p(x) = log N(z; 0, sigma^2) + log-determinant,   both summed over an example and divided by T.
NVIDIA's WaveGlow prints the same without the constant: its loss is ours less ln(2 pi sigma^2) / 2
(0.919 for sigma 1, 0.572 for sqrt(1/2)). Compare likelihoods only between densities.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import mel_windows, one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.signal import mel


@dataclass(frozen=True)
class Flow:
    """Maximum likelihood of batch[`audio`] [B T 1]; one player, 'model'.

    model(audio, mel) -> (z, log-determinant [B]) with an `inverse(z [B T/group group], mel)`. spec:
    the front end. sigma: standard deviation of z. dither: width, in steps of 16-bit PCM, of
    uniform noise added to the audio; 1 keeps the density of digital silence finite. temperature:
    of the noise by which `predict` vocodes; `generate` takes that of its request.
    """

    model: Network
    spec: mel.MelSpec
    sigma: float = 1.0
    dither: float = 0.0
    temperature: float = 1.0
    audio: str = "audio"

    needs_source: ClassVar[bool] = True
    takes_frames: ClassVar[bool] = True  # of a system that speaks (zoo/songs/speaking.py)

    def __post_init__(self) -> None:
        for name in ("hop", "bins"):
            ours, theirs = getattr(self.model, name), getattr(self.spec, name)
            if ours != theirs:
                raise BadInput(f"the model's {name} is {ours}, the front end's {theirs}: use one")

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """Couplings end in zeros at first, so that nothing before reaches the very first loss."""
        return getattr(self.model, "zero_gradient_at_init", ())

    def features(self, audio: jax.Array) -> jax.Array:
        """The front end's log mel spectrogram of mono audio [B T 1] -> [B F M]."""
        return mel.log_mel(audio, self.spec)[..., 0]

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        """Of a model with ActNorm the batch sets it; a silent one says nothing, noise stands in."""
        audio = self._dithered(batch[self.audio], jax.random.fold_in(rng, 1))
        noise = 0.05 * jax.random.normal(jax.random.fold_in(rng, 2), audio.shape)
        silent = jnp.mean(jnp.square(audio)) < 1e-6
        audio = jnp.where(silent, noise, audio)
        return one_network.init_player(self.model, rng, audio, self.features(audio))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        nats = jnp.mean(self._nats(variables, batch, rng, train=True))
        return nats, ({}, {"bits_per_sample": nats / math.log(2)})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B], 'audio': [B T 1]}: the negative log-likelihood per sample of each clip, and
        the clip vocoded: drawn anew from its own mel spectrogram.
        """
        audio, (dither, draw) = batch[self.audio], jax.random.split(rng)
        features, group = self.features(audio), self.model.group
        z = jax.random.normal(draw, (audio.shape[0], audio.shape[1] // group, group))
        z = z * (self.sigma * self.temperature)
        fresh = self.model.apply(variables.of("model"), z, features, method="inverse")
        return {"nats": self._nats(variables, batch, dither), "audio": fresh}

    def _nats(
        self, variables: Variables, batch: Batch, rng: jax.Array, *, train: bool = False
    ) -> jax.Array:
        audio = batch[self.audio]
        features = self.features(audio)
        audio = self._dithered(audio, rng)
        z, log_det = self.model.apply(variables.of("model"), audio, features, train=train)
        energy = jnp.sum(jnp.square(z.reshape(z.shape[0], -1)), axis=1) / (2 * self.sigma**2)
        constant = 0.5 * math.log(2 * math.pi * self.sigma**2)
        return constant + (energy - log_det) / audio.shape[1]

    def _dithered(self, audio: jax.Array, rng: jax.Array) -> jax.Array:
        if not self.dither:
            return audio
        return audio + (jax.random.uniform(rng, audio.shape) - 0.5) * self.dither / 2**15

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source vocoded; every voice from noise of its own.

        The noise has the standard deviation sigma * temperature: papers' sigma at inference (0.6)
        is a temperature of 0.6 / sigma.
        """
        scale = self.sigma * request.rule.temperature_alone("a flow")
        chance = np.uint32(request.seed % 2**32), scale
        make = partial(self._make, request.count, variables, *chance)
        before, after = self.model.frames_before, self.model.frames_after
        return mel_windows.vocoded(make, request, self.spec, before=before, after=after)

    @partial(jax.jit, static_argnums=(0, 1))
    def _make(
        self,
        count: int,
        variables: Variables,
        seed: jax.Array,
        scale: jax.Array,
        frames: jax.Array,
        first: jax.Array,
    ) -> jax.Array:
        group = self.model.group
        steps = self.spec.hop // group  # groups of samples in a frame
        length = frames.shape[1] * steps
        z = mel_windows.noise(seed, count, first * steps, length, group)
        frames = jnp.broadcast_to(frames, (count, *frames.shape[1:]))
        z = z * scale
        return self.model.apply(variables.of("model"), z, frames, method="inverse")
