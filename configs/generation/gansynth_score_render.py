"""GANSynth (Engel et al. 2019) on single notes of the embedded sound font, a second each.

A small fraction of the paper's width, five resolutions up to 64 frames of 512 bins, and a
thousandth of its images, for two cores: enough to see it grow, not for notes that convince.
The row `tone` is a game of minutes about magnitudes: both players know those of a steady tone of
the pitch, whose phases the notes take, so no classifier has to ask for the pitch; they see squares
of four frames and bins as one pixel; and nothing grows. After 25 minutes of one core (4,095 steps)
the Fréchet distance is 65, the held-out halves' 71; CREPE finds 92 % of 61 notes within 20 cents,
90 % of as many recordings. `zoo/gansynth` are these weights.
"""

from typing import Any

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.generation.gansynth import Discriminator, Generator
from zoo.objectives.growth import Growth
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.objectives.toned_gan import TonedGAN
from zoo.recipes import gansynth
from zoo.signal.phase_images import PhaseImageLayout

ROWS = {
    "default": {"parameters": 1_539_176},
    "tone": {
        "parameters": 1_269_958,
        "arguments": {
            "tone": True,
            "kind": "linear",
            "patch": 4,
            "resolutions": 4,
            "base": 512,
            "widest": 64,
            "stable": 0,
        },
    },
}
AGREES = {
    "tests/models/test_gansynth.py": "own twin",
    "tests/signal/test_phase_images.py": "librosa",
}
SMOKE = {
    "size": "tiny",
    "bins": 64,
    "resolutions": 2,
    "base": 8,
    "widest": 4,
    "stable": 8,
    "transition": 8,
    "batch": 2,
    "steps": 5,
}


def config(
    size: str = "small",
    kind: str = "mel",
    bins: int = 512,
    resolutions: int = 5,
    base: int = 128,
    widest: int = 32,
    patch: int = 1,
    stable: OrNone = 1_600,
    transition: int = 1_600,
    batch: int = 8,
    steps: int = 2_400,
    learning_rate: float = 8e-4,
    tone: bool = False,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    layout = PhaseImageLayout(16_384, 32_768 // bins, bins, 16_000, kind)
    first = patch * 2 ** (resolutions - 1)
    start = (layout.frames // first, layout.bins // first)
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    how: Any = dict(
        pitches=69,
        start=start,
        resolutions=resolutions,
        base=base,
        widest=widest,
        patch=patch,
        channels=1 if tone else 2,
        dtype=dtype,
    )
    objective = (TonedGAN if tone else ProgressiveGAN)(
        Generator(**how),
        Discriminator(**how),
        layout,
        Growth(stable, transition, batch) if stable else None,
        lowest=28,
    )
    return gansynth.gansynth_experiment(
        objective,
        ScoreRender("notes", size),
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        evaluate_every=500,
        evaluate_limit=None,
        save_every=250,
        ema_decay=0.99,
        seed=seed,
    )
