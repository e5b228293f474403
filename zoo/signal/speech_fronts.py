"""What speech synthesisers predict of audio, and audio of that: [B T 1] <-> [B F M], [B F N].

A frame a hop, so that T = F hop. `MelFront` is Tacotron 2's: ln mel magnitudes, as neural vocoders
read them. `DecibelFront` is keithito's Tacotron's: decibels of a pre-emphasised signal on [0, 1],
mel and linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal import mel, phase, stft
from zoo.signal.filters import de_emphasis, pre_emphasis
from zoo.signal.precision import HIGHEST

NATS = float(np.log(10) / 20)  # of a decibel


@dataclass(frozen=True)
class MelFront:
    """ln mel magnitudes; both what the decoder says and what is refined. spec: a frame a hop."""

    spec: mel.MelSpec
    iterations: int = 32
    momentum: float = 0.99

    vocodable = True  # refined frames are what vocoders read

    def __post_init__(self) -> None:
        _check(self.spec)

    @property
    def silence(self) -> float:
        """A frame's value where nothing sounds."""
        return float(np.log(1e-5))

    def analyse(self, audio: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Frames [B F M] twice, of audio [B T 1]."""
        frames = mel.log_clamp(mel.mel_spectrogram(audio, self.spec))[..., 0]
        return frames, frames

    def nats(self, frames: jax.Array) -> jax.Array:
        """The decoder's frames as ln mel magnitudes, [B F M] -> [B F M]."""
        return frames

    def sound(self, refined: jax.Array) -> jax.Array:
        """Audio [B T 1] of refined frames [B F M], by the pseudo-inverse and Griffin-Lim."""
        energy = jnp.maximum(mel.least_norm(refined, self.spec), 0)
        magnitude = energy ** (1 / self.spec.exponent)
        return _retrieved(magnitude, self.spec, self.iterations, self.momentum)


@dataclass(frozen=True)
class DecibelFront:
    """Decibels from `-span` to 0, less `reference`, on [0, 1]: mel for the decoder, then linear.

    power: of the magnitudes before Griffin-Lim, which sharpens them.
    """

    spec: mel.MelSpec
    emphasis: float = 0.97
    reference: float = 20.0
    span: float = 100.0
    power: float = 1.2
    iterations: int = 50
    momentum: float = 0.0

    silence = 0.0
    vocodable = False

    def __post_init__(self) -> None:
        _check(self.spec)

    def analyse(self, audio: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(mel frames [B F M], linear frames [B F N]) of audio [B T 1]."""
        spec, audio = self.spec, pre_emphasis(audio, self.emphasis)
        how: Any = dict(centre=spec.centre, pad=spec.pad, pad_mode=spec.pad_mode, win=spec.win)
        magnitude = stft.magnitude(stft.stft(audio, spec.n_fft, spec.hop, **how))[..., 0]
        bands = jnp.matmul(magnitude**spec.exponent, spec.filters(), precision=HIGHEST)
        return self._unit(bands), self._unit(magnitude)

    def nats(self, frames: jax.Array) -> jax.Array:
        """The decoder's frames as ln mel magnitudes, [B F M] -> [B F M]."""
        return self._decibels(frames) * NATS

    def sound(self, refined: jax.Array) -> jax.Array:
        """Audio [B T 1] of a linear spectrogram [B F N] on [0, 1], by Griffin-Lim."""
        magnitude = jnp.exp(self._decibels(jnp.clip(refined, 0, 1)) * NATS * self.power)
        audio = _retrieved(magnitude, self.spec, self.iterations, self.momentum)
        return de_emphasis(audio, self.emphasis)

    def _unit(self, magnitude: jax.Array) -> jax.Array:
        level = jnp.log(jnp.maximum(magnitude, 1e-5)) / NATS - self.reference
        return jnp.clip(level / self.span + 1, 0, 1)

    def _decibels(self, frames: jax.Array) -> jax.Array:
        return (frames - 1) * self.span + self.reference


def _check(spec: mel.MelSpec) -> None:
    """Raises BadInput where the front end has no frame a hop."""
    if spec.centre or sum(spec.pad or ()) != spec.n_fft - spec.hop:
        half = (spec.n_fft - spec.hop) // 2
        raise BadInput(
            f"give a front end with a frame a hop: centre=False, pad=({half}, {half}), "
            "and n_fft - hop even"
        )


def _retrieved(
    magnitude: jax.Array, spec: mel.MelSpec, iterations: int, momentum: float
) -> jax.Array:
    """Audio [B F hop 1] of magnitudes [B F N].

    From random phases, the same for all: of equal ones the first peaks are too high.
    """
    turns = 2 * np.pi * jax.random.uniform(jax.random.key(0), magnitude.shape[1:])
    start = jax.lax.complex(jnp.cos(turns), jnp.sin(turns))[None, ..., None]
    return phase.griffin_lim(
        magnitude[..., None],
        spec.n_fft,
        spec.hop,
        centre=False,
        pad=spec.pad,
        win=spec.win,
        length=magnitude.shape[1] * spec.hop,
        iterations=iterations,
        momentum=momentum,
        start=jnp.broadcast_to(start, (*magnitude.shape, 1)),
    )
