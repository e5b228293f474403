"""Spleeter's U-Net masks, one narrow net for each of four stems, on the embedded music.

Narrower and one level shallower than the original, with frames of 64 ms, so that two cores train it
in minutes. Masks share the mixture among the stems, which therefore sum to it.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.spectrogram_unet import SpectrogramUNet
from zoo.objectives.masking import Masking
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 2_041_712}}
AGREES = {"tests/pretrained/test_spleeter_weights.py": "published weights, own twin"}
SMOKE = {"size": "tiny", "widths": (2, 3, 4), "frames": 16, "batch": 2, "steps": 2}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    size: str = "small",
    widths: tuple[int, ...] = (8, 16, 32, 64, 96),
    frames: int = 64,
    batch: int = 4,
    steps: int = 500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = SpectrogramUNet(
        sources=4,
        n_fft=1024,
        hop=512,
        bins=512,
        frames=frames,
        widths=widths,
        layout="spleeter",
        masks="ratio",
        beyond=0.25,
        dropout=0.0,
        momentum=0.95,
        dtype=dtype,
    )
    length = model.length()
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    kept = frames // 8 * 7 - 1
    segments = Segments(
        length,
        kept * model.hop,
        hop=frames * 3 // 4 * model.hop,
        window="fade",
        batch=4,
        key="mixture",
    )
    return Experiment(
        data=Data(
            data,
            (
                Crop(length),
                ToFloat(),
                Gain(0.5, 1.0),
                Group(groups),
                Mixture(),
                Keep("mixture", "stems"),
            ),
        ),
        objective=Masking(model, zero_gradient_at_init=(f"down_{len(widths)}_norm",)),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Separation(Separator(segments, 16_000, 1, SOURCES)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=250,
        evaluate_limit=20,
        save_every=125,
        seed=seed,
    )
