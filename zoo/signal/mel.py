"""Mel filter banks, compressions, and papers' front ends by name, [B T C] -> [B F M C].

A `MelSpec` holds every convention of one system's spectrogram; bind it to the system's checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from zoo.errors import BadInput
from zoo.signal import stft
from zoo.signal.precision import HIGHEST

SLANEY_BREAK = 1000.0  # Hz: linear below (200 / 3 Hz a mel), logarithmic above (27 mels per 6.4)
SLANEY_STEP = np.log(6.4) / 27


def hz_to_mel(hz: npt.ArrayLike, scale: str = "slaney") -> np.ndarray:
    """Frequencies in Hz to mels, [...] -> [...] float64. scale: 'slaney' or 'htk'."""
    hz = np.asarray(hz, np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    _check(scale)
    above = np.log(np.maximum(hz, SLANEY_BREAK) / SLANEY_BREAK) / SLANEY_STEP
    return np.where(hz < SLANEY_BREAK, hz * 3 / 200, 15.0 + above)


def mel_to_hz(mel: npt.ArrayLike, scale: str = "slaney") -> np.ndarray:
    """Mels to frequencies in Hz, [...] -> [...] float64. Inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    _check(scale)
    above = SLANEY_BREAK * np.exp(np.maximum(mel - 15.0, 0) * SLANEY_STEP)
    return np.where(mel < 15.0, mel * 200 / 3, above)


def mel_filters(
    sample_rate: float,
    n_fft: int,
    bins: int,
    low: float = 0.0,
    high: float | None = None,
    *,
    scale: str = "slaney",
    norm: str | None = "slaney",
    straight_in: str = "hz",
) -> np.ndarray:
    """Triangular filters, -> [N M] float32, for `spectrum @ filters`.

    low, high: outer edges in Hz (high: half the rate). norm: 'slaney' (area 1) or None (peak 1).
    straight_in: 'hz' as librosa and torchaudio, or 'mel' as tf.signal, which ignores DC as well.
    Defaults equal librosa.filters.mel; torchaudio's are scale='htk', norm=None.
    """
    high = sample_rate / 2 if high is None else high
    if not 0 <= low < high <= sample_rate / 2:
        raise BadInput(f"mel edges {low} to {high} Hz: use 0 <= low < high <= {sample_rate / 2}")
    hz = stft.frequencies(sample_rate, n_fft)
    mels = np.linspace(hz_to_mel(low, scale), hz_to_mel(high, scale), bins + 2)
    edges, axis = (mel_to_hz(mels, scale), hz)
    if straight_in == "mel":
        edges, axis = mels, hz_to_mel(hz, scale)
    rise = (axis[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - axis[:, None]) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rise, fall))
    if straight_in == "mel":
        weights[0] = 0
    if norm == "slaney":
        corners = mel_to_hz(mels, scale)
        weights = weights * 2 / (corners[2:] - corners[:-2])
    elif norm is not None:
        raise BadInput(f"mel norm {norm!r}: use 'slaney' or None")
    return weights.astype(np.float32)


def log_power(power: jax.Array, *, half: bool = False) -> jax.Array:
    """log10(10000 x + 1) of mel power, [...] -> [...]; musicnn's.

    half: first round to float16 as the library's published weights saw it.
    """
    if half:
        power = jnp.minimum(power, 65504.0).astype(jnp.float16).astype(jnp.float32)
    return jnp.log1p(10_000.0 * power) / np.float32(np.log(10))


def power_to_db(power: jax.Array, floor: float = 1e-10, top: float | None = None) -> jax.Array:
    """10 log10(max(x, floor)) of power, [B ...] -> [B ...] dB. Won 2020; librosa.power_to_db.

    top: also clip at that many dB below each example's loudest value (librosa's default is 80).
    """
    level = 10.0 * jnp.log10(jnp.maximum(power, floor))
    if top is None:
        return level
    loudest = level.max(axis=tuple(range(1, level.ndim)), keepdims=True)
    return jnp.maximum(level, loudest - top)


def peak_decibels(power: jax.Array, span: float = 80.0, floor: float = 1e-10) -> jax.Array:
    """dB below each example's loudest value, [B ...] -> [B ...] in [-span, 0]. Old kapre's."""
    level = power_to_db(power, floor, span)
    return level - level.max(axis=tuple(range(1, level.ndim)), keepdims=True)


def twice_squared_decibels(power: jax.Array) -> jax.Array:
    """dB of the *square* of mel power, [B ...] -> [B ...], 80 dB deep: Choi's published CRNN."""
    return power_to_db(jnp.square(power), top=80.0)


def log_clamp(magnitude: jax.Array, floor: float = 1e-5) -> jax.Array:
    """ln(max(x, floor)), [...] -> [...]. HiFi-GAN: floor 1e-5; Tacotron 2: 0.01."""
    return jnp.log(jnp.maximum(magnitude, floor))


def log10_clamp(magnitude: jax.Array, floor: float = 1e-5) -> jax.Array:
    """log10(max(x, floor)), [...] -> [...]. The authors' MelGAN; its best-known port takes ln."""
    return jnp.log10(jnp.maximum(magnitude, floor))


def standard_log(magnitude: jax.Array, mean: float = -5.0, deviation: float = 3.0) -> jax.Array:
    """(ln(max(x, 1e-5)) - mean) / deviation, [...] -> [...]: of music near zero, and one wide.

    The defaults are the mean and the deviation of HiFi-GAN's bins over the embedded piano music.
    """
    return (log_clamp(magnitude) - mean) / deviation


def unit_decibels(power: jax.Array, span: float = 100.0) -> jax.Array:
    """20 log10 of mel power less 20 dB, from -span to 0 dB on [0, 1], [...] -> [0, 1].

    Of ClariNet's and FloWaveNet's public code: 20 of a power, so that its decibels are half as big.
    """
    level = 20.0 * jnp.log10(jnp.maximum(power, 1e-4)) - 20.0
    return jnp.clip(1.0 + level / span, 0.0, 1.0)


def pcm_log(magnitude: jax.Array) -> jax.Array:
    """ln(max(x, 500)) / 10 of magnitudes of 16-bit samples, [...] -> [...]; Lyra's."""
    return jnp.log(jnp.maximum(32768 * magnitude, 500.0)) / 10


def _floored_decibels(
    magnitude: jax.Array, gain: float = 1.0, span: float = 100.0, reference: float = 20.0
) -> jax.Array:
    """dB of gain x above -span, less `reference`, from -span to 0 dB on [0, 1], [...] -> [0, 1].

    Keithito's Tacotron and r9y9's WaveNet: the level that is silence lies at reference / span
    below zero and is clipped to it.
    """
    level = 20.0 * jnp.log10(jnp.maximum(gain * magnitude, 10 ** (-span / 20))) - reference
    return jnp.clip(1.0 + level / span, 0.0, 1.0)


@dataclass(frozen=True)
class MelSpec:
    """Every convention of one system's mel spectrogram. Lengths in samples, frequencies in Hz."""

    sample_rate: int
    n_fft: int
    hop: int
    bins: int
    compress: Callable[[jax.Array], jax.Array]
    exponent: int = 2  # of the modulus before the filters: 1 or 2
    low: float = 0.0
    high: float | None = None
    scale: str = "slaney"
    norm: str | None = "slaney"
    straight_in: str = "hz"
    win: int | None = None
    window: str = "hann"
    centre: bool = True
    pad_mode: Literal["reflect", "constant"] = "reflect"
    pad: tuple[int, int] | None = None
    floor: float = 0.0  # under the root of the modulus

    def filters(self) -> np.ndarray:
        """The spec's filter bank, -> [N M] float32."""
        return mel_filters(
            self.sample_rate,
            self.n_fft,
            self.bins,
            self.low,
            self.high,
            scale=self.scale,
            norm=self.norm,
            straight_in=self.straight_in,
        )


def mel_spectrogram(x: jax.Array, spec: MelSpec) -> jax.Array:
    """Uncompressed mel spectrogram, [B T C] -> [B F M C] float32."""
    spectrum = stft.stft(
        x,
        spec.n_fft,
        spec.hop,
        centre=spec.centre,
        pad_mode=spec.pad_mode,
        pad=spec.pad,
        win=spec.win,
        window_name=spec.window,
    )
    if spec.exponent == 2:
        energy = stft.power(spectrum)
    else:
        energy = stft.magnitude(spectrum, spec.floor)
    return jnp.einsum("bfnc,nm->bfmc", energy, spec.filters(), precision=HIGHEST)


def least_norm(features: jax.Array, spec: MelSpec) -> jax.Array:
    """ln mel spectrogram [B F M] -> the least-norm energies [B F N] with that spectrogram.

    Energies are magnitudes or powers as `spec.exponent` says; some may be negative.
    """
    inverse = np.linalg.pinv(spec.filters().astype(np.float64)).astype(np.float32)
    return jnp.matmul(jnp.exp(features), inverse, precision=HIGHEST)


def log_mel(x: jax.Array, spec: MelSpec) -> jax.Array:
    """Compressed mel spectrogram of one system, [B T C] -> [B F M C] float32."""
    return spec.compress(mel_spectrogram(x, spec))


def _check(scale: str) -> None:
    if scale != "slaney":
        raise BadInput(f"mel scale {scale!r}: use 'slaney' or 'htk'")


MUSICNN = MelSpec(16_000, 512, 256, 96, partial(log_power, half=True))
WON = MelSpec(16_000, 512, 256, 128, power_to_db, scale="htk", norm=None)
WON_96 = replace(WON, bins=96)  # FCN, CRNN and musicnn of the same benchmark
CHOI = MelSpec(12_000, 512, 256, 96, partial(power_to_db, top=80.0))
CHOI_SQUARED = replace(CHOI, compress=twice_squared_decibels)
# Padding of Theano's 'half' border under a kernel that it turns round: one sample more in front.
COMPACT = replace(CHOI, compress=peak_decibels, centre=False, pad_mode="constant", pad=(257, 256))
MELGAN = MelSpec(22_050, 1024, 256, 80, log10_clamp, exponent=1, centre=False, pad=(384, 384))
HIFIGAN = MelSpec(
    22_050,
    1024,
    256,
    80,
    log_clamp,
    exponent=1,
    high=8000.0,
    centre=False,
    pad=(384, 384),
    floor=1e-9,
)
WAVEGLOW = MelSpec(22_050, 1024, 256, 80, log_clamp, exponent=1, high=8000.0)
FLOWAVENET = MelSpec(22_050, 1024, 256, 80, unit_decibels, low=125.0, high=7600.0)
# As the paper is remembered, not checked: 50 ms windows every 12.5 ms; its mel scale is not stated.
TACOTRON2 = MelSpec(
    24_000,
    2048,
    300,
    80,
    partial(log_clamp, floor=0.01),
    exponent=1,
    low=125.0,
    high=7600.0,
    win=1200,
)


def lyra(lag: int = 960) -> MelSpec:
    """Lyra v0.0.2's: windows of 1280 samples every 640, the first ends 640 + lag after the start.

    lag: by how many samples its decoder is late, at which speech is likeliest under its weights.
    """
    return MelSpec(
        16_000,
        2048,
        640,
        160,
        pcm_log,
        exponent=1,
        high=7920.0,
        scale="htk",
        norm=None,
        straight_in="mel",
        win=1280,
        centre=False,
        pad_mode="constant",
        pad=(1024 - lag, 384 + lag),
    )


def lws(
    sample_rate: int = 22_050,
    n_fft: int = 1024,
    hop: int = 256,
    bins: int = 80,
    low: float = 125.0,
    high: float = 7600.0,
    span: float = 100.0,
    reference: float = 20.0,
) -> MelSpec:
    """r9y9/wavenet_vocoder 0.1's, by the lws package: frame f begins at sample f hop.

    lws has the root of a Hann window, scaled so that the squares of all frames add up to one.
    """
    gain = (2 * hop / n_fft) ** 0.5
    return MelSpec(
        sample_rate,
        n_fft,
        hop,
        bins,
        partial(_floored_decibels, gain=gain, span=span, reference=reference),
        exponent=1,
        low=low,
        high=high,
        window="sine",
        centre=False,
        pad_mode="constant",
        pad=(0, n_fft - 1),
    )
