"""MelNet (Vasquez and Lewis 2019) on MAESTRO v3: the density of six seconds of piano at its size.

Four tiers of 16, 6, 5 and 4 layers of 512, ten Gaussians a bin (remembered, unchecked); RMSProp at
1e-4 with momentum .9, batch 32. Images of 512 frames of 256 bands at 22,050 Hz, hop 256, windows of
1,536 samples; bands are ln magnitudes here, of spectra filled up to 2,048 so that none is empty.
The paper has no likelihood; its listeners prefer MelNet to WaveNet for structure in 95.8 % of
pairs. path=FOLDER holds maestro-v3.0.0.csv with audio (101 GB). Drawing takes a step for each of
131,072 bins: this size is for accelerators, and tested by its shapes.
"""

from dataclasses import replace

import jax.numpy as jnp
import optax

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.maestro import Maestro
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.experiment import Experiment
from zoo.models.generation.melnet import tiers
from zoo.recipes.melnet import melnet
from zoo.signal import mel
from zoo.signal.mel_images import MelImage
from zoo.signal.speech_fronts import MelFront

ROWS = {"default": {"parameters": 360_959_096}}
AGREES = {"tests/models/test_melnet.py": "own twin, a public code's parameter count"}
SMOKE = {"width": 4, "layers": (1,), "bands": 8, "frames": 4, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/maestro-v3.0.0",
    layers: tuple[int, ...] = (16, 6, 5, 4),
    width: int = 512,
    components: int = 10,
    bands: int = 256,
    frames: int = 512,
    batch: int = 32,
    steps: int = 200_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
) -> Experiment:
    spec = replace(
        mel.HIFIGAN, sample_rate=22_050, n_fft=2048, win=1536, bins=bands, high=None, pad=(896, 896)
    )
    source = Maestro(path, sample_rate=spec.sample_rate)
    crop = TrackCrop(frames * spec.hop, draw="window")
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    return melnet(
        Data(source, (Keep("audio"),), crop=crop, on_device=(ToFloat(),)),
        tiers(layers, bands, width, components, dtype),
        MelImage(MelFront(spec)),
        frames,
        optax.rmsprop(learning_rate, decay=0.99, momentum=0.9, eps_in_sqrt=False),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=4,
        save_every=1000,
        log_every=50,
    )
