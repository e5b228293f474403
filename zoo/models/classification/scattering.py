"""Scattering features of a tagger whose front end is designed, not learnt: log moduli of wavelets.

Joakim Anden, Stephane Mallat: "Multiscale Scattering for Audio Classification", ISMIR 2011; "Deep
Scattering Spectrum", IEEE Transactions on Signal Processing 2014.

Deviations and guesses:
- The mean over the frames of a segment is its feature vector; the papers classify frames and let
  them vote. A segment as long as a frame (samples = window) does that here.
- 2011 takes a cosine transform across paths before the classifier. That is a rotation, which the
  linear and Gaussian kernels of unscaled features do not see, so it is left out; of features that
  are standardised, as our configs have them, they would see a little.
- 2014's third order, transform across frequency and adaptive Q are left out.
- What is added under the logarithm (1e-4 for audio in [-1, 1]) is a guess.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax

from zoo.signal import scattering


class LogScattering(nn.Module):
    """Mean log scattering coefficients of orders one and two, [B T 1] -> [B D]; no parameters.

    normalise: second order over the first order of the same band, as 2014. D is `features`.
    """

    octaves: int = 13
    per_octave: tuple[int, int] = (8, 1)
    window: int | None = None  # samples; 2^octaves where None
    order: int = 2
    normalise: bool = True
    floor: float = 1e-4

    receptive_field = math.inf  # a mean over time

    @property
    def how(self) -> scattering.Scattering:
        return scattering.Scattering(self.octaves, self.per_octave, self.window, self.order)

    @property
    def features(self) -> int:
        """All paths but the plain average of the waveform, which is about zero."""
        return len(self.how.paths()) - 1

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        return scattering.log_coefficients(x, self.how, self.floor, self.normalise).mean(1)
