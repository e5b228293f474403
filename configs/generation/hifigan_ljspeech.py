"""HiFi-GAN V1 and V2 (Kong et al., NeurIPS 2020, table 1) on LJSpeech: a vocoder at 22,050 Hz.

LJSpeech is the reader's own download: path=FOLDER of its wav files; any folder of sound will do.
The published weights `hifigan_ljspeech` and `hifigan_universal` are of this config. 2.5 million
steps in the paper (reported, unchecked). Deviations: a tenth of the files is held out (most of it
was in the training of the published weights), generator and discriminators each see a fresh batch,
and the learning rate falls by 0.999 every 809 steps, an epoch of the authors' 12,950 files.
excitation=sine has the generator driven by the voice's pitch, as vocoders of singing are.
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
from zoo.models.generation.hifigan import Discriminator, Generator
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.recipes import excitations
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "v1": {
        "parameters": 84_660_721,
        "reported": {
            "mean_opinion_score": 4.36,
            "log_mel_l1": 0.197,
        },
        "source": (
            "score: reported, unchecked; distance: the published weights on ten LJSpeech clips"
        ),
    },
    "v2": {
        "arguments": {"width": 128},
        "parameters": 71_653_105,
        "reported": {"mean_opinion_score": 4.23},
        "source": "table 1 (reported, unchecked)",
    },
}
AGREES = {
    "tests/pretrained/test_vocoder_weights.py": "published weights",
    "tests/models/test_hifigan.py": "the authors' module, own twin",
}
SMOKE = {
    "width": 32,
    "kernels": (3,),
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
    width: int = 512,
    kernels: tuple[int, ...] = (3, 7, 11),
    periods: tuple[int, ...] = (2, 3, 5, 7, 11),
    scales: int = 3,
    narrower: int = 1,
    samples: int = 8192,
    excitation: excitations.Driven = "none",
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
        Generator(width=width, kernels=kernels, dilations=((1, 3, 5),) * len(kernels), dtype=dtype),
        Discriminator(periods, scales, narrower, dtype=dtype),
        spec,
        discriminator_loss=least_squares_discriminator,
        generator_loss=least_squares_generator,
        feature_matching=2.0,
        spectral=45.0,
        spectral_spec=LOSS,
        excitation=excitations.excitation(excitation, spec),
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
