"""Open-Unmix, narrow and mono, on the four stems of the embedded music.

Spectra of 64 ms, nets of a quarter of the authors' width, so that two cores train it in minutes;
hidden=512 n_fft=4096 hop=1024 are theirs. Of one channel the Wiener filter shares the mixture by
powers, so that the stems sum to it.
"""

import jax.numpy as jnp
import optax

from zoo.arguments import OrNone
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l2, source_sum
from zoo.models.separation.open_unmix import OpenUnmix
from zoo.objectives.masking import Masking
from zoo.objectives.remix import Remix
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, l2_regularisation, warmup_cosine

ROWS = {"default": {"parameters": 1_862_680}}
AGREES = {"tests/models/test_open_unmix.py": "the authors' module, its parameter count"}
SMOKE = {
    "size": "tiny",
    "n_fft": 64,
    "hop": 32,
    "hidden": 6,
    "layers": 1,
    "frames": 32,
    "batch": 4,
    "steps": 2,
}

SOURCES = ("drums", "bass", "other", "vocals")


def config(
    size: str = "small",
    n_fft: int = 1024,
    hop: int = 512,
    hidden: int = 128,
    layers: int = 3,
    dropout: float = 0.2,
    wiener_iterations: OrNone = 1,
    frames: int = 96,
    batch: int = 8,
    steps: int = 1000,
    learning_rate: float = 2e-3,
    weight_decay: float = 1e-5,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = OpenUnmix(
        channels=1,
        n_fft=n_fft,
        hop=hop,
        bins=n_fft // 2 + 1,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        iterations=wiener_iterations,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    length = (frames - 1) * hop
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    kept = (frames // 8 * 7 - 1) * hop
    segments = Segments(length, kept, frames * 3 // 4 * hop, window="fade", batch=4)
    return Experiment(
        data=Data(
            data,
            (
                Crop(length),
                ToFloat(),
                Gain(0.25, 1.25),
                Group(groups),
                Mixture(),
                Keep("mixture", "stems"),
            ),
        ),
        objective=Remix(Masking(model, source_sum(l2))),
        optimizers={
            "model": optax.chain(
                l2_regularisation(weight_decay),
                adam(warmup_cosine(learning_rate, steps, 50), clip_norm=5.0),
            )
        },
        evaluation=Separation(Separator(segments, 16_000, 1, SOURCES)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=250,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
