"""Multi-band MelGAN's objective: STFT losses of audio and sub-bands, a late discriminator.

Yang et al. 2021 in the recipe of its public port: half the multi-resolution STFT loss of the audio
plus half of that of the bands; from round `begin` on 2.5 times the least-squares score as well,
mean over the scales. No features and no mels are matched, and `linear` weighs nothing: the spectral
convergence sees 0 Hz by itself. The discriminator's losses are summed over the scales, where the
port takes their mean: Adam does not see the factor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.losses import adversarial, spectral
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.objectives.base import Batch, LossOutput, Turn, Variables
from zoo.signal import pqmf

# Of the bands: FFT size, hop and window in samples of a band.
BAND_RESOLUTIONS = ((384, 30, 150), (683, 60, 300), (171, 10, 60))


@dataclass(frozen=True)
class MultiBandVocoder(Vocoder):
    """`Vocoder` whose generator has `bands(mel) -> [B T/K K]`, and learns without scores at first.

    begin: rounds before the discriminator's first turn. adversarial: weight of the scores after.
    """

    discriminator_loss: Callable[[jax.Array, jax.Array], jax.Array] = (
        adversarial.least_squares_discriminator
    )
    generator_loss: Callable[[jax.Array], jax.Array] = adversarial.least_squares_generator
    begin: int = 200_000
    adversarial: float = 2.5
    resolutions: tuple[tuple[int, int, int], ...] = spectral.RESOLUTIONS
    band_resolutions: tuple[tuple[int, int, int], ...] = BAND_RESOLUTIONS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.excitation is not None:
            raise BadInput("multi-band MelGAN takes no excitation: leave it out")

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (
            Turn("discriminator", self._discriminator_turn, begin=self.begin),
            Turn("generator", self._generator_turn),
        )

    def _generator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        real = batch[self.audio]
        frames, own = self.features(real), variables.of("generator")
        bands = self.generator.apply(own, frames, train=True, method="bands")
        fake = pqmf.synthesis(bands)
        theirs = pqmf.analysis(real, bands.shape[-1])
        whole = _spectra(fake, real, self.resolutions)
        parts = _spectra(_alone(bands), _alone(theirs), self.band_resolutions)
        score = jax.lax.cond(
            step >= self.begin, lambda x: self._score(variables, x), lambda x: 0.0, fake
        )
        loss = (whole + parts) / 2 + self.adversarial * score
        return loss, ({}, {"adversarial": score, "stft": whole, "band_stft": parts})

    def _score(self, variables: Variables, fake: jax.Array) -> jax.Array:
        scales = self.opponent.apply(variables.of("discriminator"), fake)
        losses = [self.generator_loss(score) for score, _ in scales]
        return jnp.mean(reduce(jnp.add, losses)) / len(scales)


def _spectra(
    fake: jax.Array, real: jax.Array, resolutions: tuple[tuple[int, int, int], ...]
) -> jax.Array:
    return jnp.mean(sum(spectral.multi_resolution(fake, real, resolutions)))


def _alone(bands: jax.Array) -> jax.Array:
    """Every band as an example of its own, [B T K] -> [B*K T 1]."""
    return bands.transpose(0, 2, 1).reshape(-1, bands.shape[1], 1)
