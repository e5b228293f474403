"""What a magnitude spectrogram leaves open: the same magnitudes with several phases.

Short-time spectra of Hann windows at a quarter of their length, as `zoo.signal.stft` has them.
Griffin-Lim starts at random phases; the fast variant has a momentum of 0.99.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.demos import drawing
from zoo.demos.demonstration import Demonstration, Part, PlayedSound
from zoo.metrics.sdr import si_sdr
from zoo.pages.sounds import frame_size
from zoo.signal import phase, stft

_ROUNDS = (1, 4, 16, 64)
MOMENTA = {"Griffin-Lim": 0.0, "fast Griffin-Lim": 0.99}
_LEAD = (
    "Each sound has the magnitudes of the recording and other phases. Spectral convergence is how "
    "far the magnitudes of what came out are from those asked for, relative to them: spectra whose "
    "phases do not fit one another are those of no sound. SI-SDR compares samples, and is low "
    "wherever the phase is another, however near it sounds."
)


@dataclass(frozen=True)
class _Rebuilt:
    """audio: name -> [T]. convergence, si_sdr: name -> dB. curves: name -> dB at ROUNDS."""

    audio: dict[str, np.ndarray]
    convergence: dict[str, float]
    si_sdr: dict[str, float]
    curves: dict[str, list[float]]


def rebuild(audio: np.ndarray, n_fft: int, seed: int = 0) -> _Rebuilt:
    """A recording [T] out of its magnitudes, with its own phases and with others."""
    hop, length = n_fft // 4, len(audio)
    analyse = jax.jit(partial(stft.stft, n_fft=n_fft, hop=hop, centre=True))
    spectrum = analyse(audio[None, :, None])
    magnitude, key = jnp.abs(spectrum), jax.random.key(seed)
    turns = 2 * np.pi * jax.random.uniform(key, magnitude.shape)
    given = {
        "original phase": spectrum,
        "zero phase": magnitude.astype(jnp.complex64),
        "random phase": jax.lax.complex(magnitude * jnp.cos(turns), magnitude * jnp.sin(turns)),
    }
    inverse = jax.jit(partial(stft.istft, n_fft=n_fft, hop=hop, centre=True, length=length))
    made = {name: np.asarray(inverse(one))[0, :, 0] for name, one in given.items()}
    curves: dict[str, list[float]] = {}
    for name, momentum in MOMENTA.items():
        steps = [np.asarray(_sought(magnitude, key, n, momentum, n_fft, length)) for n in _ROUNDS]
        curves[name] = [_convergence(magnitude, x, n_fft) for x in steps]
        made[name] = steps[-1]
    return _Rebuilt(
        made,
        {name: _convergence(magnitude, x, n_fft) for name, x in made.items()},
        {
            name: float(si_sdr(*(y[None, :, None] for y in (audio, x)))[0])
            for name, x in made.items()
        },
        curves,
    )


@partial(jax.jit, static_argnums=(4, 5))
def _sought(
    magnitude: jax.Array, key: jax.Array, rounds: int, momentum: float, n_fft: int, length: int
) -> jax.Array:
    """Griffin-Lim, [1 F N 1] -> [T]; one program for all numbers of rounds."""
    how: dict[str, Any] = dict(iterations=rounds, momentum=momentum, key=key)
    found = phase.griffin_lim(magnitude, n_fft, n_fft // 4, centre=True, length=length, **how)
    return found[0, :, 0]


def _convergence(magnitude: jax.Array, audio: np.ndarray, n_fft: int) -> float:
    """Distance of the magnitudes of audio [T] from [1 F N 1], relative to these, in dB."""
    ratio = float(_distance(magnitude, audio, n_fft))
    return float(20 * np.log10(max(ratio, 1e-8)))


@partial(jax.jit, static_argnums=2)
def _distance(magnitude: jax.Array, audio: jax.Array, n_fft: int) -> jax.Array:
    found = jnp.abs(stft.stft(audio[None, :, None], n_fft, n_fft // 4, centre=True))
    return jnp.linalg.norm(found - magnitude) / jnp.maximum(jnp.linalg.norm(magnitude), 1e-20)


def demonstrate_phases(audio: np.ndarray, rate: int, name: str) -> Demonstration:
    """The page of a recording [T]."""
    n_fft = frame_size(rate)
    found = rebuild(audio, n_fft)
    rows = [
        [label, f"{found.convergence[label]:.1f}", f"{found.si_sdr[label]:.1f}"]
        for label in found.audio
    ]
    level = min(1.0, 0.99 / max(float(np.abs(x).max()) for x in found.audio.values()))
    shown = {"recording": audio, **found.audio}
    sounds = [PlayedSound(label, level * x, rate) for label, x in shown.items()]
    figure = drawing.spectrograms(shown, rate)
    head = ("phase", "spectral convergence, dB", "SI-SDR, dB")
    curve = drawing.draw_curves(found.curves, _ROUNDS, "rounds", "spectral convergence in dB")
    return Demonstration(
        "phase",
        "One magnitude spectrogram, several phases",
        {"recording": name, "window": f"{n_fft} samples, hop {n_fft // 4}", "rate": f"{rate:,} Hz"},
        (
            Part("sounds", "Sounds", _LEAD, figure, head, rows, sounds),
            Part("rounds", "How Griffin-Lim comes nearer", ROUNDS_LEAD, curve),
        ),
        {
            "convergence": np.array([*found.convergence.values()]),
            "si_sdr": np.array([*found.si_sdr.values()]),
            "phases": np.array([*found.audio]),
            "rounds": np.array(_ROUNDS),
            **{f"curve/{label}": np.array(line) for label, line in found.curves.items()},
        },
    )


ROUNDS_LEAD = (
    "Each round takes the phases of the sound that it has and the magnitudes asked for. It ends in "
    "a sound whose magnitudes are near and whose samples are others."
)
