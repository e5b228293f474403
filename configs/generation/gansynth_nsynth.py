"""GANSynth (Engel et al., ICLR 2019, table 1) on NSynth: acoustic notes of four seconds at 16 kHz.

The json/wav release of NSynth and the list gansynth_splits.csv are the reader's own download. The
recipe is that of the authors' code for the published models: 800,000 images for each of seven
resolutions and for each transition, 11 million in all, eight at a time. Rows: mel-scaled or linear
frequencies or plain phase, of 1024 bins; bins=512 are the paper's rows without +H.
Deviations: the reported scores need a pitch classifier and human listeners, so the Fréchet distance
of mel embeddings stands instead; the moving average's decay rises in the first steps; the
discriminator goes first in a step.
"""

from typing import Any

import jax.numpy as jnp

from zoo.data.sets.nsynth import PITCHES, NSynth
from zoo.experiment import Experiment
from zoo.models.generation.gansynth import Discriminator, Generator
from zoo.objectives.growth import Growth
from zoo.objectives.progressive_gan import ProgressiveGAN
from zoo.recipes import gansynth
from zoo.signal.phase_images import PhaseImageLayout

ROWS = {
    "mel_high": {
        "parameters": 14_142_476,
        "reported": {"inception_score": 38.1, "pitch_accuracy": 0.979, "ndb": 29.3, "fid": 167},
        "source": "table 1, IF-Mel + H (reported, unchecked)",
    },
    "linear_high": {
        "arguments": {"kind": "linear"},
        "parameters": 14_142_476,
        "reported": {"inception_score": 41.6, "pitch_accuracy": 0.983, "ndb": 36.0, "fid": 104},
        "source": "table 1, IF + H (reported, unchecked)",
    },
    "phase_high": {
        "arguments": {"kind": "phase"},
        "parameters": 14_142_476,
        "reported": {"inception_score": 36.2, "pitch_accuracy": 0.976, "ndb": 37.6, "fid": 592},
        "source": "table 1, Phase + H (reported, unchecked)",
    },
}
AGREES = {
    "tests/models/test_gansynth.py": "own twin",
    "tests/signal/test_phase_images.py": "librosa",
}
SMOKE = {
    "bins": 512,
    "base": 32,
    "widest": 4,
    "resolutions": 7,
    "stable": 8,
    "transition": 8,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/nsynth",
    subset: str = "gansynth",
    kind: str = "mel",
    bins: int = 1024,
    resolutions: int = 7,
    base: int = 4096,
    widest: int = 256,
    stable: int = 800_000,
    transition: int = 800_000,
    batch: int = 8,
    steps: int = 1_375_000,
    learning_rate: float = 8e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    layout = PhaseImageLayout(64_000, 128 * 1024 // bins, bins, 16_000, kind)
    first = 2 ** (resolutions - 1)
    start = (layout.frames // first, layout.bins // first)
    pitches = len(PITCHES) if subset == "gansynth" else 128
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    how: Any = dict(
        pitches=pitches, start=start, resolutions=resolutions, base=base, widest=widest, dtype=dtype
    )
    objective = ProgressiveGAN(
        Generator(**how),
        Discriminator(**how),
        layout,
        Growth(stable, transition, batch),
        lowest=PITCHES[0] if subset == "gansynth" else 0,
    )
    return gansynth.gansynth_experiment(
        objective,
        NSynth(path, subset),
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
        evaluate_every=10_000,
        evaluate_limit=2048,
        save_every=5000,
        ema_decay=0.999,
        seed=seed,
    )
