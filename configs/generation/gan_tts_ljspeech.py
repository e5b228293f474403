"""GAN-TTS (Binkowski et al., ICLR 2020) at the paper's size, on LJSpeech from mel spectrograms.

24 kHz and 200 frames a second, as in the paper, whose data (44 hours of one speaker with linguistic
features and pitch) are not public: here frames are log mel spectrograms. LJSpeech is the reader's
own download, path=FOLDER of its wav files; any folder of sound will do. A million steps of 1,024
examples on 128 TPU v3 chips in the paper (reported, unchecked). No code or
weights of the authors are public.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.device_transforms import Peak, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.experiment import Experiment
from zoo.models.generation.gan_tts import Discriminator, Generator
from zoo.recipes import gan_tts
from zoo.signal import mel

ROWS = {
    "default": {
        "parameters": 59_288_523,
        "reported": {"mean_opinion_score": 4.213},
        "source": "table 1, on its authors' own data (reported, unchecked)",
    },
}
AGREES = {"tests/models/test_gan_tts.py": "own twin"}
SMOKE = {
    "widths": (8,),
    "upsampling": (120,),
    "latent": 4,
    "folds": (8,),
    "narrower": 32,
    "ends": 0,
    "samples": 2400,
    "batch": 2,
    "steps": 2,
}

SPEC = replace(mel.HIFIGAN, sample_rate=24_000, hop=120, pad=(452, 452), high=12_000)


def config(
    path: str = "~/data/ljspeech",
    widths: tuple[int, ...] = (768, 768, 384, 384, 384, 192, 96),
    upsampling: tuple[int, ...] = (1, 1, 2, 2, 2, 3, 5),
    latent: int = 128,
    folds: tuple[int, ...] = (1, 2, 4, 8, 15),
    narrower: int = 1,
    ends: OrNone = 2,
    orthogonal: float = 1e-4,
    samples: int = 48_000,
    batch: int = 1024,
    steps: int = 1_000_000,
    learning_rate: float = 5e-5,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    return gan_tts.gan_tts_experiment(
        Data(
            Folder(path, SPEC.sample_rate, chunk_seconds=4.0),
            (Keep("audio", "peak"),),
            crop=TrackCrop(samples),
            on_device=(ToFloat(), Peak(0.95)),
        ),
        Generator(latent=latent, widths=widths, upsampling=upsampling, dtype=dtype),
        Discriminator(SPEC.hop, folds, narrower, ends, dtype),
        SPEC,
        orthogonal=orthogonal,
        learning_rate=learning_rate,
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        standing_batches=100,
        evaluate_every=5000,
        evaluate_limit=50,
        save_every=1000,
        seed=seed,
    )
