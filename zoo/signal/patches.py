"""Spectrograms of a stretch of audio as taggers read them: so many frames, no more."""

from __future__ import annotations

import jax

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
