"""Basic Pitch: which notes begin and sound, and how their pitch moves, of any pitched instrument.

Bittner, Bosch, Rubinstein, Meseguer-Brocal, Ewert, ICASSP 2022, arXiv 2203.09893, figure 1; layers
as in the authors' package basic-pitch 0.4.0, whose published weights it takes (16,782 parameters).

Choices
- names as in the rest of the zoo: `onsets`, `frames`, `contours` are the authors' onset, note and
  contour (their Yo, Yn and Yp);
- the package builds a convolution of 32 5x5 filters for the contours and then discards its output;
  the published weights do not have it, nor does this;
- the levels are scaled by the quietest and loudest bin of the whole input, so other lengths than
  the 43,844 samples of training are possible, but not the same.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.initializers import SLIM
from zoo.layers.norm import BatchNorm
from zoo.signal.constant_q import ConstantQ, constant_q_power, harmonic_stack, normalised_log
from zoo.tuning import LOWEST_KEY, PIANO_KEYS, hertz_of_note

RATE, HOP = 22_050, 256
SAMPLES = 2 * RATE - HOP  # of a window in training and use
_LOWEST = float(hertz_of_note(LOWEST_KEY))
_PER_SEMITONE = 3  # contour bins
PER_OCTAVE = 12 * _PER_SEMITONE
# As many semitones as lie below half the rate; the eighth harmonic of the top key would need 124.
_SPEC = ConstantQ(RATE, HOP, _LOWEST, 103 * _PER_SEMITONE, PER_OCTAVE)
_HARMONICS = (0.5, 1, 2, 3, 4, 5, 6, 7)


class BasicPitch(nn.Module):
    """Audio [B T 1] at 22,050 Hz -> logits by name, F = T // 256 + 1: onsets, frames [B F 88].

    And 'contours' [B F 264], three bins a semitone. Frame f is centred on sample 256 f. The frames
    see the contours' probabilities, the onsets the frames'. filters: of the contours, frames and
    onsets.
    """

    filters: tuple[int, int, int] = (8, 32, 32)
    dtype: Any = jnp.float32

    receptive_field = math.inf  # levels are relative to the extremes of all of the input

    @nn.compact
    def __call__(self, audio: jax.Array, *, train: bool = False) -> dict[str, jax.Array]:
        of_contours, of_frames, of_onsets = self.filters
        levels = normalised_log(constant_q_power(audio, _SPEC))[..., None]
        levels = self._norm("norm")(levels, train=train)[..., 0]
        x = harmonic_stack(levels, _HARMONICS, PER_OCTAVE, PIANO_KEYS * _PER_SEMITONE)

        y = self._conv("contour_conv", of_contours, (3, 39))(x)
        y = nn.relu(self._norm("contour_norm")(y, train=train))
        contours = self._top("contour_top", (5, 5))(y)

        y = nn.sigmoid(contours).astype(self.dtype)
        y = nn.relu(self._conv("frame_conv", of_frames, (7, 7), _PER_SEMITONE)(y))
        frames = self._top("frame_top", (7, 3))(y)

        y = self._conv("onset_conv", of_onsets, (5, 5), _PER_SEMITONE)(x)
        y = nn.relu(self._norm("onset_norm")(y, train=train))
        y = jnp.concatenate([nn.sigmoid(frames).astype(self.dtype), y], -1)
        onsets = self._top("onset_top", (3, 3))(y)
        heads = {"onsets": onsets, "frames": frames, "contours": contours}
        return {name: head[..., 0] for name, head in heads.items()}

    @nn.nowrap
    def _conv(self, name: str, features: int, size: tuple[int, int], stride: int = 1) -> nn.Conv:
        return nn.Conv(
            features, size, (1, stride), "SAME", kernel_init=SLIM, dtype=self.dtype, name=name
        )

    @nn.nowrap
    def _norm(self, name: str) -> BatchNorm:
        return BatchNorm(momentum=0.99, epsilon=1e-3, dtype=self.dtype, name=name)

    @nn.nowrap
    def _top(self, name: str, size: tuple[int, int]) -> Any:
        conv = self._conv(name, 1, size)
        return lambda x: conv(x).astype(jnp.float32)
