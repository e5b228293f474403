"""What drives a vocoder besides its mel frames, [B F M] -> [B F*hop C].

A convolution of constant frames gives an output whose period is the hop, so a steady note ends on a
multiple of rate / hop. An excitation that is not periodic takes this away: noise, a draft of the
audio that the network refines, or sines of a voice's pitch (zoo/signal/sine_source.py). Noise and
draft depend on the frames and their numbers in the source alone, sines on a phase that is summed
exactly, so a source may be vocoded in windows that overlap.

No single paper: neural source-filter models (Wang, Takaki, Yamagishi 2019) drive theirs by sines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal import mel, phase

CHANGE = 100.0  # by which the last layer of a net that refines a draft begins smaller
SEED = 0  # of noise: the same frames give the same audio


class ExcitationSignal(Protocol):
    """A function of log mel frames as the vocoder reads them; reach: frames on either side."""

    @property
    def reach(self) -> int: ...

    def __call__(self, frames: jax.Array, first: jax.Array, /) -> jax.Array:
        """Frames [B F M], of which `first` is the number of the first one -> [B F*hop C]."""


@runtime_checkable
class AudioExcitation(Protocol):
    """An excitation computed from the audio itself, in place of its mel frames."""

    def condition(self, audio: jax.Array, key: jax.Array | None = None) -> jax.Array:
        """Its own frames [B F K] of audio [B F*hop 1]; key: of what is random in training."""

    def condition_of_source(self, audio: np.ndarray) -> jax.Array:
        """The same [1 F K] of audio [F*hop 1] of any length, in memory that hardly grows."""


@dataclass(frozen=True)
class Noise:
    """White Gaussian noise of deviation one, the same for every row."""

    hop: int

    reach: ClassVar[int] = 0

    def __call__(self, frames: jax.Array, first: jax.Array) -> jax.Array:
        drawn = numbered_noise(jax.random.normal, frames.shape[1], first, self.hop)
        return jnp.broadcast_to(drawn.reshape(1, -1, 1), (len(frames), drawn.size, 1))


@dataclass(frozen=True)
class Draft:
    """Griffin-Lim's audio of the clipped pseudo-inverse of the mel spectrogram, from random phases.

    spec: the vocoder's front end, with a frame a hop, in ln or log10. rounds: few, since each
    reaches further, and the network does the rest. Without gradient.
    """

    spec: mel.MelSpec
    rounds: int = 8
    momentum: float = 0.99

    def __post_init__(self) -> None:
        frame_a_hop(self.spec, "a draft")
        if self.spec.compress not in (mel.log_clamp, mel.log10_clamp):
            raise BadInput("a draft needs a front end in ln or log10: log_clamp or log10_clamp")

    @property
    def reach(self) -> int:
        """Frames that a sample depends on: one window further with every round."""
        return (self.rounds + 1) * math.ceil(self.spec.n_fft / self.spec.hop)

    def __call__(self, frames: jax.Array, first: jax.Array) -> jax.Array:
        spec, frames = self.spec, jax.lax.stop_gradient(frames)
        unit = np.log(10.0) if spec.compress is mel.log10_clamp else 1.0
        energy = mel.least_norm(frames * np.float32(unit), spec)
        magnitude = jnp.maximum(energy, 0.0) ** (1 / spec.exponent)
        turns = numbered_noise(jax.random.uniform, frames.shape[1], first, spec.n_fft // 2 + 1)
        start = jnp.exp(2j * jnp.pi * turns)[None, ..., None] * jnp.ones_like(magnitude)[..., None]
        return phase.griffin_lim(
            magnitude[..., None],
            spec.n_fft,
            spec.hop,
            centre=False,
            pad=spec.pad,
            win=spec.win,
            length=frames.shape[1] * spec.hop,
            iterations=self.rounds,
            momentum=self.momentum,
            start=start,
        )


def frame_a_hop(spec: mel.MelSpec, what: str) -> None:
    """Raises BadInput: the front end has another number of frames than the audio has hops."""
    if spec.centre or sum(spec.pad or ()) != spec.n_fft - spec.hop:
        half = (spec.n_fft - spec.hop) // 2
        raise BadInput(
            f"{what} needs a front end with a frame a hop: centre=False, pad=({half}, {half})"
        )


def refine_draft(change: jax.Array, draft: jax.Array) -> jax.Array:
    """A draft that a network changes, [B T 1] twice -> [B T 1] in [-1, 1]; itself where by zero."""
    return jnp.tanh(change + jnp.arctanh(jnp.clip(draft, -0.999, 0.999)))


def numbered_noise(
    draw: Callable[..., jax.Array], count: int, first: jax.Array, size: int
) -> jax.Array:
    """Random numbers of frames, -> [F N] = [count size], a row by the number of its frame alone."""
    key = jax.random.key(SEED)
    numbers = jnp.asarray(first, jnp.uint32) + jnp.arange(count, dtype=jnp.uint32)
    return jax.vmap(lambda number: draw(jax.random.fold_in(key, number), (size,)))(numbers)
