"""Why NMF takes spectrograms: a waveform has negative samples, and a phase of its own per frame.

The same frames of a recording three ways, factorised at several ranks (Euclidean distance, the
updates of `zoo.signal.factorisation`): as magnitudes; as samples, the positive ones beside the
negative; as samples raised by the lowest. One component holds the magnitudes of a steady note; as
samples the note is another frame wherever it begins, and components that only add cannot move it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from zoo.demos import drawing
from zoo.demos.demonstration import Demonstration, Part, PlayedSound
from zoo.signal import factorisation, framing, stft

RANKS = (1, 2, 4, 8, 16)
_SHOWN = 8  # components of the sounds and the figure
ITERATIONS = 100
_N_FFT, _HOP = 1024, 512
_FRAMES = 256  # at most
_LEAD = (
    "Error is what is missing of the magnitudes, or of the samples, relative to these. "
    "Spectrograms need a component for each kind of spectrum; waveforms one for every frame that "
    "begins at another place in the period, so that more of them barely help."
)
COMPONENTS = "Components of the rank that is played: spectra of notes, and pieces of noise."
SOUNDS = (
    "Magnitudes are played with the phases of the recording; samples by adding up their frames."
)


@dataclass(frozen=True)
class _Way:
    """matrix: [F N] of no negative number. restore: [F N] -> frames, of the same kind as `goal`.

    audio: restored frames -> [T].
    """

    matrix: np.ndarray
    restore: Callable[[np.ndarray], np.ndarray]
    goal: np.ndarray
    audio: Callable[[np.ndarray], np.ndarray]


def factorisation_inputs(audio: np.ndarray) -> dict[str, _Way]:
    """The three matrices of a recording [T]."""
    spectrum = np.asarray(stft.centred(jnp.asarray(audio)[None, :, None], _N_FFT, _HOP))
    window = stft.window("sqrt_hann", _N_FFT).astype(np.float32)
    around = framing.centre_padding(len(audio), _N_FFT, _HOP)
    padded = jnp.pad(jnp.asarray(audio), around)[None, :, None]
    frames = np.asarray(framing.frame(padded, _N_FFT, _HOP))[0, :, :, 0] * window
    magnitude, unit = np.abs(spectrum[0, :, :, 0]), np.exp(1j * np.angle(spectrum[0, :, :, 0]))
    lowest = frames.min()

    def resound(found: np.ndarray) -> np.ndarray:
        bins = jnp.asarray(found * unit, jnp.complex64)[None, :, :, None]
        made = stft.centred_inverse(bins, _N_FFT, _HOP, len(audio))
        return np.asarray(made)[0, :, 0]

    def added(found: np.ndarray) -> np.ndarray:
        made = framing.overlap_add(jnp.asarray(found * window)[None, :, :, None], _HOP)
        return np.asarray(made)[0, around[0] :, 0][: len(audio)]

    halves = np.concatenate([np.maximum(frames, 0), np.maximum(-frames, 0)], 1)
    return {
        "magnitudes": _Way(magnitude, lambda v: v, magnitude, resound),
        "samples, by sign": _Way(halves, lambda v: v[:, :_N_FFT] - v[:, _N_FFT:], frames, added),
        "samples, raised": _Way(frames - lowest, lambda v: v + lowest, frames, added),
    }


@jax.jit
def _factorised(v: jax.Array, rank: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[F N] -> gains [F K], spectra [K N], all beyond `rank` zero, and so one program for all."""
    gains, spectra = factorisation.random_factors(key, v[None], max(RANKS))
    used = (jnp.arange(max(RANKS)) < rank).astype(v.dtype)
    gains, spectra = factorisation.factorise(
        v[None], gains * used, spectra * used[:, None], beta=2.0, iterations=ITERATIONS
    )
    return gains[0], spectra[0]


def seed() -> jax.Array:
    """The key of the first factors."""
    return jax.random.key(0)


def error(way: _Way, model: np.ndarray) -> float:
    """What is missing of the goal, relative to it, in dB."""
    whole = float(np.linalg.norm(way.goal))
    missing = float(np.linalg.norm(way.restore(model) - way.goal)) / max(whole, 1e-20)
    return float(20 * np.log10(max(missing, 1e-8)))


def demonstrate_factors(audio: np.ndarray, rate: int, name: str) -> Demonstration:
    """The page of a recording [T], of which so much is used as the matrices hold."""
    audio = audio[: _FRAMES * _HOP]
    curves: dict[str, list[float]] = {}
    pieces, sounds = {}, [PlayedSound("recording", audio, rate)]
    for label, way in factorisation_inputs(audio).items():
        curves[label] = []
        for rank in RANKS:
            gains, spectra = map(np.asarray, _factorised(way.matrix, rank, seed()))
            curves[label].append(error(way, gains @ spectra))
            if rank == _SHOWN:
                pieces[label] = spectra[:4]
                made = way.audio(way.restore(gains @ spectra))
                made = made / max(1.0, float(np.abs(made).max()))
                sounds.append(PlayedSound(f"{label}, {_SHOWN} components", made, rate))
    rows = [[label, *(f"{value:.1f}" for value in line)] for label, line in curves.items()]
    head = ("factorised", *(f"rank {rank}, dB" for rank in RANKS))
    figure = drawing.draw_curves(curves, RANKS, "components", "error in dB")
    return Demonstration(
        "factors",
        "Why factorisation takes spectrograms and no waveforms",
        {"recording": name, "frames": f"{_N_FFT} samples, hop {_HOP}", "updates": str(ITERATIONS)},
        (
            Part("error", "Error by number of components", _LEAD, figure, head, rows),
            Part("components", "Components", COMPONENTS, drawing.components(pieces)),
            Part("sounds", "Sounds", SOUNDS, sounds=sounds),
        ),
        {"ranks": np.array(RANKS), **{f"error/{k}": np.array(v) for k, v in curves.items()}},
    )
