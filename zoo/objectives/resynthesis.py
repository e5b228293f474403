"""DDSP's objective: resynthesis of audio [B T 1] from pitch and loudness, and tone transfer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.losses.spectral import multi_scale
from zoo.losses.waveform import l1
from zoo.network import Network
from zoo.objectives import tone_transfer
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.objectives.tone_transfer import Register, Tracker
from zoo.tuning import hertz_of_note

_SLOW = 0.99  # of the moving means that describe the register of the training data


@dataclass(frozen=True)
class Resynthesis:
    """Multi-scale spectral loss of the model's sound; one player, 'model'.

    pitch: the batch key of the pitch, Hz per frame [B F 1] or one MIDI number per example [B].
    classes: the key of the instrument's number [B], where the model takes it. tracker: finds the
    pitch of a user's audio. register: where the instrument plays, for models that others trained;
    training finds it itself and keeps it in the collection 'register'.
    """

    model: Network
    pitch: str = "f0"
    classes: str | None = None
    tracker: Tracker | None = None
    register: Register | None = None

    needs_source: ClassVar[bool] = True
    from_source: ClassVar[str] = "transfer"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio, f0, classes = self._given(batch)
        params = self.model.init(rng, audio, f0, classes, key=rng)["params"]
        register = {name: jnp.float32(value) for name, value in tone_transfer.MIDDLE.items()}
        return Variables({"model": params}, {"register": register})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio, f0, classes = self._given(batch)
        played = self.model.apply(variables.of("model"), audio, f0, classes, key=rng)
        value = jnp.mean(multi_scale(played, audio))
        now = tone_transfer.measure_register(self._loudness(variables, audio), f0, self.model.range)
        keep = jnp.where(step == 0, 0.0, _SLOW)
        then = variables.collections["register"]
        register = {name: keep * then[name] + (1 - keep) * now[name] for name in then}
        return value, ({"register": register}, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio' [B T 1], 'spectral_loss' [B], 'loudness_l1' [B] in dB}."""
        audio, f0, classes = self._given(batch)
        played = self.model.apply(variables.of("model"), audio, f0, classes, key=rng)
        ours, theirs = (self._loudness(variables, x) for x in (played, audio))
        return {
            "audio": played,
            "spectral_loss": multi_scale(played, audio),
            "loudness_l1": l1(ours, theirs),
        }

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """The source played by the model, chunks [count t 1]; voice i is class i mod `classes`."""
        if request.source is None:
            raise BadInput("this model plays a given tune anew: give it a hummed or played one")
        if request.prompt is not None:
            raise BadInput("a model that follows a source takes no prompt; leave one of them out")
        if self.tracker is None:
            raise BadInput("this experiment has no pitch tracker: set one in its config")
        register = self.register
        learnt = variables.collections.get("register")
        if register is None and learnt is not None:
            register = Register(**{name: float(value) for name, value in learnt.items()})
        own = variables.of("model")
        return tone_transfer.transfer_tone(self.model, own, self.tracker, register, request)

    def _loudness(self, variables: Variables, audio: jax.Array) -> jax.Array:
        return self.model.apply(variables.of("model"), audio, method="loudness")

    def _given(self, batch: Batch) -> tuple[jax.Array, jax.Array, jax.Array | None]:
        """Audio, pitch in Hz [B F 1] and classes of a batch."""
        audio, pitch = batch["audio"], batch[self.pitch]
        if audio.shape[1] % self.model.hop:
            raise BadInput(f"clips of {audio.shape[1]} samples: use a multiple of {self.model.hop}")
        if pitch.ndim == 1:
            hertz = hertz_of_note(pitch)
            frames = audio.shape[1] // self.model.hop
            pitch = jnp.broadcast_to(hertz[:, None, None], (len(hertz), frames, 1))
        return audio, pitch, None if self.classes is None else batch[self.classes]
