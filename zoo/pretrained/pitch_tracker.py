"""The pitch of any audio by published weights of CREPE, which are obtained at the first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import jax
import numpy as np

from zoo.models.classification.crepe import CAPACITIES, SAMPLES, Crepe
from zoo.network import Network
from zoo.pretrained import weights
from zoo.signal import pitch

TYPICAL = 160  # samples between windows: 10 ms


@dataclass(frozen=True)
class PitchTracker:
    """Audio [T] or [T 1] at 16 kHz -> (Hz [F], confidence [F] in 0..1), F = ceil(T / hop).

    Frame f is centred on sample f * hop. smooth: the likeliest path through all frames instead of
    every frame for itself. Frames of silence or noise have a pitch too, and little confidence.
    The network takes a window about every 10 ms, as its authors use it; in between, cents are
    interpolated.
    """

    weights: str = "crepe_tiny"
    smooth: bool = True
    batch: int = 256

    def __call__(self, audio: np.ndarray, hop: int) -> tuple[np.ndarray, np.ndarray]:
        audio = np.asarray(audio, np.float32).reshape(-1)
        stride = max(1, round(TYPICAL / hop))
        salience = self.salience(pitch.centred_windows(audio, SAMPLES, hop * stride))
        path = pitch.viterbi(salience) if self.smooth else salience.argmax(1)
        cents = pitch.to_cents(pitch.local_mean(salience, path))
        confidence = salience[np.arange(len(path)), path]
        frames = np.arange(-(-len(audio) // hop)) / stride
        there = np.arange(len(path))
        return pitch.to_hertz(np.interp(frames, there, cents)), np.interp(frames, there, confidence)

    def salience(self, windows: np.ndarray) -> np.ndarray:
        """Of windows [F 1024] -> [F K], in batches of one shape."""
        run = _network(self.weights)
        parts = []
        for start in range(0, len(windows), self.batch):
            part = windows[start : start + self.batch]
            padded = np.zeros((self.batch, SAMPLES, 1), np.float32)
            padded[: len(part), :, 0] = part
            parts.append(np.asarray(run(padded))[: len(part)])
        return np.concatenate(parts)


@cache
def _network(name: str) -> Callable[[np.ndarray], jax.Array]:
    """Compiled: windows [B 1024 1] -> salience [B K]."""
    _, arguments, variables = weights.load_weights(name)
    model: Network = Crepe(CAPACITIES[str(arguments["capacity"])])
    of_model = variables.of("model")
    return jax.jit(lambda x: jax.nn.sigmoid(model.apply(of_model, x)))
