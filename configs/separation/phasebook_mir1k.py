"""Phasebook, magbook and combook (Le Roux et al., IEEE JSTSP 2019), voice out of MIR-1K.

Four bidirectional LSTMs of 600 and spectra of 32 ms every 8 ms, as the authors' (reported,
unchecked); row waveform learns by L1 of the samples, as their end-to-end training does.
Deviations: the authors separate speakers of wsj0-2mix, which is sold, at 8 kHz, and begin by deep
clustering; no published figure is for music. Adam at 1e-3, clipping, batch and steps are ours.
Nothing outside agrees with its size. Data are the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.experiment import Experiment
from zoo.models.separation.phasebook import Phasebook
from zoo.recipes import phasebook, separation
from zoo.songs.segments import Segments
from zoo.training.optimizers import adam

ROWS = {
    "phasebook": {"parameters": 36_862_979},
    "magbook": {"arguments": {"kind": "magbook"}, "parameters": 31_924_459},
    "combook": {"arguments": {"kind": "combook"}, "parameters": 37_480_306},
    "waveform": {"arguments": {"loss": "waveform"}, "parameters": 36_862_979},
}
AGREES = {"tests/models/test_phasebook.py": "own twin"}
SMOKE = {
    "n_fft": 32,
    "hop": 16,
    "hidden": 4,
    "layers": 1,
    "samples": 320,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/MIR-1K",
    kind: phasebook.Kind = "phasebook",
    loss: phasebook.PhasebookLoss = "spectra",
    n_fft: int = 512,
    hop: int = 128,
    hidden: int = 600,
    layers: int = 4,
    dropout: float = 0.3,
    iterations: OrNone = 0,
    samples: int = 51_200,
    batch: int = 8,
    steps: int = 40_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = Phasebook(
        kind=kind,
        n_fft=n_fft,
        hop=hop,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        iterations=iterations,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return separation.mir_1k(
        phasebook.objective(model, loss),
        adam(learning_rate, clip_norm=5.0),
        Segments(samples, hop=3 * samples // 4, window="fade", batch=4),
        samples,
        path=path,
        batch=batch,
        steps=steps,
        seed=seed,
    )
