"""WaveNet of 16-bit logistics, the teacher of Parallel WaveNet (van den Oord et al., ICML 2018).

24 kHz, 30 layers of filter 3 and 512 channels, ten logistics; Adam 2e-4, 32 clips of 7,680 samples,
EMA 0.9999, a million steps (all remembered, unchecked). path=FOLDER of any sound, such as
LJSpeech: the authors' speech is private. Deviation: it follows mel spectrograms, upsampled 15 x 20
as ClariNet's here, where theirs follows linguistic features and pitch.
"""

import jax.numpy as jnp

from zoo.data.sets.folder import Folder
from zoo.experiment import Experiment
from zoo.recipes import parallel_wavenet
from zoo.signal import mel
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 61_753_790,
        "reported": {"mean_opinion_score": 4.41},
        "source": "table 1, 24 kHz and 16 bits (reported, unchecked)",
    },
}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {"layers": 2, "width": 8, "skip": 8, "samples": 1200, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/ljspeech",
    layers: int = 30,
    width: int = 512,
    skip: int = 256,
    kernel: int = 3,
    samples: int = 7680,
    batch: int = 32,
    steps: int = 1_000_000,
    learning_rate: float = 2e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    spec, dtype = mel.TACOTRON2, jnp.bfloat16 if bfloat16 else jnp.float32
    how = dict(width=width, gate=width, skip=skip, head=skip, dtype=dtype)
    return parallel_wavenet.teacher(
        parallel_wavenet.teacher_wavenet(spec, (15, 20), layers, kernel, **how),
        Folder(path, spec.sample_rate, chunk_seconds=1.0),
        spec,
        adam(learning_rate),
        samples=samples,
        tracks=True,
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=5000,
        evaluate_limit=200,
        save_every=2000,
        seed=seed,
    )
