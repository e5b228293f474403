"""Engineered features of a clip, before networks learnt their own: MFCC, chroma, descriptors, mel.

No single paper. 'mfcc' is the baseline of Pons and Serra (ICASSP 2019) and of Choi et al. (ISMIR
2017): mean and deviation over time of 20 coefficients, of their differences from frame to frame and
of the differences of these, 120 in all, by librosa's defaults. 'chroma' and 'low_level' are
suggestions without a source: what librosa describes a frame by.

Choices:
- 'low_level' is tonnetz, centroid, bandwidth, roll-off, flatness, contrast, zero crossings and RMS.
- Octaves of the contrast are as many, up to librosa's 6, as the rate holds.
- A4 is 440 Hz: librosa would estimate how the piece is tuned.
- 'mel' is mean and deviation of 128 bands in decibels, 80 below the loudest.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal import descriptors, features, mel, stft

_KINDS = ("mfcc", "chroma", "low_level", "mel")
_SETS = {"all": ("mfcc", "chroma", "low_level"), "bag_of_mfcc": ("mfcc",)}


def make_engineered(features: str, sample_rate: int, **size: Any) -> Engineered:
    """One of KINDS alone, 'all' of them but mel, or the frames of MFCC for a bag.

    size: fields of the module, as n_fft=256.
    """
    kinds = _SETS.get(features, (features,))
    return Engineered(sample_rate, kinds, frames=features.startswith("bag"), **size)


class Engineered(nn.Module):
    """Mean and deviation over time of what `kinds` name, [B T C] -> [B D]; no parameters.

    frames: the frames themselves [B F D], without statistics. Channels are averaged.
    """

    sample_rate: int
    kinds: tuple[str, ...] = ("mfcc",)
    frames: bool = False
    coefficients: int = 20
    bands: int = 128
    n_fft: int = 2048
    hop: int = 512

    receptive_field = math.inf  # decibels are below a clip's loudest, statistics over all of it

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        unknown = [kind for kind in self.kinds if kind not in _KINDS]
        if unknown or not self.kinds:
            raise BadInput(f"features {', '.join(unknown) or 'none'}: choose {', '.join(_KINDS)}")
        x = x.mean(axis=-1, keepdims=True)
        if x.shape[1] < 2 * self.hop:
            raise BadInput(f"{x.shape[1]} samples are too short: give {2 * self.hop} or more")
        series = [found[..., 0] for kind in self.kinds for found in self._series(kind, x)]
        if self.frames:  # a difference belongs to the later of two frames
            count = min(one.shape[1] for one in series)
            return jnp.concatenate([one[:, one.shape[1] - count :] for one in series], -1)
        return jnp.concatenate([f(one, axis=1) for one in series for f in (jnp.mean, jnp.std)], -1)

    def _series(self, kind: str, x: jax.Array) -> list[jax.Array]:
        """Descriptions of frames, [B F K 1] each."""
        if kind in ("mfcc", "mel"):
            level = mel.log_mel(x, self._spec)
            if kind == "mel":
                return [level]
            found = [features.mfcc(level, self.coefficients)]
            for _ in range(2):
                found.append(descriptors.frame_difference(found[-1]))
            return found
        spectrum = stft.stft(x, self.n_fft, self.hop, centre=True)
        chroma = features.chroma(stft.power(spectrum), self.sample_rate)
        return [chroma] if kind == "chroma" else self._low_level(x, spectrum, chroma)

    def _low_level(self, x: jax.Array, spectrum: jax.Array, chroma: jax.Array) -> list[jax.Array]:
        rate, magnitude = self.sample_rate, stft.magnitude(spectrum)
        return [
            descriptors.tonnetz(chroma),
            features.centroid(magnitude, rate),
            descriptors.bandwidth(magnitude, rate),
            descriptors.rolloff(magnitude, rate),
            descriptors.frame_flatness(magnitude),
            descriptors.contrast(magnitude, rate, descriptors.contrast_bands(rate)),
            descriptors.zero_crossings(x, self.n_fft, self.hop),
            descriptors.rms(x, self.n_fft, self.hop),
        ]

    @property
    def _spec(self) -> mel.MelSpec:
        """librosa's defaults."""
        decibels = partial(mel.power_to_db, top=80.0)
        return mel.MelSpec(
            self.sample_rate, self.n_fft, self.hop, self.bands, decibels, pad_mode="constant"
        )
