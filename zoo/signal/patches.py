"""Spectrograms as taggers read them: so many frames and no more, band by band."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal import mel


def log_mel_patch(x: jax.Array, spec: mel.MelSpec, least: int = 1) -> jax.Array:
    """Compressed mel spectrogram with one frame per hop, [B T 1] -> [B F M]; F = T // hop.

    Frame f is centred on sample f * hop (where `spec` says so); the one that would be centred on
    the end is left out, so that segments side by side have their frames side by side.
    raises BadInput for less than `least` frames.
    """
    if x.ndim != 3 or x.shape[-1] != 1 or x.shape[1] < least * spec.hop:
        raise BadInput(f"this model takes [B {least * spec.hop:,} 1] or longer, not {x.shape}")
    return mel.log_mel(x, spec)[:, : x.shape[1] // spec.hop, :, 0]


def log_mel_image(x: jax.Array, spec: mel.MelSpec, least: int = 1) -> jax.Array:
    """Compressed mel spectrogram with every frame of `spec`, [B T 1] -> [B F M 1].

    raises BadInput for less than `least` samples, or for stereo.
    """
    if x.ndim != 3 or x.shape[-1] != 1 or x.shape[1] < least:
        raise BadInput(f"this model takes [B {least:,} 1] or longer, not {x.shape}")
    return mel.log_mel(x, spec)


def bands(x: jax.Array, height: int) -> jax.Array:
    """Every band of `height` neighbouring bins by itself, [B F M] -> [B P F n], P = M - n + 1.

    What filters of that height, moved over the bins, see at each place.
    raises BadInput where the spectrogram is lower than that.
    """
    bins = x.shape[2]
    if height > bins:
        raise BadInput(f"filters over {height} of {bins} bins: use {bins} or fewer")
    return jnp.stack([x[:, :, i : i + height] for i in range(bins - height + 1)], 1)
