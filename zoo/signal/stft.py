"""Short-time Fourier transform and its inverse, [B T C] <-> [B F N C] complex64.

Conventions that decide parity: Hann windows are periodic; `centre` pads half a frame at both ends.
Padding is 'constant' (zeros) as in today's librosa unless 'reflect' is asked for, torch's default.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from zoo.errors import BadInput
from zoo.signal import framing

_TINY = float(np.finfo(np.float32).tiny)
COSINES = {  # alternating coefficients of the cosine-sum windows
    "rectangular": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
}


def window(name: str, size: int, *, periodic: bool = True) -> np.ndarray:
    """Window function, -> [n] float64. name: a key of COSINES, 'sqrt_hann' or 'sine'.

    periodic: True for spectra, False (symmetric) for the design of filters. Same as
    scipy.signal.get_window(name, size, fftbins=periodic); 'sine' is its symmetric 'cosine' in
    either case, whose squares add up to a constant.
    """
    if name == "sine":
        return np.sin(np.pi * (np.arange(size) + 0.5) / size)
    if name == "sqrt_hann":
        return np.sqrt(np.maximum(window("hann", size, periodic=periodic), 0))
    if name not in COSINES:
        known = ", ".join([*COSINES, "sqrt_hann", "sine"])
        raise BadInput(f"no window named {name!r}: use one of {known}")
    if size == 1:
        return np.ones(1)
    angle = 2 * np.pi * np.arange(size) / (size if periodic else size - 1)
    return sum((-1) ** k * a * np.cos(k * angle) for k, a in enumerate(COSINES[name]))


def stft(
    x: jax.Array,
    n_fft: int,
    hop: int,
    *,
    centre: bool,
    pad_mode: str = "constant",
    pad: tuple[int, int] | None = None,
    win: int | None = None,
    window_name: str = "hann",
) -> jax.Array:
    """Spectra of windowed frames, [B T C] -> [B F N C] complex64 with N = n_fft // 2 + 1.

    hop, win (window length, default n_fft, placed in the middle of the frame) in samples.
    centre: pads n_fft // 2 on both sides with `pad_mode` ('reflect' or 'constant'), so frame f is
    centred on sample f * hop. pad: (before, after) samples padded in place of `centre`; MelGAN and
    HiFi-GAN take (n_fft - hop) // 2 twice, tf.signal `framing.end_padding(T, n_fft, hop)`.
    Not normalised, as librosa.stft and torch.stft.
    """
    before, after = _padding(n_fft, centre, pad)
    if before or after:
        if pad_mode == "reflect" and x.shape[1] <= max(before, after):
            raise BadInput(
                f"{x.shape[1]} samples cannot be reflected by {max(before, after)}: "
                "use longer audio or pad_mode='constant'"
            )
        x = jnp.pad(x, ((0, 0), (before, after), (0, 0)), mode=pad_mode)
    frames = framing.frame(x, n_fft, hop)
    return jnp.fft.rfft(frames * _frame_window(window_name, win, n_fft)[:, None], axis=2)


def istft(
    spectrum: jax.Array,
    n_fft: int,
    hop: int,
    *,
    centre: bool,
    length: int | None = None,
    pad: tuple[int, int] | None = None,
    win: int | None = None,
    window_name: str = "hann",
    dual: bool = True,
) -> jax.Array:
    """Least-squares inverse of `stft`, [B F N C] complex64 -> [B T C] float32.

    Takes the arguments of `stft`. length: samples to return (cut or filled with zeros); without it
    T is what the frames cover, less the padding. dual: divide by the overlap-added squared window;
    False leaves that out, as tf.signal.inverse_stft does by default.
    """
    shape = _frame_window(window_name, win, n_fft)
    frames = jnp.fft.irfft(spectrum, n_fft, axis=2) * shape[:, None]
    x = framing.overlap_add(frames, hop)
    if dual:
        x = x / _window_sum(shape, spectrum.shape[1], hop)[:, None]
    before, after = _padding(n_fft, centre, pad)
    if length is None:
        return x[:, before : x.shape[1] - after]
    x = x[:, before : before + length]
    return jnp.pad(x, ((0, 0), (0, length - x.shape[1]), (0, 0)))


def centred(x: jax.Array, n_fft: int, hop: int) -> jax.Array:
    """Spectra of frames centred on whole hops, [B T C] -> [B F N C] complex64; zeros outside.

    The last frame lies at or behind the end, as `framing.centre_padding` has it.
    """
    return stft(x, n_fft, hop, centre=False, pad=framing.centre_padding(x.shape[1], n_fft, hop))


def centred_inverse(spectrum: jax.Array, n_fft: int, hop: int, length: int) -> jax.Array:
    """Inverse of `centred`, [B F N C] complex64 -> [B T C] float32 with T = length."""
    pad = framing.centre_padding(length, n_fft, hop)
    return istft(spectrum, n_fft, hop, centre=False, pad=pad, length=length)


def magnitude(spectrum: jax.Array, floor: float = 0.0) -> jax.Array:
    """Modulus, [...] complex -> [...] float32; its gradient at zero is zero, not NaN.

    floor: added to the squares before the root; HiFi-GAN's is 1e-9.
    """
    return jnp.sqrt(power(spectrum) + floor) if floor else jnp.abs(spectrum)


def power(spectrum: jax.Array) -> jax.Array:
    """Squared modulus, [...] complex -> [...] float32."""
    return jnp.square(spectrum.real) + jnp.square(spectrum.imag)


def real_and_imaginary(spectrum: jax.Array) -> jax.Array:
    """Real parts and behind them imaginary parts, [B F N ...] complex64 -> [B F 2N ...] float32."""
    return jnp.concatenate([spectrum.real, spectrum.imag], 2)


def of_parts(x: jax.Array) -> jax.Array:
    """Inverse of `real_and_imaginary`, [B F 2N ...] float32 -> [B F N ...] complex64."""
    real, imaginary = jnp.split(x.astype(jnp.float32), 2, axis=2)
    return jax.lax.complex(real, imaginary)


def frequencies(sample_rate: float, n_fft: int) -> np.ndarray:
    """Centre frequencies of the bins in Hz, -> [N] float64."""
    return np.arange(n_fft // 2 + 1) * sample_rate / n_fft


def _padding(n_fft: int, centre: bool, pad: tuple[int, int] | None) -> tuple[int, int]:
    if pad is None:
        return (n_fft // 2, n_fft // 2) if centre else (0, 0)
    if centre:
        raise BadInput(f"pad={pad} together with centre=True: use centre=False")
    return pad


def _frame_window(name: str, win: int | None, n_fft: int) -> np.ndarray:
    win = n_fft if win is None else win
    if not 1 <= win <= n_fft:
        raise BadInput(f"window of {win} samples in frames of {n_fft}: use 1 to {n_fft}")
    before = (n_fft - win) // 2
    return np.pad(window(name, win), (before, n_fft - win - before)).astype(np.float32)


def _window_sum(shape: np.ndarray, frames: int, hop: int) -> jax.Array | np.ndarray:
    if export.is_symbolic_dim(frames):  # of an exported program: so many as will be given
        squares = jnp.square(jnp.asarray(shape, jnp.float32))[:, None]
        each = jnp.broadcast_to(squares, (1, frames, len(shape), 1))
        sums = framing.overlap_add(each, hop)[0, :, 0]
        return jnp.where(sums > _TINY, sums, 1.0)
    total = np.zeros((frames - 1) * hop + len(shape))
    for i in range(frames):
        total[i * hop : i * hop + len(shape)] += np.square(shape, dtype=np.float64)
    # Samples no window reaches are zero in the numerator too: leave them so.
    return np.where(total > _TINY, total, 1.0).astype(np.float32)
