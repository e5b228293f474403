"""Low-level descriptors of every frame, spectra [B F N C] or audio [B T C] -> [B F K C].

Each equals the function of librosa.feature that its docstring names, with librosa's defaults.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal import framing, mel, stft
from zoo.signal.features import centroid
from zoo.signal.precision import HIGHEST

_LOWEST = 200.0  # Hz: the upper edge of the lowest band of `contrast`
_TINY = float(np.finfo(np.float32).tiny)


def frame_difference(x: jax.Array) -> jax.Array:
    """What each frame has more than the one before it, [B F K C] -> [B F-1 K C]."""
    return x[:, 1:] - x[:, :-1]


def bandwidth(magnitude: jax.Array, sample_rate: float) -> jax.Array:
    """Deviation of the spectrum around its centroid, magnitude [B F N C] -> [B F 1 C] Hz.

    Same as librosa.feature.spectral_bandwidth; silence gives 0.
    """
    hz = stft.frequencies(sample_rate, 2 * (magnitude.shape[2] - 1)).astype(np.float32)
    apart = jnp.square(hz[:, None] - centroid(magnitude, sample_rate))
    total = magnitude.sum(axis=2, keepdims=True)
    spread = (apart * magnitude).sum(axis=2, keepdims=True)
    return jnp.sqrt(spread / jnp.where(total > 0, total, 1.0))


def rolloff(magnitude: jax.Array, sample_rate: float, share: float = 0.85) -> jax.Array:
    """Lowest frequency under which `share` of the magnitude lies, [B F N C] -> [B F 1 C] Hz.

    Same as librosa.feature.spectral_rolloff; silence gives 0.
    """
    hz = stft.frequencies(sample_rate, 2 * (magnitude.shape[2] - 1)).astype(np.float32)
    total = jnp.cumsum(magnitude, axis=2)
    first = jnp.argmax(total >= share * total[:, :, -1:], axis=2)
    return jnp.asarray(hz)[first][:, :, None]


def frame_flatness(magnitude: jax.Array, floor: float = 1e-10) -> jax.Array:
    """Geometric over arithmetic mean of the power, magnitude [B F N C] -> [B F 1 C] in 0..1.

    Same as librosa.feature.spectral_flatness; noise is near 1, and silence is 1.
    """
    power = jnp.maximum(jnp.square(magnitude), floor)
    return jnp.exp(jnp.log(power).mean(axis=2, keepdims=True)) / power.mean(axis=2, keepdims=True)


def contrast_bands(sample_rate: float, most: int = 6) -> int:
    """How many octaves above LOWEST have their lower edge below half the rate, at most `most`."""
    return min(most, int(np.ceil(np.log2(sample_rate / 2 / _LOWEST))))


def contrast(
    magnitude: jax.Array, sample_rate: float, bands: int = 6, quantile: float = 0.02
) -> jax.Array:
    """Peaks over valleys of octave bands, magnitude [B F N C] -> [B F bands+1 C] dB.

    Means of the loudest and of the quietest `quantile` of a band's bins, each no further than 80 dB
    below the example's largest. Same as librosa.feature.spectral_contrast. Raises BadInput where
    the rate does not reach the bands.
    """
    if bands > contrast_bands(sample_rate, bands):
        most = contrast_bands(sample_rate)
        raise BadInput(f"{bands} octaves from {_LOWEST:g} Hz at {sample_rate} Hz: at most {most}")
    hz = stft.frequencies(sample_rate, 2 * (magnitude.shape[2] - 1))
    peaks, valleys = [], []
    for low, high, count in _octaves(hz, bands, quantile):
        ordered = jnp.sort(magnitude[:, :, low:high], axis=2)
        valleys.append(ordered[:, :, :count].mean(axis=2))
        peaks.append(ordered[:, :, -count:].mean(axis=2))
    return mel.power_to_db(jnp.stack(peaks, 2), top=80.0) - mel.power_to_db(
        jnp.stack(valleys, 2), top=80
    )


def _octaves(hz: np.ndarray, bands: int, quantile: float) -> list[tuple[int, int, int]]:
    """(first bin, bin behind the last, bins of a peak) of every band, as librosa cuts them."""
    edges = [0.0, *(_LOWEST * 2.0**octave for octave in range(bands + 1))]
    found = []
    for band in range(bands + 1):
        (inside,) = np.nonzero((hz >= edges[band]) & (hz <= edges[band + 1]))
        first = inside[0] - (band > 0)
        behind = len(hz) if band == bands else inside[-1] + 1
        count = max(1, int(np.rint(quantile * (behind - first))))
        found.append((int(first), int(behind - (band < bands)), count))
    return found


def zero_crossings(x: jax.Array, size: int = 2048, hop: int = 512) -> jax.Array:
    """Changes of sign per sample in centred frames, audio [B T C] -> [B F 1 C] in 0..1.

    Same as librosa.feature.zero_crossing_rate: edges are repeated, 1e-10 and less counts as +0.
    """
    half = size // 2
    padded = jnp.pad(x, ((0, 0), (half, half), (0, 0)), mode="edge")
    frames = framing.frame(padded, size, hop)
    negative = frames < -1e-10
    changed = negative[:, :, 1:] != negative[:, :, :-1]
    return changed.sum(axis=2, keepdims=True, dtype=jnp.float32) / size


def rms(x: jax.Array, size: int = 2048, hop: int = 512) -> jax.Array:
    """Root mean square of centred frames, audio [B T C] -> [B F 1 C]; zeros lie outside.

    Same as librosa.feature.rms.
    """
    half = size // 2
    frames = framing.frame(jnp.pad(x, ((0, 0), (half, half), (0, 0))), size, hop)
    return jnp.sqrt(jnp.square(frames).mean(axis=2, keepdims=True))


def tonnetz(chroma: jax.Array) -> jax.Array:
    """Place on the circles of fifths, minor and major thirds, chroma [B F 12 C] -> [B F 6 C].

    Harte, Sandler and Gasser 2006. Same as librosa.feature.tonnetz(chroma=...).
    """
    total = jnp.abs(chroma).sum(axis=2, keepdims=True)
    shares = chroma / jnp.where(total > _TINY, total, 1.0)
    steps = np.array([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3])
    angle = np.outer(np.linspace(0, 12, chroma.shape[2], endpoint=False), steps)
    angle[:, ::2] -= 0.5  # the sines
    radius = np.array([1, 1, 1, 1, 0.5, 0.5])
    basis = (radius * np.cos(np.pi * angle)).astype(np.float32)
    return jnp.einsum("bfkc,ks->bfsc", shares, basis, precision=HIGHEST)
