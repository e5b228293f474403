"""Speech out of text: a network that says frame after frame, and Griffin-Lim behind it.

Reads `text` [B L] int32 and `text_known` [B L], `audio` [B T 1] and `known` [B F], 1 where there is
something; means are over what is known. One player, 'model'. `generate` speaks `request.text`, a
line at a time, each by one compiled program that ends with the last voice.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.errors import BadInput
from zoo.losses.likelihood import counted_mean
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables

_PLAYER = one_network.PLAYER
DROP = 0.5  # of the pre-net's units, at temperature one
_SURE = 0.95  # of which no more are dropped
_ROOM = 32  # a text is filled up to a multiple of it, and what is spoken to one of FRAMES
_FRAMES = 64


class _Characters(Protocol):
    """How a text becomes numbers [N] int32: zoo/data/characters.py. `example` is such a text."""

    @property
    def example(self) -> str: ...

    def encode(self, text: str) -> np.ndarray: ...


class _Front(Protocol):
    """What is predicted of audio, and audio of that: zoo/signal/speech_fronts.py."""

    @property
    def spec(self) -> Any: ...

    @property
    def vocodable(self) -> bool: ...

    @property
    def silence(self) -> float: ...

    def analyse(self, audio: jax.Array) -> tuple[jax.Array, jax.Array]: ...

    def nats(self, frames: jax.Array) -> jax.Array: ...

    def sound(self, refined: jax.Array) -> jax.Array: ...


class _Spoken(NamedTuple):
    """frames [B F M], how many of each were spoken before its end [B], alignment [B S L]."""

    frames: jax.Array
    length: jax.Array
    alignment: jax.Array


@dataclass(frozen=True)
class _Speech:
    """What Tacotrons share: their losses and ends are those of its kinds.

    model: as zoo/models/generation/tacotron2.py has it. most: frames of a line at most, where no
    end is found.
    """

    model: Network
    front: _Front
    characters: _Characters
    most: int = 1000

    needs_text: ClassVar[bool] = True
    shows: ClassVar[tuple[str, ...]] = ("alignment",)

    @abstractmethod
    def _ended(self, frames: jax.Array, stop: jax.Array, quiet: jax.Array) -> tuple[Any, Any]:
        """(frames of silence so far [B], whether that was the end [B]) after frames [B r M]."""

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        frames, _ = self.front.analyse(batch["audio"])
        given = batch["text"], batch["text_known"], frames, batch["known"]
        return one_network.init_player(self.model, rng, *given)

    def _trained(self, variables: Variables, batch: Batch, rng: jax.Array) -> tuple[Any, ...]:
        """(frames, refined frames, what the model says of both, its changed collections)."""
        frames, refined = self.front.analyse(batch["audio"])
        given = batch["text"], batch["text_known"], frames, self._counted(batch["known"])
        said, changed = one_network.apply_in_training(
            self.model, variables, {"dropout": rng}, *given
        )
        return frames, refined, said, changed

    def _counted(self, known: jax.Array) -> jax.Array:
        """Which frames [B F] the loss counts."""
        return known

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """ln mel magnitudes [B F M]: `real`, `forced` (each from the real ones before), `free`.

        `free_count` [B]: frames that were spoken freely; one more than there is room for where no
        end was found. `alignment`, `free_alignment` [B S L].
        """
        real, _ = self.front.analyse(batch["audio"])
        text, text_known = batch["text"], batch["text_known"]
        forced = self.model.apply(
            variables.of(_PLAYER), text, text_known, real, batch["known"], rngs={"dropout": rng}
        )
        keys = jax.random.split(rng, len(text))
        free = self._free(variables, text, text_known, keys, jnp.float32(DROP), real.shape[1])
        known = jnp.arange(real.shape[1]) < free.length[:, None]
        nats = self.front.nats
        return {
            "real": nats(real),
            "forced": nats(self._said(variables, forced.frames, batch["known"])),
            "alignment": forced.alignment,
            "free": nats(self._said(variables, free.frames, known)),
            "free_count": free.length,
            "free_alignment": free.alignment,
        }

    def _said(self, variables: Variables, frames: jax.Array, known: jax.Array) -> jax.Array:
        """The best that the model has to say of the decoder's frames [B F M], as such."""
        return frames

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the text, line after line: as long as it takes, or `length`.

        Voices that end sooner are silent then. temperature: of the pre-net's dropout.
        """
        if request.prompt is not None or request.source is not None:
            raise BadInput("a system that speaks takes no audio: leave it out")
        left = request.length or None
        for frames, count in self.refined(variables, request):
            audio = np.asarray(self._sound(frames, count))
            audio = audio[:, : int(count.max()) * self.front.spec.hop]
            peak = np.abs(audio).max(1, keepdims=True, initial=1.0)  # lines louder than full scale
            audio = (audio / peak)[:, :left]
            left = left and left - audio.shape[1]
            for start in range(0, audio.shape[1], request.chunk):
                yield audio[:, start : start + request.chunk]
            if left == 0:
                return
        while left:
            silent = min(left, request.chunk)
            yield np.zeros((request.count, silent, 1), np.float32)
            left -= silent

    def refined(
        self, variables: Variables, request: Request
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(refined frames [count F M], how many of these each voice has) of each line of a text."""
        drop = min(DROP * request.rule.temperature_alone(type(self).__name__), _SURE)
        lines = [line for line in (request.text or "").splitlines() if line.strip()]
        if not lines:
            raise BadInput("this system speaks a text: give it one")
        for number, line in enumerate([self.characters.encode(line) for line in lines]):
            spare = -len(line) % _ROOM
            text = np.pad(line, (0, spare)), np.pad(np.ones(len(line), np.uint8), (0, spare))
            rows = [np.repeat(row[None], request.count, 0) for row in text]
            seed = np.array([request.seed, number], np.uint32)
            spoken = self._line(variables, *rows, seed, np.float32(drop))
            count = np.minimum(np.asarray(spoken.length), self.most)
            room = -(-max(int(count.max()), 1) // _FRAMES) * _FRAMES
            frames = np.asarray(spoken.frames)[:, :room]
            frames = np.pad(frames, ((0, 0), (0, room - frames.shape[1]), (0, 0)))
            yield np.asarray(self._refine(variables, frames, count)), count

    @partial(jax.jit, static_argnums=0)
    def _line(
        self,
        variables: Variables,
        text: jax.Array,
        known: jax.Array,
        seed: jax.Array,
        drop: jax.Array,
    ) -> _Spoken:
        """One line in all voices, `most` frames at most."""
        key = jax.random.fold_in(jax.random.key(seed[0]), seed[1])
        keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(len(text)))
        return self._free(variables, text, known, keys, drop, self.most)

    def _free(
        self,
        variables: Variables,
        text: jax.Array,
        known: jax.Array,
        keys: jax.Array,
        drop: jax.Array,
        most: int,
    ) -> _Spoken:
        """Each frame from those said before it, until all have ended. keys: of each row."""
        model, own, rows = self.model, variables.of(_PLAYER), len(text)
        memory = model.apply(own, text, known, method="remember")
        together, bands = model.together, self.front.spec.bins
        steps, chances = most // together, sum(model.prenet)

        def going(state: tuple) -> jax.Array:
            return (state[0] < steps) & jnp.any(state[4] > most)

        def step(state: tuple) -> tuple:
            number, carry, last, quiet, count, frames, alignment = state
            drawn = jax.vmap(lambda k: jax.random.uniform(k, (chances,)))(
                jax.vmap(lambda k: jax.random.fold_in(k, number))(keys)
            )
            carry, (made, stop, weights) = model.apply(
                own, carry, last, memory, drawn, drop, method="step"
            )
            quiet, ended = self._ended(made, stop, quiet)
            here = (number + 1) * together - jnp.maximum(quiet - together, 0)
            count = jnp.where(ended & (count > most), here, count)
            frames = jax.lax.dynamic_update_slice_in_dim(frames, made, number * together, 1)
            alignment = jax.lax.dynamic_update_slice_in_dim(alignment, weights[:, None], number, 1)
            return number + 1, carry, made[:, -1], quiet, count, frames, alignment

        none = jnp.full((rows, most, bands), self.front.silence)
        blank = jnp.zeros((rows, steps, text.shape[1]))
        carry = model.apply(own, memory, method="begin")
        quiet = jnp.full(rows, -1)
        count = jnp.full(rows, most + 1)
        begin = (0, carry, jnp.zeros((rows, bands)), quiet, count, none, blank)
        *_, count, frames, alignment = jax.lax.while_loop(going, step, begin)
        return _Spoken(frames, count, alignment)

    @partial(jax.jit, static_argnums=0)
    def _refine(self, variables: Variables, frames: jax.Array, count: jax.Array) -> jax.Array:
        """Refined frames of frames [B F M], of which each row has `count`; silence behind."""
        known = jnp.arange(frames.shape[1]) < count[:, None]
        refined = self.model.apply(variables.of(_PLAYER), frames, known, method="refine")
        return jnp.where(known[..., None], refined, self.front.silence)

    @partial(jax.jit, static_argnums=0)
    def _sound(self, refined: jax.Array, count: jax.Array) -> jax.Array:
        """Audio [B T 1] of refined frames [B F N], of which each row has `count`."""
        audio = self.front.sound(refined)
        there = jnp.arange(audio.shape[1]) < count[:, None] * self.front.spec.hop
        return jnp.where(there[..., None], audio, 0)


@dataclass(frozen=True)
class StoppedSpeech(_Speech):
    """Tacotron 2: squared error before and after the post-net, and cross-entropy of the last frame.

    Means over the frames that are there; the public code divides by the filling, too, whose errors
    are zero. sure: probability of the end from which a line is over.
    """

    sure: float = 0.5

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn(_PLAYER, self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        frames, _, said, changed = self._trained(variables, batch, rng)
        known = batch["known"]
        before, after = (
            counted_mean(jnp.square(x - frames).mean(-1), known)
            for x in (said.frames, said.refined)
        )
        last = known.astype(jnp.float32) - jnp.pad(known[:, 1:], ((0, 0), (0, 1)))
        ends = optax.sigmoid_binary_cross_entropy(said.stop, last)
        stop = counted_mean(ends, known)
        metrics = {"before": before, "after": after, "stop": stop}
        return before + after + stop, (changed, metrics)

    def _ended(self, frames: jax.Array, stop: jax.Array, quiet: jax.Array) -> tuple[Any, Any]:
        return quiet, jax.nn.sigmoid(stop) > self.sure

    def _said(self, variables: Variables, frames: jax.Array, known: jax.Array) -> jax.Array:
        return self.model.apply(variables.of(_PLAYER), frames, known, method="refine")


@dataclass(frozen=True)
class SilencedSpeech(_Speech):
    """Tacotron 1: absolute error of mel and linear frames; half of the latter below `priority` Hz.

    It knows no end: `silence` frames behind the end are counted, too, so that it learns to be
    silent, and a line is over after as many frames in which no band reaches `quiet`.
    """

    priority: float = 3000.0
    silence: int = 20
    quiet: float = 0.15

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn(_PLAYER, self._loss),)

    def _counted(self, known: jax.Array) -> jax.Array:
        behind = jnp.pad(known, ((0, 0), (self.silence, 0)))[:, : known.shape[1]]
        return jnp.maximum(known, behind)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        frames, linear, said, changed = self._trained(variables, batch, rng)
        counted = self._counted(batch["known"])
        mel = counted_mean(jnp.abs(said.frames - frames).mean(-1), counted)
        wrong = jnp.abs(said.refined - linear)
        first = int(self.priority / (self.front.spec.sample_rate * 0.5) * linear.shape[-1])
        every = counted_mean(wrong.mean(-1), counted)
        low = counted_mean(wrong[..., :first].mean(-1), counted)
        metrics = {"mel": mel, "linear": every, "low": low}
        return mel + 0.5 * every + 0.5 * low, (changed, metrics)

    def _ended(self, frames: jax.Array, stop: jax.Array, quiet: jax.Array) -> tuple[Any, Any]:
        sounds = jnp.any(frames > self.quiet, (1, 2))
        longer = jnp.where(quiet < 0, quiet, quiet + frames.shape[1])  # none before it begins
        quiet = jnp.where(sounds, 0, longer)
        return quiet, quiet >= self.silence
