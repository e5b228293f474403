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
SHOWN = 8  # components of the sounds and the figure
ITERATIONS = 100
N_FFT, HOP = 1024, 512
FRAMES = 256  # at most
LEAD = (
    "Error is what is missing of the magnitudes, or of the samples, relative to these. "
    "Spectrograms need a component for each kind of spectrum; waveforms one for every frame that "
    "begins at another place in the period, so that more of them barely help."
)
COMPONENTS = "Components of the rank that is played: spectra of notes, and pieces of noise."
SOUNDS = (
    "Magnitudes are played with the phases of the recording; samples by adding up their frames."
)


@dataclass(frozen=True)
class Way:
    """matrix: [F N] of no negative number. restore: [F N] -> frames, of the same kind as `goal`.

    audio: restored frames -> [T].
    """

    matrix: np.ndarray
    restore: Callable[[np.ndarray], np.ndarray]
    goal: np.ndarray
    audio: Callable[[np.ndarray], np.ndarray]


def ways(audio: np.ndarray) -> dict[str, Way]:
    """The three matrices of a recording [T]."""
    spectrum = np.asarray(stft.centred(jnp.asarray(audio)[None, :, None], N_FFT, HOP))
    window = stft.window("sqrt_hann", N_FFT).astype(np.float32)
    around = framing.centre_padding(len(audio), N_FFT, HOP)
    padded = jnp.pad(jnp.asarray(audio), around)[None, :, None]
    frames = np.asarray(framing.frame(padded, N_FFT, HOP))[0, :, :, 0] * window
    magnitude, unit = np.abs(spectrum[0, :, :, 0]), np.exp(1j * np.angle(spectrum[0, :, :, 0]))
    lowest = frames.min()

    def resound(found: np.ndarray) -> np.ndarray:
        bins = jnp.asarray(found * unit, jnp.complex64)[None, :, :, None]
        made = stft.centred_inverse(bins, N_FFT, HOP, len(audio))
        return np.asarray(made)[0, :, 0]

    def added(found: np.ndarray) -> np.ndarray:
        made = framing.overlap_add(jnp.asarray(found * window)[None, :, :, None], HOP)
        return np.asarray(made)[0, around[0] :, 0][: len(audio)]

    halves = np.concatenate([np.maximum(frames, 0), np.maximum(-frames, 0)], 1)
    return {
        "magnitudes": Way(magnitude, lambda v: v, magnitude, resound),
        "samples, by sign": Way(halves, lambda v: v[:, :N_FFT] - v[:, N_FFT:], frames, added),
        "samples, raised": Way(frames - lowest, lambda v: v + lowest, frames, added),
    }


@jax.jit
def _factorised(v: jax.Array, rank: jax.Array, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[F N] -> gains [F K], spectra [K N], all beyond `rank` zero, and so one program for all."""
    gains, spectra = factorisation.start(key, v[None], max(RANKS))
    used = (jnp.arange(max(RANKS)) < rank).astype(v.dtype)
    gains, spectra = factorisation.factorise(
        v[None], gains * used, spectra * used[:, None], beta=2.0, iterations=ITERATIONS
    )
    return gains[0], spectra[0]


def seed() -> jax.Array:
    """The key of the first factors."""
    return jax.random.key(0)


def error(way: Way, model: np.ndarray) -> float:
    """What is missing of the goal, relative to it, in dB."""
    whole = float(np.linalg.norm(way.goal))
    missing = float(np.linalg.norm(way.restore(model) - way.goal)) / max(whole, 1e-20)
    return float(20 * np.log10(max(missing, 1e-8)))


def demonstrate(audio: np.ndarray, rate: int, name: str) -> Demonstration:
    """The page of a recording [T], of which so much is used as the matrices hold."""
    audio = audio[: FRAMES * HOP]
    curves: dict[str, list[float]] = {}
    pieces, sounds = {}, [PlayedSound("recording", audio, rate)]
    for label, way in ways(audio).items():
        curves[label] = []
        for rank in RANKS:
            gains, spectra = map(np.asarray, _factorised(way.matrix, rank, seed()))
            curves[label].append(error(way, gains @ spectra))
            if rank == SHOWN:
                pieces[label] = spectra[:4]
                made = way.audio(way.restore(gains @ spectra))
                made = made / max(1.0, float(np.abs(made).max()))
                sounds.append(PlayedSound(f"{label}, {SHOWN} components", made, rate))
    rows = [[label, *(f"{value:.1f}" for value in line)] for label, line in curves.items()]
    head = ("factorised", *(f"rank {rank}, dB" for rank in RANKS))
    figure = drawing.curves(curves, RANKS, "components", "error in dB")
    return Demonstration(
        "factors",
        "Why factorisation takes spectrograms and no waveforms",
        {"recording": name, "frames": f"{N_FFT} samples, hop {HOP}", "updates": str(ITERATIONS)},
        (
            Part("error", "Error by number of components", LEAD, figure, head, rows),
            Part("components", "Components", COMPONENTS, drawing.components(pieces)),
            Part("sounds", "Sounds", SOUNDS, sounds=sounds),
        ),
        {"ranks": np.array(RANKS), **{f"error/{k}": np.array(v) for k, v in curves.items()}},
    )
