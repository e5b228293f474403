"""CRN and GCRN (Tan and Wang 2018, 2020), a net for each of four stems of the embedded music.

Row gcrn maps the mixture's real and imaginary parts to those of every stem; row crn its magnitudes
to theirs, which take the mixture's phase; row real spectra of real numbers, with their signs, to
theirs (after the title of Liu et al. 2019), by Muon, since Adam has learnt little of it in as many
steps as five minutes of a core have. widths=16,32,64,128,256 are Tan and Wang's.
"""

from dataclasses import replace
from typing import Literal

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.losses.waveform import l2, source_sum
from zoo.models.separation.crn import CRN
from zoo.objectives.masking import Masking
from zoo.recipes import separation
from zoo.training.optimizers import muon_and_adam

ROWS = {
    "gcrn": {"parameters": 1_747_376},
    "crn": {"arguments": {"kind": "magnitude"}, "parameters": 2_577_420},
    "real": {
        "arguments": {
            "kind": "real",
            "widths": (8, 16, 24, 24, 24),
            "with_muon": True,
            "learning_rate": 0.02,
        },
        "parameters": 2_044_240,
    },
}
AGREES = {"tests/models/test_crn.py": "its authors' parameter counts, own twin"}
SMOKE = {
    "kind": "magnitude",
    "size": "tiny",
    "n_fft": 32,
    "hop": 16,
    "widths": (2, 4),
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    kind: Literal["complex", "magnitude", "real"] = "complex",
    n_fft: int = 320,
    hop: int = 160,
    widths: tuple[int, ...] = (8, 16, 24, 32, 48),
    samples: int = 12_000,
    batch: int = 4,
    steps: int = 1500,
    with_muon: bool = False,
    learning_rate: float = 2e-3,
    adam_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = CRN(
        nets=len(separation.SOURCES),
        kind=kind,
        n_fft=n_fft,
        hop=hop,
        widths=widths,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    made = separation.score_render_separation(
        Masking(model, source_sum(l2)),
        samples,
        size=size,
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
    )
    if with_muon:
        optimizer = muon_and_adam(learning_rate, adam_rate, steps, clip_norm=5.0)
        made = replace(made, optimizers={"model": optimizer})
    return made
