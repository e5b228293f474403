"""MelGAN (Kumar et al., NeurIPS 2019, table 1) on LJSpeech: a vocoder at 22,050 Hz.

LJSpeech is the reader's own download: path=FOLDER of its wav files; any folder of sound will do.
front=port is the mel spectrogram of the best-known port, and of the published weights `melgan`.
3,000 epochs in the authors' recipe; ports report one to two million steps, two weeks of a V100.
Deviations: a tenth of the files is held out (the published weights were trained on most);
generator and discriminator each see a fresh batch.
"""

from functools import partial

import jax.numpy as jnp

from zoo.data.device_transforms import Gain, Peak, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.melgan import Discriminator, Generator
from zoo.objectives.adversarial_vocoder import Vocoder
from zoo.recipes import excitations
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 21_190_136,
        "reported": {
            "mean_opinion_score": 3.61,
        },
        "source": ("the authors' slides, LJSpeech copy synthesis; recordings 4.52 (checked)"),
    },
}
AGREES = {
    "tests/pretrained/test_vocoder_weights.py": "published weights",
    "tests/models/test_melgan.py": "own twin",
}
SMOKE = {
    "width": 32,
    "dilations": (1,),
    "scales": 1,
    "discriminator_width": 4,
    "most": 16,
    "samples": 4096,
    "batch": 2,
    "steps": 2,
}

PORT = mel.MelSpec(
    22_050, 1024, 256, 80, partial(mel.log_clamp, floor=1e-5), exponent=1, high=8000.0
)
FRONTS = {"authors": (mel.MELGAN, 0.0, 1.0), "port": (PORT, -5.0, 5.0)}  # and its mean and std


def config(
    path: str = "~/data/ljspeech",
    front: str = "authors",
    width: int = 512,
    dilations: tuple[int, ...] = (1, 3, 9),
    scales: int = 3,
    discriminator_width: int = 16,
    most: int = 1024,
    samples: int = 8192,
    excitation: excitations.Driven = "none",
    batch: int = 16,
    steps: int = 1_000_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if front not in FRONTS:
        raise BadInput(f"front={front}: choose {' or '.join(FRONTS)}")
    spec, mean, std = FRONTS[front]
    generator = Generator(width=width, dilations=dilations, mean=mean, std=std, dtype=dtype)
    discriminator = Discriminator(scales, discriminator_width, most, dtype=dtype)
    source = Folder(path, spec.sample_rate, chunk_seconds=4.0)
    level = (ToFloat(), Peak(0.95), Gain(0.3, 1.0, keys=("audio",)))
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    return Experiment(
        data=Data(source, (Keep("audio", "peak"),), crop=TrackCrop(samples), on_device=level),
        objective=Vocoder(
            generator,
            discriminator,
            spec,
            excitation=excitations.excitation(excitation, spec),
        ),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=50,
        save_every=1000,
        seed=seed,
    )
