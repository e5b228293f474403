"""MelNet (Vasquez and Lewis 2019) on the embedded piano, small: two seconds of sound, three tiers.

Images of 64 frames of 64 bands; Griffin-Lim sounds them. Every bin waits for the one before it, so
that this size is for minutes of a CPU. It has to beat `nats_per_bin_order_0`, a histogram of each
band, printed beside its score.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.experiment import Experiment
from zoo.models.generation.melnet import tiers
from zoo.recipes.melnet import melnet
from zoo.signal import mel
from zoo.signal.mel_images import MelImage
from zoo.signal.speech_fronts import MelFront
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 339_341}}
AGREES = {"tests/models/test_melnet.py": "own twin, a public code's parameter count"}
SMOKE = {"size": "tiny", "width": 4, "layers": (1, 1), "frames": 4, "batch": 2, "steps": 2}
SPEC = replace(
    mel.HIFIGAN,
    sample_rate=16_000,
    n_fft=2048,
    hop=512,
    bins=64,
    pad=(768, 768),
    low=60.0,
    high=8000.0,
)


def config(
    size: str = "small",
    layers: tuple[int, ...] = (3, 2, 1),
    width: int = 32,
    components: int = 5,
    frames: int = 64,
    batch: int = 4,
    steps: int = 300,
    learning_rate: float = 3e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    prepared = (Crop(frames * SPEC.hop), ToFloat(), Keep("audio"))
    return melnet(
        Data(ScoreRender("piano", size), prepared),
        tiers(layers, SPEC.bins, width, components, dtype),
        MelImage(MelFront(SPEC)),
        frames,
        adam(warmup_cosine(learning_rate, steps, 30), clip_norm=1.0),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=100,
        evaluate_limit=8,
        save_every=100,
    )
