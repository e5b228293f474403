"""WaveNet at its paper's size on a folder of one's own music (van den Oord et al. 2016).

30 layers (three stacks of 1, 2, ..., 512), 512 channels in the residual and gate paths, 256 skips:
the widths that Heiga Zen gave for it, as the paper names none; the paper's music was samples only,
no likelihood. stacks=5 layers=50 widens its context from 192 to 320 ms at 16 kHz. The recipe is
that of the public mu-law reimplementation: Adam 1e-3 halved every 200,000 steps, clips of 10,240
samples, weights averaged at 0.9999. Weeks on one GPU of 2016 (reported, unchecked).
Audio is the reader's own: path=FOLDER of wav, flac, mp3 or ogg.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.likelihood import Autoregressive
from zoo.training.optimizers import adam, halving

ROWS = {"default": {"parameters": 43_307_520}}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {
    "layers": 4,
    "stacks": 2,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "samples": 256,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/Music",
    sample_rate: int = 16_000,
    layers: int = 30,
    stacks: int = 3,
    width: int = 512,
    gate: int = 512,
    skip: int = 256,
    samples: int = 10_240,
    batch: int = 8,
    steps: int = 500_000,
    learning_rate: float = 1e-3,
    fsdp: int = 1,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = WaveNet(layers, stacks, width, gate, skip, dtype=dtype)
    context = model.receptive_field
    return Experiment(
        data=Data(
            Folder(path, sample_rate),
            (Keep("audio"),),
            crop=TrackCrop(samples, draw="window"),
            on_device=(ToFloat(),),
        ),
        objective=Autoregressive(model),
        optimizers={"model": adam(halving(learning_rate, 200_000), clip_norm=1.0)},
        evaluation=Likelihood(samples + context, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        fsdp=fsdp,
        evaluate_every=5000,
        evaluate_limit=20,
        save_every=1000,
        log_every=50,
        seed=seed,
    )
