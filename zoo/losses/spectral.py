"""Losses of spectra of audio, (prediction, target) [B T C] -> loss per example [B].

All are finite, with finite gradients, at silence; objectives take the mean over the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from zoo.losses.waveform import l1, per_example
from zoo.signal import framing, mel, stft

DDSP_SIZES = (2048, 1024, 512, 256, 128, 64)
# Parallel WaveGAN (Yamamoto et al. 2020): FFT size, hop and window in samples.
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))


def multi_scale(
    prediction: jax.Array,
    target: jax.Array,
    *,
    sizes: Sequence[int] = DDSP_SIZES,
    overlap: float = 0.75,
    linear: float = 1.0,
    log: float = 1.0,
) -> jax.Array:
    """L1 of magnitudes and of their logarithms, summed over FFT sizes, [B T C] twice -> [B].

    DDSP (Engel et al. 2020): every size has hop (1 - overlap) n_fft, zeros behind, no centring;
    each term is a mean over frames and bins. linear, log: weights of the two terms.
    """
    total = jnp.zeros(prediction.shape[0], jnp.float32)
    for size in sizes:
        hop = round(size * (1 - overlap))
        ours, theirs = (_magnitude(x, size, hop) for x in (prediction, target))
        if linear:
            total += linear * l1(ours, theirs)
        if log:
            total += log * l1(_safe_log(ours), _safe_log(theirs))
    return total


def convergence(prediction: jax.Array, target: jax.Array, n_fft: int, hop: int) -> jax.Array:
    """Spectral convergence, Frobenius |P - T| / |T| of magnitudes, [B T C] twice -> [B].

    0 is perfect, 1 is silence instead of sound. A silent target counts as one of tiny energy.
    """
    ours, theirs = (_magnitude(x, n_fft, hop) for x in (prediction, target))
    return (_norm(ours - theirs) - 1e-6) / _norm(theirs)  # 0 for two silences, too


def log_magnitude(prediction: jax.Array, target: jax.Array, n_fft: int, hop: int) -> jax.Array:
    """L1 of ln magnitude, floored at 1e-5, [B T C] twice -> [B]."""
    ours, theirs = (mel.log_clamp(_magnitude(x, n_fft, hop)) for x in (prediction, target))
    return l1(ours, theirs)


def multi_resolution(
    prediction: jax.Array,
    target: jax.Array,
    resolutions: Sequence[tuple[int, int, int]] = RESOLUTIONS,
) -> tuple[jax.Array, jax.Array]:
    """(convergence, L1 of ln magnitude), means over resolutions, [B T C] twice -> [B] twice.

    Yamamoto et al. 2020, whose loss is their sum; powers are clamped at 1e-7. Their code takes the
    convergence over the batch at once, here it is that of each example.
    """
    convergence = logarithmic = jnp.zeros(prediction.shape[0], jnp.float32)
    for n_fft, hop, win in resolutions:
        ours, theirs = (_clamped(x, n_fft, hop, win) for x in (prediction, target))
        convergence += _norm(ours - theirs) / _norm(theirs) / len(resolutions)
        logarithmic += l1(jnp.log(ours), jnp.log(theirs)) / len(resolutions)
    return convergence, logarithmic


def log_mel_l1(prediction: jax.Array, target: jax.Array, spec: mel.MelSpec) -> jax.Array:
    """L1 of log mel spectrograms in the spec's unit, [B T C] twice -> [B]. HiFi-GAN: 45 x."""
    return l1(mel.log_mel(prediction, spec), mel.log_mel(target, spec))


def power_mse(prediction: jax.Array, target: jax.Array, n_fft: int, hop: int) -> jax.Array:
    """Squared difference of power spectra averaged over time, [B T C] twice -> [B].

    Parallel WaveNet (van den Oord et al. 2018): it compares how loud each bin is, not when.
    """
    ours, theirs = (
        stft.power(stft.stft(x, n_fft, hop, centre=False)).mean(axis=1)
        for x in (prediction, target)
    )
    return per_example(jnp.square(ours - theirs))


def magnitude_mse(
    prediction: jax.Array, target: jax.Array, n_fft: int, hop: int, win: int | None = None
) -> jax.Array:
    """Mean squared difference of magnitudes, [B T C] twice -> [B]; win: window length.

    ClariNet (Ping et al. 2019): FFT 2048, window 50 ms, hop 12.5 ms.
    """
    pad = framing.end_padding(prediction.shape[1], n_fft, hop)
    ours, theirs = (
        stft.magnitude(stft.stft(x, n_fft, hop, centre=False, pad=pad, win=win))
        for x in (prediction, target)
    )
    return per_example(jnp.square(ours - theirs))


def with_magnitudes(
    loss: Callable[[jax.Array, jax.Array], jax.Array],
    weight: float,
    sizes: Sequence[int] = (2048, 512),
) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """A loss of stems and `weight` times the L1 of their magnitudes, ([B T S C] twice) -> [B].

    The mean over FFT sizes, each with a hop of a quarter, zeros behind and no centring; as in
    Wave-U-Net with penalties of spectra (Akhmetov et al. 2019), whose terms are not public.
    """

    def penalised(prediction: jax.Array, target: jax.Array) -> jax.Array:
        flat = (x.reshape(*x.shape[:2], -1) for x in (prediction, target))
        spectra = multi_scale(*flat, sizes=sizes, log=0.0) / len(sizes)
        return loss(prediction, target) + weight * spectra

    return penalised


def complex_l1(prediction: jax.Array, target: jax.Array) -> jax.Array:
    """Mean modulus of the difference of complex spectra, parts [B F 2N ...] twice -> [B].

    Le Roux et al. 2019, their complex spectrum approximation; parts are of
    `zoo.signal.stft.real_and_imaginary`.
    """
    return per_example(stft.magnitude(stft.of_parts(prediction - target)))


def _magnitude(x: jax.Array, n_fft: int, hop: int) -> jax.Array:
    pad = framing.end_padding(x.shape[1], n_fft, hop)
    return stft.magnitude(stft.stft(x, n_fft, hop, centre=False, pad=pad))


def _clamped(x: jax.Array, n_fft: int, hop: int, win: int) -> jax.Array:
    spectrum = stft.stft(x, n_fft, hop, centre=True, pad_mode="reflect", win=win)
    return jnp.sqrt(jnp.maximum(stft.power(spectrum), 1e-7))


def _safe_log(x: jax.Array) -> jax.Array:
    # DDSP replaces zeros and clamps nothing, so very soft bins weigh more than with a clamp. Here
    # values under 1e-10, which only digital silence has, are zeros: 1 / x would overflow.
    return jnp.log(jnp.where(x < 1e-10, 1e-5, x))


def _norm(x: jax.Array) -> jax.Array:
    # The root of zero has no slope: 1e-12 gives it the slope zero.
    return jnp.sqrt(jnp.square(x).sum(axis=tuple(range(1, x.ndim))) + 1e-12)
