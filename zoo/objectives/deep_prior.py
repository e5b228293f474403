"""An untrained network fitted to one clip: denoised where it stops early, filled where holes are.

Ulyanov et al. 2018: the squared error of the known samples alone, by Adam; the fixed input is
shaken a little at every step, and what is handed out is an EMA of the outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives.base import Batch, Request, Turn, Variables

_NOISE = 0.1  # largest number of the fixed input


@dataclass(frozen=True)
class DeepPrior:
    """The batch's audio [B T 1] as an untrained model has it after `steps` steps on it.

    model(z) -> audio, of `samples` at a time. jitter: deviation of what is added to z at each step,
    as a share of its own. smoothing: of the EMA of the outputs. looks: at how many steps, evenly,
    the output is kept for a curve.
    """

    model: Network
    samples: int
    steps: int = 300
    looks: int = 15
    learning_rate: float = 1e-2
    jitter: float = 0.1
    smoothing: float = 0.95
    audio: str = "audio"

    needs_source: ClassVar[bool] = True
    from_source: ClassVar[str] = "reconstruct"
    fills_holes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.steps % self.looks:
            raise BadInput(f"steps={self.steps}: give a multiple of {self.looks}")

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return Variables({})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return ()

    @property
    def receptive_field(self) -> float:
        """Everything of a window is fitted together."""
        return float("inf")

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1], 'looks': [B S T 1]}: the last output, and those on the way to it.

        batch['known'] [B T 1], where given, is 0 in holes, which alone are filled.
        """
        audio = batch[self.audio]
        known = batch.get("known", jnp.ones_like(audio))
        looks = jax.lax.map(lambda pair: self._fit(rng, *pair), (audio, known))
        last = looks[:, -1]
        if "known" in batch:
            last = known * audio + (1 - known) * last
        return {"audio": last, "looks": looks}

    @partial(jax.jit, static_argnums=0)
    def _fit(self, rng: jax.Array, audio: jax.Array, known: jax.Array) -> jax.Array:
        """The looks [S T 1] at what is fitted to audio [T 1] where `known` [T 1] is one."""
        keys = jax.random.split(rng, 3)
        power = jnp.sum(known * audio**2) / jnp.maximum(known.sum(), 1)
        size = jnp.sqrt(power + 1e-12)
        wanted = (audio / size)[None]
        shape = (1, *self.model.noise_shape(audio.shape[0]))
        z = jax.random.uniform(keys[0], shape, maxval=_NOISE)
        params = self.model.init(keys[1], z)["params"]
        optimizer = optax.adam(self.learning_rate)

        def loss(params: Any, key: jax.Array) -> tuple[jax.Array, jax.Array]:
            shaken = z + self.jitter * _NOISE * jax.random.normal(key, shape)
            made = self.model.apply({"params": params}, shaken)
            error = jnp.sum(known * jnp.square(made - wanted)[0]) / jnp.maximum(known.sum(), 1)
            return error, made[0]

        def step(number: jax.Array, state: Any) -> Any:
            params, memory, mean, weight = state
            key = jax.random.fold_in(keys[2], number)
            gradient, made = jax.grad(loss, has_aux=True)(params, key)
            updates, memory = optimizer.update(gradient, memory, params)
            keep = self.smoothing
            mean, weight = keep * mean + (1 - keep) * made, keep * weight + (1 - keep)
            return optax.apply_updates(params, updates), memory, mean, weight

        def look(state: Any, first: jax.Array) -> tuple[Any, jax.Array]:
            span = self.steps // self.looks
            state = jax.lax.fori_loop(first, first + span, step, state)
            return state, size * state[2] / state[3]

        begun = (params, optimizer.init(params), jnp.zeros_like(wanted[0]), jnp.zeros(()))
        starts = jnp.arange(self.looks) * (self.steps // self.looks)
        return jax.lax.scan(look, begun, starts)[1]

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source denoised, or with `request.holes` filled.

        Windows are fitted one after another and fade into each other over an eighth. Holes are
        filled and all else stays as it is; without holes everything is what the network made. Every
        voice begins with a network of its own.
        """
        request.rule.temperature_alone("a fitted network")
        if request.source is None or request.prompt is not None:
            raise BadInput("this takes a source and no prompt: give it --input alone")
        source = np.asarray(request.source, np.float32)[: request.length or None]
        known = np.ones_like(source)
        for first, last in request.holes:
            known[first:last] = 0
        audio = source * known  # what lay in a hole is not looked at
        voices = [self._fitted(audio, known, voice, request) for voice in range(request.count)]
        for pieces in zip(*voices, strict=True):
            yield np.clip(np.stack(pieces), -1, 1)

    def _fitted(
        self, audio: np.ndarray, known: np.ndarray, voice: int, request: Request
    ) -> Iterator[np.ndarray]:
        """Chunks [t 1] of one voice."""
        key = jax.random.fold_in(jax.random.key(request.seed), voice)
        fade, length = self.samples // 8, len(audio)
        step = self.samples - fade
        rise = ((np.arange(fade) + 0.5) / fade)[:, None].astype(np.float32)
        before = None
        for first in range(0, max(length - fade, 1), step):
            piece, there = (
                np.pad(
                    x[first : first + self.samples],
                    ((0, max(first + self.samples - length, 0)), (0, 0)),
                )
                for x in (audio, known)
            )
            made = piece
            if there.any() and (not request.holes or not there.all()):
                made = np.array(self._fit(key, piece, there)[-1])
            if request.holes:
                made = there * piece + (1 - there) * made
            if before is not None:
                made[:fade] = rise * made[:fade] + (1 - rise) * before
            before = made[step:]
            last = first + self.samples >= length
            ready = made[: length - first] if last else made[:step]
            for start in range(0, len(ready), request.chunk):
                yield ready[start : start + request.chunk]
            if last:
                return
