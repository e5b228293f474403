"""Phasebook, magbook and combook (Le Roux et al., IEEE JSTSP 2019) on the embedded stems.

Two LSTM layers of a sixth of the authors' width over spectra of 32 ms; row waveform learns by L1 of
the samples after two iterations of MISI, the others by the modulus of the spectra's differences.
Nothing outside agrees with its size: no code of the authors is public.
"""

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.experiment import Experiment
from zoo.models.separation.phasebook import Phasebook
from zoo.recipes import phasebook, separation

ROWS = {
    "phasebook": {"parameters": 2_678_329},
    "magbook": {"arguments": {"kind": "magbook"}, "parameters": 1_091_089},
    "combook": {"arguments": {"kind": "combook"}, "parameters": 2_876_746},
    "waveform": {"arguments": {"loss": "waveform", "iterations": 2}, "parameters": 2_678_329},
}
AGREES = {"tests/models/test_phasebook.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "n_fft": 32,
    "hop": 16,
    "hidden": 4,
    "layers": 1,
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    kind: phasebook.Kind = "phasebook",
    loss: phasebook.PhasebookLoss = "spectra",
    n_fft: int = 512,
    hop: int = 128,
    hidden: int = 96,
    layers: int = 2,
    dropout: float = 0.1,
    iterations: OrNone = 0,
    samples: int = 32_000,
    batch: int = 4,
    steps: int = 1500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = Phasebook(
        sources=len(separation.SOURCES),
        kind=kind,
        n_fft=n_fft,
        hop=hop,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        iterations=iterations,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return separation.score_render_separation(
        phasebook.objective(model, loss),
        samples,
        size=size,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
    )
