"""HiFi-GAN V3 (Kong et al., NeurIPS 2020, table 1) on LJSpeech: three stages, single convolutions.

LJSpeech is the reader's own download: path=FOLDER of its wav files; any folder of sound will do.
Discriminators, losses and recipe are V1's (`hifigan_ljspeech`, whose deviations hold here too):
a tenth of the files is held out, generator and discriminators each see a fresh batch. 2.5 million
steps in the paper (reported, unchecked).
"""

from dataclasses import replace

import jax.numpy as jnp
import optax

from zoo.data.device_transforms import Peak, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.losses.adversarial import least_squares_discriminator, least_squares_generator
from zoo.models.generation.hifigan import V3, Discriminator, Generator
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 72_188_913,
        "reported": {
            "mean_opinion_score": 4.05,
        },
        "source": "table 1 (reported, unchecked)",
    },
}
AGREES = {"tests/models/test_hifigan.py": "the authors' module, own twin"}
SMOKE = {
    "width": 32,
    "periods": (2,),
    "scales": 1,
    "narrower": 64,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}

LOSS = replace(mel.HIFIGAN, high=None)  # the loss sees all frequencies


def config(
    path: str = "~/data/ljspeech",
    width: int = 256,
    periods: tuple[int, ...] = (2, 3, 5, 7, 11),
    scales: int = 3,
    narrower: int = 1,
    samples: int = 8192,
    batch: int = 16,
    steps: int = 2_500_000,
    learning_rate: float = 2e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = mel.HIFIGAN
    source = Folder(path, spec.sample_rate, chunk_seconds=4.0)
    falling = optax.exponential_decay(learning_rate, 809, 0.999, staircase=True)
    optimizer = adam(falling, b1=0.8, b2=0.99, weight_decay=0.01)
    objective = Vocoder(
        Generator(**V3 | {"width": width}, dtype=dtype),
        Discriminator(periods, scales, narrower, dtype=dtype),
        spec,
        discriminator_loss=least_squares_discriminator,
        generator_loss=least_squares_generator,
        feature_matching=2.0,
        spectral=45.0,
        spectral_spec=LOSS,
    )
    return Experiment(
        data=Data(
            source,
            (Keep("audio", "peak"),),
            crop=TrackCrop(samples),
            on_device=(ToFloat(), Peak(0.95)),
        ),
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=50,
        save_every=1000,
        seed=seed,
    )
