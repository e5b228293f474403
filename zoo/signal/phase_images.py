"""Audio as images of log magnitude and phase, and back: [B T 1] <-> [B F N 2].

GANSynth's representations (Engel et al. 2019), by the definitions of its public code: zeros go in
front only, the constant bin is dropped, the inverse divides by the steady sum of squared windows,
so that the last frame fades out where few frames overlap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.signal.framing import frames_span
from zoo.signal.phase import TURN, angle, wrap
from zoo.signal.precision import HIGHEST
from zoo.signal.stft import istft, stft, window

_EPSILON = 1e-6  # added before the logarithm
SCALE = np.array([0.0661371661726, 0.8], np.float32)  # of magnitude and phase, the authors' own
SHIFT = np.array([0.113718730221, 0.0], np.float32)
BREAK, QUOTIENT = 700.0, 1127.0  # HTK's mel scale
_NARROWEST = 1.5  # bins that a mel band is wide at least
PI = np.float32(np.pi)


@dataclass(frozen=True)
class PhaseImageLayout:
    """Images of `frames` by `bins` for clips of `samples`; frames of 2 * bins, a quarter apart.

    kind: 'mel', log power and instantaneous frequency of as many mel bands as bins; 'linear', log
    magnitude and instantaneous frequency; 'phase', log magnitude and the phase itself.
    """

    samples: int = 64_000
    frames: int = 128
    bins: int = 1024
    sample_rate: int = 16_000
    kind: str = "mel"

    def __post_init__(self) -> None:
        if self.kind not in ("mel", "linear", "phase"):
            raise BadInput(f"kind={self.kind}: choose mel, linear or phase")
        if self.front < 0:
            reach = frames_span(self.frames, self.n_fft, self.hop)
            raise BadInput(
                f"{self.frames} frames of {self.bins} bins reach over {reach:,} samples, less than "
                f"{self.samples:,}: give more frames, or more bins"
            )

    @property
    def n_fft(self) -> int:
        return 2 * self.bins

    @property
    def hop(self) -> int:
        return self.bins // 2

    @property
    def front(self) -> int:
        """Zeros before the clip."""
        return frames_span(self.frames, self.n_fft, self.hop) - self.samples


def image_of(audio: jax.Array, layout: PhaseImageLayout) -> jax.Array:
    """Audio [B T 1] -> image [B F N 2]: log magnitude, and phase in half turns."""
    if audio.shape[1:] != (layout.samples, 1):
        raise BadInput(f"clips of {audio.shape[1:]}: give {layout.samples:,} samples, one channel")
    pad = (layout.front, 0)
    spectrum = stft(audio, layout.n_fft, layout.hop, centre=False, pad=pad)[:, :, 1:, 0]
    magnitude, turned = jnp.abs(spectrum), angle(spectrum)
    if layout.kind == "phase":
        return _stacked(magnitude, turned / PI)
    if layout.kind == "linear":
        return _stacked(magnitude, _advances(turned))
    to_mel = mel_bands(layout.bins, layout.sample_rate)
    power = jnp.matmul(jnp.square(magnitude + _EPSILON), to_mel, precision=HIGHEST)
    running = jnp.cumsum(_advances(turned) * PI, 1)
    return _stacked(power, _advances(jnp.matmul(running, to_mel, precision=HIGHEST)))


def audio_of(image: jax.Array, layout: PhaseImageLayout) -> jax.Array:
    """Inverse of `image_of`, [B F N 2] -> [B T 1]; near for 'mel', whose bands lose detail."""
    magnitude, turned = jnp.exp(image[..., 0]), image[..., 1] * PI
    if layout.kind != "phase":
        turned = jnp.cumsum(turned, 1)  # not wrapped: what follows is linear in it
    if layout.kind == "mel":
        to_linear = linear_bins(layout.bins, layout.sample_rate)
        power = jnp.matmul(magnitude, to_linear, precision=HIGHEST)
        magnitude = jnp.sqrt(jnp.maximum(power, 0) + _EPSILON)
        turned = jnp.matmul(turned, to_linear, precision=HIGHEST)
    turned = wrap(turned)
    spectrum = jax.lax.complex(magnitude * jnp.cos(turned), magnitude * jnp.sin(turned))
    spectrum = jnp.pad(spectrum, ((0, 0), (0, 0), (1, 0)))[..., None]
    audio = istft(spectrum, layout.n_fft, layout.hop, centre=False, dual=False)
    steady = np.square(window("hann", layout.n_fft)).reshape(-1, layout.hop).sum(0)
    return audio[:, layout.front :] / np.float32(steady[0])


def pulses(hertz: jax.Array, layout: PhaseImageLayout) -> jax.Array:
    """All harmonics of a pitch below half the rate, equally strong, [B] in Hz -> audio [B T 1].

    A band-limited pulse train, of RMS one: the sum of cosines has the closed form of Dirichlet.
    """
    rate = np.float32(layout.sample_rate)
    count = jnp.floor(0.5 * rate / hertz)[:, None]
    cycles = hertz[:, None] * (np.arange(layout.samples, dtype=np.float32) / rate)
    half = PI * (cycles - jnp.round(cycles))  # half the fundamental's phase
    sine = jnp.sin(half)
    flat = jnp.abs(sine) < 1e-4  # where the quotient has its limit
    total = jnp.sin((2 * count + 1) * half) / jnp.where(flat, 1.0, sine)
    total = jnp.where(flat, 2 * count + 1, total)
    return ((total - 1) / jnp.sqrt(2 * count))[..., None]


def normalised(image: jax.Array) -> jax.Array:
    """Images [B F N 2] of notes -> about [-1, 1], clipped there: what a discriminator sees."""
    return jnp.clip(SCALE * image + SHIFT, -1.0, 1.0)


def denormalised(image: jax.Array) -> jax.Array:
    """Inverse of `normalised` between its limits, [B F N 2] -> [B F N 2]."""
    return (image - SHIFT) / SCALE


def _advances(turned: jax.Array) -> jax.Array:
    """Phases [B F N] in radians -> what each frame adds, the least way, in half turns [B F N].

    The first frame holds its phase. Half a turn keeps its sign, as numpy.unwrap has it.
    """
    step = jnp.diff(turned, axis=1)
    least = wrap(step)
    least = jnp.where((least == -TURN / 2) & (step > 0), TURN / 2, least)
    return jnp.concatenate([turned[:, :1], least], 1) / PI


@cache
def mel_bands(bins: int, sample_rate: int) -> np.ndarray:
    """Triangles of as many mel bands as bins, -> [N M] float32 with M = N.

    HTK's mel scale over the whole range; bands narrower than 1.5 bins are widened to that, about
    their centre on the mel scale. The bins count as those from the constant to half the rate, and
    the first belongs to no band, though the constant is gone already: a slip of the public code
    that published weights are used to.
    """
    half = sample_rate / 2
    edges = np.linspace(0, _mel(half), bins + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    least = _NARROWEST * half / bins
    widened = 0.5 * least / (_hertz(centre) + BREAK)
    reach = QUOTIENT * np.log(widened + np.sqrt(1 + widened**2))
    narrow = _hertz(high) - _hertz(low) < least
    low, high = np.where(narrow, centre - reach, low), np.where(narrow, centre + reach, high)
    hertz = np.linspace(0, half, bins)[1:, None]
    low, centre, high = _hertz(low), _hertz(centre), _hertz(high)
    sides = np.minimum((hertz - low) / (centre - low), (high - hertz) / (high - centre))
    return np.pad(np.maximum(sides, 0), ((1, 0), (0, 0))).astype(np.float32)


@cache
def linear_bins(bins: int, sample_rate: int) -> np.ndarray:
    """What takes mel bands back to bins, -> [M N] float32: the transpose, bins' sums made one."""
    bands = mel_bands(bins, sample_rate).astype(np.float64)
    total = (bands @ bands.T).sum(0)
    share = np.where(np.abs(total) > 1e-8, 1 / np.where(total == 0, 1, total), total)
    return (bands.T * share).astype(np.float32)


def _stacked(size: jax.Array, turned: jax.Array) -> jax.Array:
    return jnp.stack([jnp.log(size + _EPSILON), turned], -1)


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return QUOTIENT * np.log1p(np.asarray(hertz) / BREAK)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return BREAK * np.expm1(mel / QUOTIENT)
