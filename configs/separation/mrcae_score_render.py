"""Multi-resolution autoencoder, small, on the embedded music: the voice and what it leaves.

The paper's lengths of filters in milliseconds (5 to 1,025 samples of 44.1 kHz are 2 to 372 of
16 kHz) and a tenth of our guess at its filters; lengths=5,50,256,512,1025 filters=20,10 is that.
Nothing outside agrees with its size: the paper's table of layers was not at hand. After 400 steps
(76 s of one core) the voice of six test songs is at 0.10 dB SDR, where silence is at 0.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l2
from zoo.models.separation.mrcae import MRCAE
from zoo.objectives.supervised import Supervised
from zoo.recipes.separation import KARAOKE, RATE
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 247_229}}
AGREES = {"tests/models/test_mrcae.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "lengths": (3, 4),
    "filters": (2, 2),
    "samples": 4096,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    lengths: tuple[int, ...] = (2, 18, 93, 186, 372),
    filters: tuple[int, ...] = (8, 4),
    samples: int = 2048,
    batch: int = 16,
    steps: int = 1500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = MRCAE(lengths, filters, 1, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    data = ScoreRender("stems", size)
    others = ("bass", "drums", "other")
    groups = tuple(tuple(map(data.info.labels.index, g)) for g in (("vocals",), others))
    segments = Segments(samples, hop=samples // 2, window="fade", batch=32)
    changed = (Gain(0.5, 1.0), Group(groups), Mixture(), Keep("mixture", "stems"))
    return Experiment(
        data=Data(data, (Crop(samples), ToFloat(), *changed)),
        objective=Supervised(model, l2, input="mixture", target="stems"),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=5.0)},
        evaluation=Separation(Separator(segments, RATE, 1, KARAOKE)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
