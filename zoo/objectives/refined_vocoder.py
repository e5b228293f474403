"""A vocoder that learns magnitudes and, more rarely, by its audio; no phase is learnt.

Not a published system. Turns that compare the generator's magnitudes with the true ones, as
`phase_retrieval` does, take a fifth of the time of one that makes audio: so several go before each.
Audio is compared by convergence and L1 of ln magnitude at several resolutions (Yamamoto et al.
2020) and by L1 of ln mel.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from zoo.losses import spectral
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.objectives.base import Batch, LossOutput, Metrics, Turn, Variables
from zoo.objectives.phase_retrieval import spectral_distances, true_magnitudes

_RESOLUTIONS = ((2048, 512, 2048), (1024, 256, 1024), (512, 128, 512))  # FFT size, hop, window


@dataclass(frozen=True)
class RefinedVocoder(Vocoder):
    """`Vocoder` whose generator has `magnitudes(mel) -> [B F N]` and `sound`, which refines them.

    guesses: turns of magnitudes alone before each turn of audio, whose loss is the sum of both.
    bins, bands: weights of the L1 terms of magnitudes; spectral: of the audio's ln mel.
    """

    spectral: float = 1.0
    guesses: int = 3
    bins: float = 0.5
    bands: float = 0.5
    resolutions: tuple[tuple[int, int, int], ...] = _RESOLUTIONS

    @property
    def turns(self) -> tuple[Turn, ...]:
        whole = Turn("generator", self._generator_turn)
        return (Turn("generator", self._guess_turn, self.guesses), whole)

    def _guess_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        frames = self.features(batch[self.audio])
        _, loss, metrics = self._guess(variables, batch[self.audio], frames)
        return loss, ({}, metrics)

    def _guess(
        self, variables: Variables, real: jax.Array, frames: jax.Array
    ) -> tuple[jax.Array, jax.Array, Metrics]:
        """(magnitudes [B F N], their loss, its largest part)."""
        how = dict(train=True, method="magnitudes")
        guess = self.generator.apply(variables.of("generator"), frames, **how)
        true = true_magnitudes(real, self.spec)[..., 0]
        convergence, bins, bands = spectral_distances(guess, true, frames, self.spec)
        loss = convergence + self.bins * bins + self.bands * bands
        return guess, loss, {"convergence": convergence}

    def _generator_turn(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        real, own = batch[self.audio], variables.of("generator")
        frames, *driven = self._inputs(real, rng)
        guess, loss, metrics = self._guess(variables, real, frames)
        fake = self.generator.apply(own, frames, guess, *driven, train=True, method="sound")
        spectra = jnp.mean(sum(spectral.multi_resolution(fake, real, self.resolutions)))
        mels = jnp.mean(spectral.log_mel_l1(fake, real, self.spec))
        metrics |= {"stft": spectra, "log_mel_l1": mels}
        return loss + spectra + self.spectral * mels, ({}, metrics)
