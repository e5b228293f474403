"""GCRN (Tan and Wang, TASLP 2020) and CRN (Interspeech 2018), voice out of accompaniment, MIR-1K.

Row gcrn: Adam with AMSGrad at 1e-3, gradients clipped at a norm of 5, batch 8; row crn: Adam at
2e-4, batch 16. Either falls by 0.98 every two of the authors' 30 (20) epochs; spectra of 20 ms
Hamming windows every 10 ms, mean squared error of both parts, or of magnitudes.
Deviations: the authors enhance speech of WSJ0, which is sold, in noise; no published figure is for
music. An epoch of theirs is a thirtieth (a twentieth) of the steps here; crops of 4 s, where their
scripts fill utterances up to the longest; clips are separated whole; the best step is chosen by
GNSDR; optax's AMSGrad takes the largest of corrected second moments, torch's of uncorrected ones.
Data are the reader's own download: path=FOLDER.
"""

from typing import Literal

import jax.numpy as jnp
import optax

from zoo.experiment import Experiment
from zoo.losses.waveform import l2
from zoo.models.separation.crn import CRN
from zoo.objectives.masking import Masking
from zoo.recipes import separation
from zoo.songs.segments import Segments
from zoo.training.optimizers import adam, clipped

ROWS = {
    "gcrn": {"parameters": 9_771_340},
    "crn": {
        "arguments": {
            "kind": "magnitude",
            "batch": 16,
            "learning_rate": 2e-4,
            "epochs": 20,
        },
        "parameters": 17_579_459,
    },
}
AGREES = {"tests/models/test_crn.py": "its authors' parameter counts, own twin"}
SMOKE = {"n_fft": 32, "hop": 16, "widths": (2, 4), "samples": 320, "batch": 2, "steps": 2}

LONGEST = 256_000  # samples: of a clip, with room


def config(
    path: str = "~/data/MIR-1K",
    kind: Literal["complex", "magnitude"] = "complex",
    n_fft: int = 320,
    hop: int = 160,
    widths: tuple[int, ...] = (16, 32, 64, 128, 256),
    samples: int = 64_000,
    batch: int = 8,
    steps: int = 20_000,
    learning_rate: float = 1e-3,
    epochs: int = 30,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = CRN(rest=True, kind=kind, n_fft=n_fft, hop=hop, widths=widths, dtype=dtype)
    every = max(2 * steps // epochs, 1)
    rate = optax.exponential_decay(learning_rate, every, 0.98, staircase=True)
    optimizer = clipped(optax.amsgrad(rate), 5.0) if kind == "complex" else adam(rate)
    return separation.mir_1k(
        Masking(model, l2),
        optimizer,
        Segments(LONGEST if samples > 16_000 else samples),
        samples,
        path=path,
        batch=batch,
        steps=steps,
        seed=seed,
    )
