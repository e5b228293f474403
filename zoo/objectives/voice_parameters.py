"""What a vocoder plays a voice from, learnt from mixtures; one player, 'model'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Tree, Turn, Variables
from zoo.objectives.supervised import batch_array

_HIGHEST = 0.7  # weight of an envelope's last point; that of its first is 1
PITCH = -2  # its place among the parameters; behind it 1 where there is none


@dataclass(frozen=True)
class VoiceParameters:
    """L1 of normalised parameters [B F P] and cross-entropy of the unvoiced, summed over frames.

    The envelope's points weigh from 1 to .7, the pitch counts where the voice has one. model: gives
    `normalised(mixture)` and `shares(parameters)` by its collection `ranges`, which `initialize`
    finds in the training split.
    """

    model: Network
    input: str = "mixture"
    target: str = "voice"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch_array(batch, self.input))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def initialize(
        self, variables: Variables, batches: Iterator[dict[str, np.ndarray]]
    ) -> Variables:
        """The loudest magnitude of every bin, the least and the most of every parameter.

        Decibels reach up to 0 at least, and the pitch is that of voiced frames.
        """
        own = variables.of("model")
        zero = np.zeros(own["ranges"]["most"].shape)
        loudest, least, most = 0.0, zero + np.inf, zero
        notes = [np.zeros(0)]
        for batch in batches:
            voice = batch[self.target]
            found = np.asarray(self._magnitudes(own, batch[self.input]), np.float64)
            loudest = np.maximum(loudest, found.max((0, 1)))
            least, most = np.minimum(least, voice.min((0, 1))), np.maximum(most, voice.max((0, 1)))
            notes.append(voice[voice[..., -1] < 0.5][:, PITCH])
        pitch = np.concatenate(notes)
        if not len(pitch) or not np.any(loudest):
            raise BadInput("no voice sounds in the training split: nothing can be learnt of it")
        least[PITCH:], most[PITCH:] = (pitch.min(), 0), (pitch.max(), 1)
        # A bin in which nothing sounds would be divided by zero.
        ranges = {"loudest": np.maximum(loudest, 1e-6), "least": least, "most": most}
        ranges = {name: np.asarray(value, np.float32) for name, value in ranges.items()}
        return variables.replace(collections={"model": {"ranges": ranges}})

    @partial(jax.jit, static_argnums=0)
    def _magnitudes(self, own: Tree, mixture: jax.Array) -> jax.Array:
        return self.model.apply(own, mixture, method="magnitudes")

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        terms = self._terms(variables, batch)
        measured = {name: jnp.mean(value) for name, value in terms.items()}
        return jnp.sum(jnp.stack(list(measured.values()))), ({}, measured)

    def held_out_loss(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'loss': [B]}."""
        return {"loss": jnp.sum(jnp.stack(list(self._terms(variables, batch).values())), 0)}

    def _terms(self, variables: Variables, batch: Batch) -> Batch:
        """The four distances, [B] each."""
        own = variables.of("model")
        ours = self.model.apply(own, batch_array(batch, self.input), method="normalised")
        theirs = self.model.apply(own, batch_array(batch, self.target), method="shares")
        bands, points = self.model.bands, self.model.envelope
        apart = jnp.abs(ours - theirs)
        weights = jnp.linspace(1.0, _HIGHEST, points)
        unvoiced = theirs[..., -1]
        crossed = optax.sigmoid_binary_cross_entropy(ours[..., -1], unvoiced)
        return {
            "envelope": jnp.sum(apart[..., :points] * weights, (1, 2)),
            "aperiodicity": jnp.sum(apart[..., points : points + bands], (1, 2)),
            "pitch": jnp.sum(apart[..., PITCH] * (1 - unvoiced), 1),
            "unvoiced": jnp.sum(crossed, 1),
        }

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'prediction': [B F 1 P]}, a source's parameters in their own units."""
        found = self.model.apply(variables.of("model"), batch_array(batch, self.input))
        return {"prediction": found[:, :, None]}
