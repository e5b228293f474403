"""SpecGAN's objective: a WGAN-GP of normalised log spectrograms, inverted by Griffin-Lim.

Donahue et al. 2019: ln(magnitude + 1e-6) of each bin is standardised over the training set, divided
by three and clipped to [-1, 1]; the highest bin is left out. Back: that bin takes its mean, and 16
plain rounds of Griffin-Lim from zero phase with the authors' synthesis window, which is no dual.

The moments come from one pass over the training split before step 0; `init` alone takes those of
its batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.adversarial import Wasserstein
from zoo.objectives.base import Batch, Tree, Variables
from zoo.signal import framing, phase, stft

_CLIP = 3.0  # standard deviations
_NARROWEST = 1e-2  # standard deviation in ln of a bin that hardly moves, such as digital silence


@dataclass(frozen=True)
class SpectrogramGAN(Wasserstein):
    """`Wasserstein` of images [B F N 1], F = T / hop and N = n_fft / 2, of batch[`audio`] [B T 1].

    iterations: of Griffin-Lim. floor: added to magnitudes. The moments [N + 1] of ln magnitudes are
    frozen under 'moments'. steady: Griffin-Lim begins with the phases of partials that hold their
    frequency, between windows and their duals, on frames that reach beyond both ends alike.
    """

    n_fft: int = 256
    hop: int = 128
    iterations: int = 16
    floor: float = 1e-6
    steady: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        bins = self.generator.size[1]
        if bins != self.n_fft // 2:
            raise BadInput(
                f"images of {bins} bins, spectra of {self.n_fft // 2}: let n_fft be {2 * bins}"
            )

    @property
    def samples(self) -> int:
        """Length T of the audio that an image stands for."""
        return self.generator.size[0] * self.hop

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        moments = self.moments(batch[self.audio])
        image = self.image(moments, batch[self.audio])
        variables = super().init(rng, {**batch, self.audio: image})
        return variables.replace(frozen={"moments": moments})

    def initialize(self, variables: Variables, batches: Iterable[Batch]) -> Variables:
        """The variables with the moments of all batches, host arrays of the training split."""
        count, total, squares = 0, 0.0, 0.0
        measure = jax.jit(self._logarithm)
        for batch in batches:
            logarithm = np.asarray(measure(batch[self.audio]), np.float64)
            count += logarithm.shape[0] * logarithm.shape[1]
            total, squares = (
                total + logarithm.sum((0, 1)),
                squares + np.square(logarithm).sum((0, 1)),
            )
        if not count:
            raise BadInput("no clip to take the moments of: the training split is empty")
        mean = total / count
        std = np.sqrt(np.maximum(squares / count - np.square(mean), _NARROWEST**2))
        moments = {"mean": jnp.asarray(mean, jnp.float32), "std": jnp.asarray(std, jnp.float32)}
        return variables.replace(frozen={**variables.frozen, "moments": moments})

    def moments(self, audio: jax.Array) -> Tree:
        """{'mean', 'std'} [N + 1] of ln magnitudes over examples and frames of audio [B T 1]."""
        logarithm = self._logarithm(audio)
        std = jnp.maximum(logarithm.std((0, 1)), _NARROWEST)
        return {"mean": logarithm.mean((0, 1)), "std": std}

    def image(self, moments: Tree, audio: jax.Array) -> jax.Array:
        """Audio [B T 1] -> normalised log spectrogram [B F N 1] within [-1, 1]."""
        if audio.shape[1] != self.samples:
            raise BadInput(f"clips of {audio.shape[1]:,} samples: crop to {self.samples:,}")
        standard = (self._logarithm(audio) - moments["mean"]) / moments["std"]
        return jnp.clip(standard[..., :-1, None] / _CLIP, -1.0, 1.0)

    def audio_of(self, moments: Tree, image: jax.Array) -> jax.Array:
        """Normalised log spectrogram [B F N 1] -> audio [B T 1]."""
        standard = jnp.pad(image, ((0, 0), (0, 0), (0, 1), (0, 0)))[..., 0] * _CLIP
        magnitude = jnp.exp(standard * moments["std"] + moments["mean"])[..., None]
        start = phase.steady_phases(magnitude, self.n_fft, self.hop) if self.steady else None
        return phase.griffin_lim(
            magnitude,
            self.n_fft,
            self.hop,
            centre=False,
            pad=self._pad,
            length=self.samples,
            iterations=self.iterations,
            momentum=0.0,
            start=start,
            dual=self.steady,
        )

    @property
    def _pad(self) -> tuple[int, int]:
        if self.steady:
            return ((self.n_fft - self.hop) // 2,) * 2
        return framing.end_padding(self.samples, self.n_fft, self.hop)

    def _logarithm(self, audio: jax.Array) -> jax.Array:
        spectrum = stft.stft(audio, self.n_fft, self.hop, centre=False, pad=self._pad)
        return jnp.log(stft.magnitude(spectrum)[..., 0] + self.floor)

    def _real(self, variables: Variables, batch: Batch) -> jax.Array:
        return self.image(variables.frozen["moments"], batch[self.audio])

    def _sound(self, variables: Variables, fake: jax.Array) -> jax.Array:
        return self.audio_of(variables.frozen["moments"], fake)
