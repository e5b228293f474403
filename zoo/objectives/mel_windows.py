"""Vocodes a source of any length in windows of mel frames, with memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Request
from zoo.signal import mel

Make = Callable[[jax.Array, jax.Array], jax.Array]
_Take = Callable[[int, int], jax.Array]  # (first, how many) -> frames [1 F M]


def vocoded(
    make: Make, request: Request, spec: mel.MelSpec, *, before: int, after: int, tail: int = 0
) -> Iterator[np.ndarray]:
    """Chunks [count t 1] of what `make` makes of the request's source, `length` samples together.

    make(frames [1 F M], first) -> audio [count F*hop 1], where `first` is the index of the first
    frame in the whole source. before, after: frames that a frame's samples can depend on. Windows
    overlap by as much, so that the result is that of one pass over all frames. tail: frames of
    silence that follow the source. `request.frames` [F M] of this front end may take its place.
    """
    given = request.source if request.frames is None else request.frames
    if given is None or request.prompt is not None:
        raise BadInput("a vocoder takes a source and no prompt: give it --input alone")
    hop = spec.hop
    length = request.length or len(given) * (1 if request.frames is None else hop)
    wanted = -(-length // hop)
    frames = wanted + tail
    features = _of_source if request.frames is None else _of_frames
    take = features(np.asarray(given, np.float32), length, frames, spec)
    # Longer windows waste less on the overlap: at most a third of the work.
    step = max(request.chunk // hop, 2 * (before + after), 1)
    size = min(step + before + after, frames)
    for first in range(0, wanted, step):
        begin = min(max(first - before, 0), frames - size)
        made = np.asarray(make(take(begin, size), jnp.asarray(begin, jnp.uint32)))
        stop = min((first + step) * hop, length)
        made = np.clip(made[:, (first - begin) * hop : stop - begin * hop], -1, 1)
        for start in range(0, made.shape[1], request.chunk):
            yield made[:, start : start + request.chunk]


def _of_source(source: np.ndarray, length: int, frames: int, spec: mel.MelSpec) -> _Take:
    """Frames of audio [T 1] with silence up to `frames`, from any on."""
    hop, bare = spec.hop, replace(spec, centre=False, pad=None)  # its padding is done
    audio = pad_for_mel(source[:length], frames * hop, spec)

    def take(first: int, size: int) -> jax.Array:
        return _features(audio[None, first * hop : (first + size - 1) * hop + spec.n_fft], bare)

    return take


def _of_frames(given: np.ndarray, length: int, frames: int, spec: mel.MelSpec) -> _Take:
    """Frames [F M] that are there, with those of silence up to `frames`, from any on."""
    silence = float(spec.compress(jnp.zeros(())))
    spare = max(frames - len(given), 0)
    every = np.pad(given, ((0, spare), (0, 0)), constant_values=silence)
    return lambda first, size: jnp.asarray(every[None, first : first + size])


@partial(jax.jit, static_argnames="spec")
def _features(audio: jax.Array, spec: mel.MelSpec) -> jax.Array:
    """Log mel spectrogram of mono audio [1 T 1] -> [1 F M]."""
    return mel.log_mel(audio, spec)[..., 0]


def pad_for_mel(audio: np.ndarray, length: int, spec: mel.MelSpec) -> np.ndarray:
    """Audio [T C] with zeros up to `length`, then with the front end's own padding."""
    before, after = spec.pad or ((spec.n_fft // 2,) * 2 if spec.centre else (0, 0))
    audio = np.pad(audio, ((0, length - len(audio)), (0, 0)))
    return np.pad(audio, ((before, after), (0, 0)), mode=spec.pad_mode)


def noise(seed: jax.Array, count: int, first: jax.Array, length: int, numbers: int) -> jax.Array:
    """White Gaussian noise [count length numbers] for the steps first, first + 1, ...

    It depends on (seed, voice, index of the step) alone, so windows may overlap.
    """

    def one(voice: jax.Array, index: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), voice), index)
        return jax.random.normal(key, (numbers,))

    indices = first + jnp.arange(length, dtype=jnp.uint32)
    voices = jnp.arange(count, dtype=jnp.uint32)
    return jax.vmap(lambda v: jax.vmap(lambda t: one(v, t))(indices))(voices)
