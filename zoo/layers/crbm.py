"""Convolutional restricted Boltzmann machines over the frames of a spectrogram, and their input.

Honglak Lee, Yan Largman, Peter Pham, Andrew Y. Ng: "Unsupervised feature learning for audio
classification using convolutional deep belief networks", NIPS 2009. Spectrogram, whitening,
energies, sampling and gradients are those of the authors' public code, which has the first layer
only; zoo/objectives/deep_belief.py trains the layers one after the other.

Deviations and choices:
- A step is of a batch of clips of one length, theirs of one utterance. Momentum is 0.9 from the
  start; theirs is 0.5 during four epochs, and their code stops after a single one.
- The second layer sees the first's pooled probabilities as binary units of deviation 1.
- The spectrogram is scaled clip by clip, as theirs; digital silence, which they would divide by
  zero, is zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.layers.conv import convolve
from zoo.signal import stft
from zoo.signal.precision import HIGHEST

_Tree = Any
_LIMIT = 20.0  # of what is exponentiated, either way
_FADE, SHARPNESS = 20, 4.0  # frames of the logistic fades, and their steepness
_FLOOR = 1e-5  # below the logarithm of magnitudes


class FadedSpectrogram(nn.Module):
    """Log magnitudes of a clip, zero mean and unit power, faded at its ends, [B T C] -> [B F N].

    Symmetric Hamming windows of n_fft samples, `hop` apart, without padding; channels are averaged.
    """

    n_fft: int = 320
    hop: int = 160

    receptive_field = math.inf  # mean and power are of the clip

    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        if x.shape[1] < self.n_fft:
            raise BadInput(f"{x.shape[1]} samples: this spectrogram takes {self.n_fft} or more")
        mono = x.mean(2, keepdims=True)
        spectrum = stft.stft(mono, self.n_fft, self.hop, centre=False, window_name="hamming")
        level = jnp.log1p(stft.magnitude(spectrum)[..., 0] / _FLOOR)
        level = level - level.mean((1, 2), keepdims=True)
        power = (level**2).mean((1, 2), keepdims=True)
        level = level / jnp.sqrt(jnp.where(power > 0, power, 1.0))
        place = jnp.arange(1, level.shape[1] + 1)[:, None]
        ends = jnp.stack([place, level.shape[1] + 1 - place])
        return level * jax.nn.sigmoid(SHARPNESS * (2 * ends / _FADE - 1)).prod(0)


@dataclass(frozen=True)
class CRBM:
    """One layer: `bases` filters of `taps` frames, probabilistic max-pooling over `pool` frames.

    deviation: of Gaussian visible units; None: they are binary, with a bias. l2: decay of the
    filters. target, sparsity: hidden units are pulled to be on so often, and how strongly.
    """

    bases: int = 300
    taps: int = 6
    pool: int = 3
    deviation: float | None = 0.2
    l2: float = 0.01
    target: float = 0.05
    sparsity: float = 5.0

    def begin(self, rng: jax.Array, channels: int) -> _Tree:
        """{'kernel' [taps C K], 'bias' [K]}, and 'visible_bias' [C] of binary units."""
        kernel = 0.01 * jax.random.normal(rng, (self.taps, channels, self.bases))
        weights = {"kernel": kernel, "bias": jnp.full(self.bases, -0.1)}
        return weights if self.deviation else {**weights, "visible_bias": jnp.zeros(channels)}

    def trimmed(self, visible: jax.Array) -> jax.Array:
        """[B F C] without the frames at both ends that fill no block of hidden units."""
        spare = (visible.shape[1] - self.taps + 1) % self.pool
        if visible.shape[1] - spare < self.taps:
            raise BadInput(f"{visible.shape[1]} frames are too few for {self.taps} taps")
        return visible[:, spare // 2 : visible.shape[1] - (spare - spare // 2)]

    def energies(self, weights: _Tree, visible: jax.Array) -> jax.Array:
        """What each hidden unit gains by being on, [B F C] -> [B F-taps+1 K]."""
        found = convolve(visible, weights["kernel"], padding="valid", precision=HIGHEST)
        scale = 1.0 if self.deviation is None else self.deviation**2
        return jnp.clip((found + weights["bias"]) / scale, -_LIMIT, _LIMIT)

    def probabilities(self, energies: jax.Array) -> jax.Array:
        """Of hidden units [B H K], of which at most one in a block of `pool` is on."""
        return self._choices(energies)[:, :, :-1].reshape(energies.shape)

    def pooled(self, weights: _Tree, visible: jax.Array) -> jax.Array:
        """That any unit of a block is on, [B F C] -> [B (F-taps+1)/pool K]."""
        chances = self.probabilities(self.energies(weights, self.trimmed(visible)))
        return self._blocks(chances).sum(2)

    def sample(self, rng: jax.Array, energies: jax.Array) -> jax.Array:
        """One draw of the hidden units, 0 or 1, [B H K] -> [B H K]."""
        chances = jnp.log(self._choices(energies))
        drawn = jax.random.categorical(rng, chances, axis=2)
        on = jax.nn.one_hot(drawn, self.pool + 1, axis=2)[:, :, :-1]
        return on.reshape(energies.shape)

    def reconstruct(self, weights: _Tree, hidden: jax.Array) -> jax.Array:
        """The mean of the visible units, [B H K] -> [B H+taps-1 C]."""
        across = self.taps - 1
        kernel = weights["kernel"][::-1].swapaxes(1, 2)
        padded = jnp.pad(hidden, ((0, 0), (across, across), (0, 0)))
        found = convolve(padded, kernel, padding="valid", precision=HIGHEST)
        if self.deviation is None:
            return jax.nn.sigmoid(found + weights["visible_bias"])
        return found

    def gradient(self, rng: jax.Array, weights: _Tree, visible: jax.Array) -> tuple[_Tree, _Tree]:
        """(ascent by contrastive divergence of one step, {'error', 'active'}), of [B F C].

        Correlations of data and reconstruction are means over hidden units. 'error' is the mean
        square of what the reconstruction misses, 'active' the share of hidden units that are on.
        """
        data = self.trimmed(visible)
        energies = self.energies(weights, data)
        chances = self.probabilities(energies)
        model = self.reconstruct(weights, self.sample(rng, energies))
        again = self.probabilities(self.energies(weights, model))
        count = chances.shape[0] * chances.shape[1]
        found = self._products(data, chances) - self._products(model, again)
        active = chances.mean((0, 1))
        change = {
            "kernel": found / count - self.l2 * weights["kernel"],
            "bias": active - again.mean((0, 1)) - self.sparsity * (active - self.target),
        }
        if self.deviation is None:
            change["visible_bias"] = (data - model).mean((0, 1))
        return change, {"error": jnp.mean((data - model) ** 2), "active": active.mean()}

    def _products(self, visible: jax.Array, hidden: jax.Array) -> jax.Array:
        """Sums of what is visible under each hidden unit, [B F C], [B H K] -> [taps C K]."""
        width = hidden.shape[1]
        shifted = [visible[:, tap : tap + width] for tap in range(self.taps)]
        return jnp.einsum("tbfc,bfk->tck", jnp.stack(shifted), hidden, precision=HIGHEST)

    def _blocks(self, x: jax.Array) -> jax.Array:
        """[B H K] -> [B H/pool pool K]."""
        return x.reshape(x.shape[0], -1, self.pool, x.shape[2])

    def _choices(self, energies: jax.Array) -> jax.Array:
        """Probabilities of each unit of a block, and of none, [B H K] -> [B H/pool pool+1 K]."""
        blocks = self._blocks(energies)
        none = jnp.zeros_like(blocks[:, :, :1])
        return jax.nn.softmax(jnp.concatenate([blocks, none], 2), 2)
