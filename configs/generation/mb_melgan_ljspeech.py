"""Multi-band MelGAN (Yang et al., SLT 2021) on LJSpeech: a small, fast vocoder at 22,050 Hz.

LJSpeech is the reader's own download: path=FOLDER of its wav files; any folder of sound will do.
The recipe is the best-known public port's, second version: five days of a Titan V.
front=baker is that of the published weights `mb_melgan_baker`, 24 kHz.
Deviations: both front ends are standardised by two numbers, where the port has the statistics of
each mel bin over the corpus (those of the published weights are not published: feed them frames
standardised by your own); silence at the ends is not trimmed; a tenth of the files is held out.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
import optax

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.melgan import Discriminator, MultiBandGenerator
from zoo.objectives.multi_band_vocoder import MultiBandVocoder
from zoo.signal import mel

ROWS = {
    "default": {
        "parameters": 6_894_446,
        "reported": {
            "mean_opinion_score": 4.34,
        },
        "source": "abstract, their own Mandarin speech at 16 kHz (checked)",
    },
}
AGREES = {
    "tests/pretrained/test_mb_melgan_weights.py": "published weights",
    "tests/models/test_melgan.py": "own twin",
}
SMOKE = {
    "width": 16,
    "dilations": (1,),
    "scales": 1,
    "discriminator_width": 4,
    "most": 16,
    "samples": 2048,
    "batch": 2,
    "begin": 1,
    "steps": 2,
}

LOG10 = partial(mel.log10_clamp, floor=1e-10)
PORT = mel.MelSpec(
    22_050, 1024, 256, 80, LOG10, exponent=1, low=80.0, high=7600.0, centre=False, pad=(512, 256)
)
BAKER = mel.MelSpec(
    24_000,
    2048,
    300,
    80,
    LOG10,
    exponent=1,
    low=80.0,
    high=7600.0,
    win=1200,
    centre=False,
    pad=(1024, 724),
)
# The front end, and what the generator makes of its frames.
FRONTS: dict[str, tuple[mel.MelSpec, dict[str, Any]]] = {
    "port": (PORT, {"upsampling": (8, 4, 2)}),
    "baker": (BAKER, {"upsampling": (3, 5, 5), "padding": "tensorflow", "weight_norm": False}),
}


def config(
    path: str = "~/data/ljspeech",
    front: str = "port",
    width: int = 384,
    dilations: tuple[int, ...] = (1, 3, 9, 27),
    mean: float = -2.2,
    std: float = 1.0,
    scales: int = 3,
    discriminator_width: int = 16,
    most: int = 512,
    begin: int = 200_000,
    samples: int = 16_384,
    batch: int = 64,
    steps: int = 1_000_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if front not in FRONTS:
        raise BadInput(f"front={front}: choose {' or '.join(FRONTS)}")
    spec, own = FRONTS[front]
    samples = samples // spec.hop * spec.hop
    generator = MultiBandGenerator(
        width=width, dilations=dilations, mean=mean, std=std, dtype=dtype, **own
    )
    discriminator = Discriminator(scales, discriminator_width, most, (4, 4, 4), dtype=dtype)
    halvings = {100_000 * k: 0.5 for k in range(1, 7)}
    optimizer = optax.amsgrad(optax.piecewise_constant_schedule(learning_rate, halvings), eps=1e-7)
    source = Folder(path, spec.sample_rate, chunk_seconds=4.0)
    return Experiment(
        data=Data(source, (Keep("audio"),), crop=TrackCrop(samples), on_device=(ToFloat(),)),
        objective=MultiBandVocoder(generator, discriminator, spec, begin=begin),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Vocoding(spec),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=50,
        save_every=1000,
        seed=seed,
    )
