"""WaveGRU, the decoder of Lyra (Kleijn et al., ICASSP 2021), on your own speech at 16 kHz.

A vocoder of frames every 40 ms: `python sample.py --checkpoint lyra_wavegru --input voice.wav`
makes speech anew with the weights that Lyra v0.0.2 shipped, without its quantiser. path=FOLDER
trains one of your own: the paper's numbers of training are not established, and those here are
guesses; its regularisation of the predicted variance is left out.
"""

import jax.numpy as jnp

from zoo.data.sets.folder import Folder
from zoo.experiment import Experiment
from zoo.models.generation.wavegru import WaveGRU
from zoo.recipes.wavegru import wavegru
from zoo.training.optimizers import halving

ROWS = {"default": {"parameters": 10_808_928}}
AGREES = {"tests/models/test_wavegru.py": "own twin"}
SMOKE = {
    "width": 8,
    "condition_width": 8,
    "hidden": 8,
    "samples": 640,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/speech",
    width: int = 1024,
    condition_width: int = 512,
    hidden: int = 512,
    samples: int = 16_000,
    batch: int = 32,
    steps: int = 500_000,
    learning_rate: float = 2e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = WaveGRU(width, condition_width, hidden, dtype=dtype)
    return wavegru(
        Folder(path, 16_000),
        model,
        samples,
        halving(learning_rate, 200_000),
        batch,
        steps,
        tracks=True,
        every=10_000,
        ema_decay=0.999,
        seed=seed,
    )
