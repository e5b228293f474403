"""Conv-TasNet (Luo and Mesgarani, TASLP 2019; skip paths and biases) on MIR-1K.

The paper's size, with filters of 32 samples at 16 kHz, which are its 2 ms; L1 of waveforms, for
sources that have names. Row narrow, a quarter of the width, is what ten minutes of one core can
train.
Deviations: the authors separate speakers, so there is no figure to reach. L1, batch, steps and a
rate that falls by a cosine are ours.
Data are the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.losses.waveform import l1
from zoo.models.separation.conv_tasnet import ConvTasNet
from zoo.objectives.supervised import Supervised
from zoo.recipes import separation
from zoo.songs.segments import Segments
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 5_001_265},
    "narrow": {
        "arguments": {
            "filters": 128,
            "bottleneck": 64,
            "hidden": 128,
            "skip_width": 64,
            "blocks": 7,
            "repeats": 2,
        },
        "parameters": 387_101,
    },
}
AGREES = {"tests/models/test_conv_tasnet_parity.py": "public modules"}
SMOKE = {
    "filters": 8,
    "bottleneck": 6,
    "hidden": 8,
    "skip_width": 6,
    "blocks": 2,
    "repeats": 1,
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/MIR-1K",
    filters: int = 512,
    filter_size: int = 32,
    bottleneck: int = 128,
    hidden: int = 512,
    skip_width: int = 128,
    blocks: int = 8,
    repeats: int = 3,
    samples: int = 32_000,
    batch: int = 4,
    steps: int = 20_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = ConvTasNet(
        sources=2,
        channels=1,
        filters=filters,
        filter_size=filter_size,
        bottleneck=bottleneck,
        hidden=hidden,
        skip=skip_width,
        blocks=blocks,
        repeats=repeats,
        layout="speech",
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return separation.mir_1k(
        Supervised(model, l1, input="mixture", target="stems"),
        adam(warmup_cosine(learning_rate, steps, 50), clip_norm=5.0),
        Segments(samples, hop=3 * samples // 4, window="fade", batch=4),
        samples,
        path=path,
        batch=batch,
        steps=steps,
        seed=seed,
    )
