"""Magnitudes out of mel spectrograms: in closed form, and by a small network.

`PseudoInverse` is what librosa.feature.inverse.mel_to_stft computes (non-negative least squares),
or the clipped pseudo-inverse, which is cheaper. `MelInverter` is ours, no paper's: residual
convolutions over frames, as vocoders with an inverse Fourier transform at their end have them
(Hubert Siuzdak: "Vocos", ICLR 2024), say in ln how each bin differs from the clipped
pseudo-inverse; then the bins of every band are scaled towards the level that the input states.

Choices: non-negative least squares by 200 accelerated projected gradients (Beck and Teboulle 2009)
from the clipped pseudo-inverse. No phase is predicted: Griffin-Lim finds it, so that nothing is
periodic in the hop.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.layers.conv import Conv
from zoo.layers.receptive_field import Step, input_interval, same_padded
from zoo.signal import mel, phase, stft
from zoo.signal.precision import HIGHEST

_TINY = float(np.finfo(np.float32).tiny)
_FLOOR = 1e-5  # of magnitudes in logarithms, as the front ends have it
_METHODS = ("clipped", "least_squares")


def _least_squares(
    energy: jax.Array, target: jax.Array, filters: np.ndarray, iterations: int
) -> jax.Array:
    """Non-negative energies [B F N] whose mel spectrogram is nearest to target [B F M]."""
    step = np.float32(1 / np.linalg.norm(filters.astype(np.float64), 2) ** 2)

    def descend(k: int, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        x, ahead = state
        rest = jnp.matmul(ahead, filters, precision=HIGHEST) - target
        new = jnp.maximum(ahead - step * jnp.matmul(rest, filters.T, precision=HIGHEST), 0)
        return new, new + k / (k + 3.0) * (new - x)

    start = jnp.maximum(energy, 0)
    return jax.lax.fori_loop(0, iterations, descend, (start, start))[0]


class PseudoInverse(nn.Module):
    """ln mel spectrogram [B F M] -> magnitudes [B F N]; it has no parameters.

    method: 'clipped' pseudo-inverse, or 'least_squares' over non-negative energies.
    """

    spec: mel.MelSpec
    method: str = "clipped"
    iterations: int = 200

    receptive_field = 1  # frames

    def __call__(self, features: jax.Array, *, train: bool = False) -> jax.Array:
        if self.method not in _METHODS:
            raise BadInput(f"method={self.method!r}: choose {' or '.join(_METHODS)}")
        energy = mel.least_norm(features, self.spec)
        if self.method == "least_squares":
            filters = self.spec.filters()
            energy = _least_squares(energy, jnp.exp(features), filters, self.iterations)
        return jnp.maximum(energy, 0) ** (1 / self.spec.exponent)


class Block(nn.Module):
    """Convolution over five frames around a shortcut, [B F D] -> [B F D]."""

    taps: int = 5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width = x.shape[-1]
        y = nn.LayerNorm(dtype=jnp.float32, name="norm")(x)
        y = nn.gelu(Conv(width, self.taps, dtype=self.dtype, name="frames")(y))
        y = Conv(width, 1, kernel_init=nn.initializers.normal(0.02), dtype=self.dtype, name="mix")(
            y
        )
        return x + y.astype(jnp.float32)


class MelInverter(nn.Module):
    """ln mel spectrogram [B F M] -> magnitudes [B F N].

    scalings: how often the bins are scaled towards the band levels of the input.
    """

    spec: mel.MelSpec
    width: int = 256
    blocks: int = 4
    taps: int = 5
    scalings: int = 3
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """Frames that a frame depends on."""
        return 1 + (self.blocks + 1) * (self.taps - 1)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool = False) -> jax.Array:
        if features.ndim != 3 or features.shape[-1] != self.spec.bins:
            raise BadInput(f"this takes mel frames [B F {self.spec.bins}], not {features.shape}")
        energy = mel.least_norm(features, self.spec)
        base = jnp.log(jnp.maximum(energy, _FLOOR**self.spec.exponent)) / self.spec.exponent
        x = (features + 5.0) / 3.0  # ln mel magnitudes of music lie around -5
        x = Conv(self.width, self.taps, dtype=self.dtype, name="first")(x).astype(jnp.float32)
        for i in range(self.blocks):
            x = Block(self.taps, self.dtype, name=f"block_{i + 1}")(x)
        x = nn.LayerNorm(name="norm")(x)
        start = nn.initializers.normal(0.02)
        change = Conv(base.shape[-1], 1, kernel_init=start, precision=HIGHEST, name="last")(x)
        magnitude = jnp.exp(jnp.clip(base + change, np.log(_FLOOR) - 2, 8.0))
        return self._scaled(magnitude, jnp.exp(features))

    def _scaled(self, magnitude: jax.Array, bands: jax.Array) -> jax.Array:
        """Every bin times the mean ratio of the bands it lies in to what they should be."""
        filters = self.spec.filters()
        share = filters / np.maximum(filters.sum(1, keepdims=True), 1e-12)
        inside = filters.sum(1) > 0
        for _ in range(self.scalings):
            ours = jnp.matmul(magnitude**self.spec.exponent, filters, precision=HIGHEST)
            ratio = jnp.log(jnp.maximum(bands, _FLOOR)) - jnp.log(jnp.maximum(ours, _FLOOR))
            moved = jnp.matmul(ratio, share.T, precision=HIGHEST) / self.spec.exponent
            magnitude = magnitude * jnp.exp(jnp.where(inside, moved, 0.0))
        return magnitude


class Refiner(nn.Module):
    """ln mel spectrogram [B F M] and an excitation [B hop F C] -> audio [B hop F 1].

    A `MelInverter` gives magnitudes, fast Griffin-Lim from the excitation's phases a draft, and
    a second net of the same blocks looks at both and says how much each bin changes in ln. rounds:
    of Griffin-Lim; fewer while it learns, which costs nothing afterwards. No phase is learnt (of
    a turn said by the second net nothing came), so nothing is periodic in the hop, as long as the
    excitation is not. blocks: of the two nets.
    """

    spec: mel.MelSpec
    width: int = 128
    blocks: tuple[int, int] = (4, 2)
    taps: int = 5
    rounds: int = 32
    rounds_in_training: int = 16
    momentum: float = 0.99
    dtype: Any = jnp.float32

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.spec.hop

    @property
    def bins(self) -> int:
        """Mel bins of a frame."""
        return self.spec.bins

    @property
    def steps(self) -> tuple[Step, ...]:
        """The layers between frames and samples: nets, rounds, the windows at the end."""
        spec = self.spec
        nets = [same_padded(self.taps)] * (1 + sum(self.blocks))
        overlap = same_padded(2 * (-(-spec.n_fft // spec.hop) - 1) + 1)
        before = spec.pad[0] if spec.pad else 0
        draft = [overlap] * (self.rounds + 1)
        return (*nets, *draft, Step(spec.n_fft, spec.hop, before, up=True))

    @property
    def reach(self) -> int:
        """Frames on either side that a frame's samples depend on."""
        first, last = input_interval(self.steps, 0, self.hop - 1)
        return max(-first, last)

    def setup(self) -> None:
        how: Any = dict(dtype=self.dtype)
        self.inverter = MelInverter(self.spec, self.width, self.blocks[0], self.taps, **how)
        self.first = Conv(self.width, 1, **how)
        self.again = [Block(self.taps, **how) for _ in range(self.blocks[1])]
        self.norm = nn.LayerNorm()
        start = nn.initializers.normal(0.01)
        self.last = Conv(self.spec.n_fft // 2 + 1, 1, kernel_init=start, precision=HIGHEST)

    def __call__(
        self, mel: jax.Array, excitation: jax.Array | None = None, *, train: bool = False
    ) -> jax.Array:
        return self.sound(mel, self.magnitudes(mel, train=train), excitation, train=train)

    def magnitudes(self, mel: jax.Array, *, train: bool = False) -> jax.Array:
        """The first net's guess, [B F M] -> [B F N]."""
        return self.inverter(mel, train=train)

    def sound(
        self,
        mel: jax.Array,
        magnitude: jax.Array,
        excitation: jax.Array | None = None,
        *,
        train: bool = False,
    ) -> jax.Array:
        """Audio [B hop F 1] of frames [B F M] and magnitudes [B F N]; its phases have no slope."""
        rounds = self.rounds_in_training if train else self.rounds
        draft = self._draft(jax.lax.stop_gradient(magnitude), excitation, rounds)
        found = jax.lax.stop_gradient(self._analyse(draft))
        size = jnp.abs(found)
        levels = [(jnp.log(x + _FLOOR) + 3.0) / 3.0 for x in (magnitude, size)]
        x = jnp.concatenate([(mel + 5.0) / 3.0, *levels], -1)
        x = self.first(x).astype(jnp.float32)
        for block in self.again:
            x = block(x)
        change = 3.0 * jnp.tanh(self.last(self.norm(x)) / 3.0)
        unit = found / jnp.where(size > _TINY, size, 1.0)
        return self._synthesise(magnitude * jnp.exp(change) * unit)

    def _draft(self, magnitude: jax.Array, excitation: jax.Array | None, rounds: int) -> jax.Array:
        """Griffin-Lim's audio [B hop F 1], from the phases of the excitation's sum or from none."""
        start = None
        if excitation is not None:
            start = self._analyse(excitation.sum(-1, keepdims=True))[..., None]
        return phase.griffin_lim(
            magnitude[..., None],
            self.spec.n_fft,
            self.spec.hop,
            length=magnitude.shape[1] * self.spec.hop,
            iterations=rounds,
            momentum=self.momentum,
            start=start,
            **self._framing,
        )

    @property
    def _framing(self) -> dict[str, Any]:
        return dict(centre=False, pad=self.spec.pad, win=self.spec.win)

    def _analyse(self, audio: jax.Array) -> jax.Array:
        return stft.stft(audio, self.spec.n_fft, self.spec.hop, **self._framing)[..., 0]

    def _synthesise(self, spectrum: jax.Array) -> jax.Array:
        size, hop = self.spec.n_fft, self.spec.hop
        length = spectrum.shape[1] * hop
        return stft.istft(spectrum[..., None], size, hop, length=length, **self._framing)
