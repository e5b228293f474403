"""GANSynth's way with a tone: both players know the harmonics of the pitch that is asked for.

Ours, for trainings of minutes. The networks work on magnitudes alone, to which the generator gets
those of a steady tone of the pitch, all harmonics equally strong: it only shapes them, in frequency
and time. The phases are the tone's, so that notes are in tune by construction, and noise in them is
as periodic as the tone. No classifier has to ask for the pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from zoo.objectives.base import Metrics, Variables
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.signal import phase_images
from zoo.tuning import hertz_of_note

_LOUDNESS = 0.1  # RMS of the tone


@dataclass(frozen=True)
class TonedGAN(ProgressiveGAN):
    """`ProgressiveGAN` of magnitudes, conditioned on the tones of the pitches [B F N 1].

    generator(z, pitch, progress, tone=tones) -> images [B F N 1]; discriminator(images, progress,
    tone=tones) -> (scores [B], logits [B P], which nothing asks for). `auxiliary` has no effect.
    """

    channels: ClassVar[int] = 1

    @property
    def zero_gradient_at_init(self) -> tuple[str, ...]:
        """What lies below the generator's outputs, zero at first; the classifier."""
        blocks = range(1, self.generator.resolutions + 1)
        return (*(f"block_{n}_" for n in blocks), "['pitch']")

    def _conditioning(self, label: jax.Array) -> dict[str, jax.Array]:
        return {"tone": self._tone(label)[..., :1]}

    def _completed(self, made: jax.Array, label: jax.Array) -> jax.Array:
        """With the phases of the tones."""
        return jnp.concatenate([made, self._tone(label)[..., 1:]], -1)

    def _classified(self, logits: jax.Array, label: jax.Array) -> tuple[float, Metrics]:
        return 0.0, {}

    def _labels_beside(self, variables: Variables, key: jax.Array, real: jax.Array) -> jax.Array:
        """Those of the real ones: between images of two pitches no slope is asked of a
        discriminator that knows the pitch."""
        return real

    def _tone(self, label: jax.Array) -> jax.Array:
        """Normalised images [B F N 2] of steady tones of pitches [B]."""
        audio = _LOUDNESS * phase_images.pulses(hertz_of_note(label + self.lowest), self.layout)
        return phase_images.normalised(phase_images.image_of(audio, self.layout))
