"""Mel spectrograms as images with a density: [B T 1] <-> [B F M] of about unit deviation."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from zoo.signal.speech_fronts import MelFront


@dataclass(frozen=True)
class MelImage:
    """ln mel magnitudes less `centre`, over `scale`. front: a frame a hop.

    dither: deviation of white noise that is added to the audio first: digital silence is one value
    of every bin, and its density would have no bound.
    """

    front: MelFront
    centre: float = -5.0
    scale: float = 2.0
    dither: float = 1e-3

    @property
    def hop(self) -> int:
        return self.front.spec.hop

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that a bin of audio on [-1, 1] can have."""
        spec = self.front.spec
        modulus = (spec.win or spec.n_fft) / 2  # the sum of a Hann window
        loudest = float(np.log(spec.filters().sum(0).max() * modulus**spec.exponent))
        low, high = ((level - self.centre) / self.scale for level in (self.front.silence, loudest))
        return low, high

    def of(self, audio: jax.Array, key: jax.Array) -> jax.Array:
        """The image [B F M] of audio [B F hop 1]."""
        noise = self.dither * jax.random.normal(key, audio.shape)
        return (self.front.analyse(audio + noise)[0] - self.centre) / self.scale

    def sound(self, image: jax.Array) -> jax.Array:
        """Audio [B F hop 1] of an image, by the pseudo-inverse and Griffin-Lim."""
        return self.front.sound(image * self.scale + self.centre)
