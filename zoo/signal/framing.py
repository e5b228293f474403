"""Cuts audio into overlapping frames and joins frames again, [B T C] <-> [B F n C]."""

from __future__ import annotations

from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput


def frame_count(length: int, size: int, hop: int) -> int:
    """How many whole frames of `size` samples, `hop` apart, fit into `length` samples."""
    return max(0, 1 + (length - size) // hop)


def frames_span(frames: int, size: int, hop: int) -> int:
    """Samples that so many frames of `size` samples, `hop` apart, lie over."""
    return (frames - 1) * hop + size


def end_padding(length: int, size: int, hop: int) -> tuple[int, int]:
    """(before, after) zeros that give ceil(length / hop) frames, as tf.signal's `pad_end` does."""
    frames = -(-length // hop)
    return 0, max(0, (frames - 1) * hop + size - length)


def centre_padding(length: int, size: int, hop: int) -> tuple[int, int]:
    """(before, after) zeros that centre frames on whole hops, the last one at or behind the end.

    As scipy.signal.stft pads; librosa and torch leave what lies behind the last hop to its frame.
    """
    return size // 2, size // 2 + (-(-length // hop) * hop - length)


def frame(x: jax.Array, size: int, hop: int) -> jax.Array:
    """Overlapping frames, [B T C] -> [B F n C] with n = size and F = 1 + (T - size) // hop.

    A tail shorter than one hop is left out. Frames are joined from shifted blocks of one hop, so
    that the gradient is slices and additions and not a scatter.
    raises BadInput: T is shorter than one frame, or a size is not positive.
    """
    _check(size, hop)
    count = frame_count(x.shape[1], size, hop)
    if not count:
        raise BadInput(f"{x.shape[1]} samples are shorter than one frame: pad to {size} or more")
    shifts = -(-size // hop)
    blocks = _blocks(x, hop, count + shifts - 1)
    frames = jnp.concatenate([blocks[:, i : i + count] for i in range(shifts)], axis=2)
    return frames[:, :, :size]


def overlap_add(frames: jax.Array, hop: int) -> jax.Array:
    """Sum of frames `hop` samples apart, [B F n C] -> [B T C] with T = (F - 1) * hop + n.

    It is the transpose of `frame`.
    """
    batch, count, size, channels = frames.shape
    _check(size, hop)
    shifts = -(-size // hop)
    frames = jnp.pad(frames, ((0, 0), (0, 0), (0, shifts * hop - size), (0, 0)))
    frames = frames.reshape(batch, count, shifts, hop, channels)
    shifted = [
        jnp.pad(frames[:, :, i], ((0, 0), (i, shifts - 1 - i), (0, 0), (0, 0)))
        for i in range(shifts)
    ]
    total = reduce(jnp.add, shifted)
    return total.reshape(batch, -1, channels)[:, : (count - 1) * hop + size]


def crop(x: jax.Array, length: int) -> jax.Array:
    """The centre `length` samples, [B T ...] -> [B length ...]; of an odd rest, more behind."""
    start = (x.shape[1] - length) // 2
    return x[:, start : start + length]


def crossfade_window(
    size: int, hop: int, *, first: bool = False, last: bool = False, shape: str = "hann"
) -> np.ndarray:
    """Weight of one segment of a stream whose segments overlap by `size - hop`, -> [n] float32.

    Neighbouring weights sum to one; the first segment does not fade in and the last does not fade
    out, so that the edges of a recording keep their level. shape: 'hann' or 'linear'.
    raises BadInput: more than two segments would overlap (hop < size / 2).
    """
    _check(size, hop)
    overlap = size - hop
    if overlap < 0 or 2 * overlap > size:
        raise BadInput(f"hop {hop} for segments of {size}: use {-(-size // 2)} to {size}")
    ramp = (np.arange(overlap) + 0.5) / max(overlap, 1)
    if shape == "hann":
        ramp = np.sin(0.5 * np.pi * ramp) ** 2
    elif shape != "linear":
        raise BadInput(f"cross-fade shape {shape!r}: use 'hann' or 'linear'")
    weight = np.ones(size)
    if not first:
        weight[:overlap] = ramp
    if not last:
        weight[size - overlap :] *= 1.0 - ramp
    return weight.astype(np.float32)


def crossfade_windows(count: int, size: int, hop: int) -> np.ndarray:
    """Weights of `count` segments at any overlap, -> [F n] float32; overlap-added they are one.

    Triangles divided by their own sum, so the first and last samples have weight one as well.
    raises BadInput: hop exceeds size, which would leave gaps.
    """
    _check(size, hop)
    if hop > size:
        raise BadInput(f"hop {hop} leaves gaps between segments of {size}: use at most {size}")
    triangle = 1.0 - np.abs((np.arange(size) + 0.5) / size * 2 - 1)
    total = np.zeros((count - 1) * hop + size)
    spans = [slice(i * hop, i * hop + size) for i in range(count)]
    for span in spans:
        total[span] += triangle
    return np.stack([triangle / total[span] for span in spans]).astype(np.float32)


def _blocks(x: jax.Array, hop: int, count: int) -> jax.Array:
    batch, length, channels = x.shape
    x = jnp.pad(x[:, : count * hop], ((0, 0), (0, max(0, count * hop - length)), (0, 0)))
    return x.reshape(batch, count, hop, channels)


def _check(size: int, hop: int) -> None:
    if size < 1 or hop < 1:
        raise BadInput(f"frame size {size} and hop {hop}: both must be at least 1")
