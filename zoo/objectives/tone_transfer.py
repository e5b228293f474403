"""Tone transfer: a source's pitch and loudness, moved into a register and resynthesised.

Works in pieces of constant size, whatever the length: loudness, the decoder on overlapping
segments (one longer pass would change a decoder that normalises over time), oscillators whose phase
goes on, noise that belongs to its frame, and the tail of the room.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives.base import Request
from zoo.signal import framing, synthesis
from zoo.tuning import note_of_hertz

Tracker = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]

_BLOCK = 256  # frames made at a time
SEGMENT, _OVERLAP = 1250, 250  # frames of a decoder's input: five seconds, one of them faded
_CONFIDENT = 0.5  # from which on a frame of the source has a pitch
LEAST = 0.1  # seconds of pitch that a source must have
UNPITCHED = 25.0  # dB that frames without a pitch are taken back, as in Magenta's demo
_AUDIBLE = 20.0  # dB above the floor, where frames count towards the mean loudness
MIDDLE = {"pitch": 60.0, "loudness": -70.0, "loudest": -50.0}


@dataclass(frozen=True)
class Register:
    """Where an instrument plays: mean MIDI pitch, mean and largest loudness in dB; its gain."""

    pitch: float
    loudness: float
    loudest: float
    gain: float = 1.0


def measure_register(loudness: jax.Array, f0: jax.Array, span: float) -> dict[str, jax.Array]:
    """The register of a batch, dB [B F 1] and Hz [B F 1], as scalars by name."""
    audible = loudness > _AUDIBLE - span
    pitched = audible & (f0 > 0)
    note = note_of_hertz(jnp.maximum(f0, 1e-3))

    def mean(values: jax.Array, where: jax.Array, otherwise: float) -> jax.Array:
        total = jnp.where(where, values, 0.0).sum()
        return jnp.where(where.any(), total / jnp.maximum(where.sum(), 1), otherwise)

    return {
        "pitch": mean(note, pitched, MIDDLE["pitch"]),
        "loudness": mean(loudness, audible, MIDDLE["loudness"]),
        "loudest": loudness.max(axis=(1, 2)).mean(),
    }


def transfer_tone(
    model: Network, variables: Any, tracker: Tracker, register: Register | None, request: Request
) -> Iterator[np.ndarray]:
    """`request.source` [T 1] played by the model, chunks [count t 1], T samples or `length`."""
    source = np.asarray(request.source, np.float32).mean(1)
    length = request.length or len(source)
    frames = -(-length // model.hop)
    source = source[:length]
    source = np.pad(source, (0, frames * model.hop - len(source)))
    f0, loudness = _follow(model, variables, tracker, source)
    if register is not None:
        f0, loudness = match_register(f0, loudness, register, model.range)
    voices = request.count
    classes = np.arange(voices) % model.classes if model.classes else None
    raw = decode_controls(model, variables, f0, loudness, source, classes)
    gain = 1.0 if register is None else register.gain

    def sound() -> Iterator[np.ndarray]:
        left = length
        for chunk in _wet(model, variables, dry(model, raw, f0, voices, request.seed)):
            yield gain * chunk[:, :left]
            left -= min(left, chunk.shape[1])

    # Made twice rather than kept: a tune of any length fits, and its peak must be known first.
    peak = max((float(np.abs(chunk).max(initial=0)) for chunk in sound()), default=0.0)
    if peak <= 1.0:
        yield from sound()
        return
    print(
        f"peaks of {peak:.2f} are above full scale: all is {20 * np.log10(peak):.1f} dB softer",
        file=sys.stderr,
    )
    for chunk in sound():
        yield chunk * np.float32(1 / peak)


def _follow(
    model: Network, variables: Any, tracker: Tracker, source: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz [F] and loudness in dB [F] of a signal [T]. BadInput where it has no pitch."""
    hertz, confidence = tracker(source, model.hop)
    loudness = loudness_of(model, variables, source)
    voiced = (confidence >= _CONFIDENT) & (loudness > _AUDIBLE - model.range)
    if voiced.sum() * model.hop < LEAST * model.sample_rate:
        raise BadInput(
            "no pitch was found in this audio: hum, sing or play one note at a time, near the "
            "microphone"
        )
    there = np.flatnonzero(voiced)
    # Between notes the pitch glides on, inaudibly: a jump to zero would be a click.
    hertz = np.exp2(np.interp(np.arange(len(hertz)), there, np.log2(hertz[there])))
    quiet = np.maximum(loudness - UNPITCHED, -model.range)
    return hertz, np.where(confidence >= _CONFIDENT, loudness, quiet)


def loudness_of(model: Network, variables: Any, source: np.ndarray) -> np.ndarray:
    """Loudness in dB [F] of a signal [T], block by block."""
    frames, hop = len(source) // model.hop, model.hop
    lead = -(-model.n_fft // hop)  # frames before the first that counts
    size = (lead + _BLOCK) * hop + model.n_fft
    padded = np.pad(source, (lead * hop, size))
    pieces = (padded[None, start * hop :][:, :size, None] for start in range(0, frames, _BLOCK))
    parts = [np.asarray(_loudness(model, variables, piece))[0, :, 0] for piece in pieces]
    return np.concatenate(parts)[:frames]


def match_register(
    f0: np.ndarray, loudness: np.ndarray, register: Register, span: float
) -> tuple[np.ndarray, np.ndarray]:
    """Moved by whole octaves to the mean pitch; mean loudness of audible frames, and the peak.

    As Magenta's demo moves them, in one step: it also stretches the curve between mean and floor.
    """
    audible = loudness > loudness.max() - 3 * _AUDIBLE
    note = note_of_hertz(f0[audible])
    octaves = np.round((register.pitch - note.mean()) / 12.0)
    moved = loudness + register.loudness - loudness[audible].mean()
    return f0 * 2.0**octaves, np.clip(moved, -span, register.loudest)


def decode_controls(
    model: Network,
    variables: Any,
    f0: np.ndarray,
    loudness: np.ndarray,
    source: np.ndarray,
    classes: np.ndarray | None,
) -> np.ndarray:
    """Raw controls [B F K] of overlapping segments, faded into each other."""
    size = min(SEGMENT, len(f0))
    count = 1 + max(0, -(-(len(f0) - size) // (SEGMENT - _OVERLAP)))
    hop = SEGMENT - _OVERLAP if count > 1 else size
    frames = (count - 1) * hop + size
    pitch, level = (np.pad(x, (0, frames - len(x)), "edge") for x in (f0, loudness))
    audio = np.pad(source, (0, frames * model.hop - len(source)))
    voices = 1 if classes is None else len(classes)
    pieces: list[tuple[slice, np.ndarray]] = []
    for weight, start in zip(framing.crossfade_windows(count, size, hop), range(0, frames, hop)):
        span = slice(start, start + size)
        piece = audio[start * model.hop : (start + size) * model.hop]
        inputs = [
            np.tile(x[None, :, None].astype(np.float32), (voices, 1, 1))
            for x in (pitch[span], level[span], piece)
        ]
        raw = np.asarray(_raw(model, variables, *inputs, classes))
        pieces.append((span, weight[:, None] * raw))
    total = np.zeros((voices, frames, raw.shape[2]), np.float32)
    for span, piece in pieces:
        total[:, span] += piece
    return total[:, : len(f0)]


def dry(
    model: Network, raw: np.ndarray, f0: np.ndarray, voices: int, seed: int
) -> Iterator[np.ndarray]:
    """Blocks [B t 1] of harmonics and noise from raw controls [B or 1, F K] and Hz [F]."""
    frames = len(f0)
    padded = -(-frames // _BLOCK) * _BLOCK
    raw = np.pad(raw, ((0, 0), (1, padded - frames + 1), (0, 0)), "edge")
    pitch = np.pad(f0, (1, padded - frames + 1), "edge")
    phase = 0.0
    for start in range(0, padded, _BLOCK):
        span = slice(start, start + _BLOCK + 2)
        hertz = pitch[span]
        now = jnp.float32(phase % 1.0)
        given = raw[:, span], hertz.astype(np.float32)[None, :, None]
        yield np.asarray(_block(model, voices, *given, now, start, np.uint32(seed % 2**32)))
        inner, ahead = hertz[1:-1], hertz[2:]
        steps = model.hop * inner + (ahead - inner) * (model.hop - 1) / 2
        phase += float(steps.sum()) / model.sample_rate


@partial(jax.jit, static_argnums=0)
def _loudness(model: Network, variables: Any, audio: jax.Array) -> jax.Array:
    """Loudness of the last BLOCK frames [B F 1] before the samples that their windows need."""
    lead = -(-model.n_fft // model.hop)
    return model.apply(variables, audio, method="loudness")[:, lead : lead + _BLOCK]


@partial(jax.jit, static_argnums=0)
def _raw(model: Network, variables: Any, *inputs: jax.Array | None) -> jax.Array:
    return model.apply(variables, *inputs, method="raw")


@partial(jax.jit, static_argnums=(0, 1))
def _block(
    model: Network,
    voices: int,
    raw: jax.Array,
    f0: jax.Array,
    phase: jax.Array,
    start: jax.Array,
    seed: jax.Array,
) -> jax.Array:
    """BLOCK frames of sound from those frames and one more on either side."""
    controls = model.controls(raw)
    tone = synthesis.harmonics(
        f0[:, 1:],
        controls.amplitude[:, 1:],
        controls.share[:, 1:],
        hop=model.hop,
        sample_rate=model.sample_rate,
        start=phase,
    )[:, : -model.hop]
    key = jax.random.key(seed)

    def noise_of(frame: jax.Array) -> jax.Array:
        # A frame's noise is its own, so that neighbouring blocks agree on it.
        drawn = jax.random.fold_in(key, frame)
        return jax.random.uniform(drawn, (voices, model.hop), minval=-1.0, maxval=1.0)

    noise = jax.vmap(noise_of, out_axes=1)(start + jnp.arange(_BLOCK + 2))
    shape = (voices, _BLOCK + 2, controls.noise.shape[2])
    noise = synthesis.filter_frames(
        noise.reshape(voices, -1, 1), jnp.broadcast_to(controls.noise, shape)
    )
    return tone + noise[:, model.hop : -model.hop]


def _wet(model: Network, variables: Any, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """The blocks [B t 1] with the model's room around them; the tail past the end is cut."""
    if not model.reverb:
        yield from blocks
        return
    from scipy.signal import oaconvolve

    response = np.array(variables["params"]["response"], np.float32)
    response[0] = 0.0
    tail = np.zeros((1, len(response) - 1, 1), np.float32)
    for block in blocks:
        y = oaconvolve(block, response[None, :, None], axes=1)
        y[:, : tail.shape[1]] += tail
        tail = y[:, block.shape[1] :]
        yield block + y[:, : block.shape[1]]
