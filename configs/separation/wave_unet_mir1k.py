"""Wave-U-Net (Stoller et al., ISMIR 2018), padded, voice out of accompaniment, MIR-1K.

The paper's size and L1 of waveforms; the accompaniment is what the voice leaves of the mixture. Row
narrow is what ten minutes of one core can train.
Deviations: the authors never scored MIR-1K, so there is no figure to reach. L1, clipping, batch,
steps and a rate that falls from theirs by a cosine are ours. Row narrow begins at three times that;
at ten times its tanh saturated after 540 steps, for good.
Data are the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.losses.waveform import l1
from zoo.models.separation.wave_unet import WaveUNet
from zoo.objectives.supervised import Supervised
from zoo.recipes import separation
from zoo.songs.segments import Segments
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 10_263_002},
    "narrow": {
        "arguments": {"levels": 10, "width": 10, "learning_rate": 3e-4},
        "parameters": 1_073_872,
    },
}
AGREES = {"tests/models/test_wave_unet_parity.py": "own twin"}
SMOKE = {"levels": 4, "width": 2, "samples": 1024, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/MIR-1K",
    levels: int = 12,
    width: int = 24,
    samples: int = 16_384,
    batch: int = 4,
    steps: int = 20_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = WaveUNet(levels=levels, width=width, sources=2, output="difference", dtype=dtype)
    length = model.input_length(samples)
    return separation.mir_1k(
        Supervised(model, l1, input="mixture", target="stems"),
        adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0),
        Segments(length, length // 2, batch=8),
        length,
        path=path,
        batch=batch,
        steps=steps,
        seed=seed,
    )
