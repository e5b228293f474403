"""FloWaveNet (Kim et al., ICML 2019, table 1) on LJSpeech: a flow vocoder at 22,050 Hz.

LJSpeech is the reader's own download: path=FOLDER of its wav files; any folder of sound will do.
Rates, clip, front end and clips of 15,872 samples are those of ksw0306/FloWaveNet, which trains 2
clips on one card or 8 on four; 700,000 steps are remembered, unchecked.
Deviations: files keep their level, that code scales each to a peak of 0.999; frame f is centred on
sample 256 f, there up to half a frame earlier; the last layers' residuals, which have no effect,
are left out; a step of 16-bit PCM of uniform noise is added (dither=0: none), because digital
silence has no finite density. To sample as the authors, --temperature 0.8.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.flowavenet import FloWaveNet
from zoo.objectives.flow import Flow
from zoo.signal import mel
from zoo.training.optimizers import adam, halving

ROWS = {
    "default": {
        "parameters": 179_408_436,
        "reported": {"bits_per_sample": -6.564, "mean_opinion_score": 3.95},
        "source": "table 1: 4.55 nats per sample, natural speech 4.67 (reported, unchecked)",
    },
}
AGREES = {
    "tests/models/test_flowavenet.py": "own twin, its code's parameter count",
}
SMOKE = {
    "blocks": 2,
    "flows": 1,
    "layers": 1,
    "width": 8,
    "split_every": 1,
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/ljspeech",
    blocks: int = 8,
    flows: int = 6,
    layers: int = 2,
    width: int = 256,
    split_every: int = 4,
    dither: float = 1.0,
    samples: int = 15_872,
    batch: int = 8,
    steps: int = 700_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = FloWaveNet(blocks, flows, layers, width, split_every, dtype=dtype)
    source = Folder(path, 22_050, chunk_seconds=max(1.0, samples / 22_050))
    return Experiment(
        data=Data(source, (Keep("audio"),), crop=TrackCrop(samples), on_device=(ToFloat(),)),
        objective=Flow(model, mel.FLOWAVENET, dither=dither),
        optimizers={"model": adam(halving(learning_rate, 200_000), clip_norm=1.0)},
        evaluation=Vocoding(mel.FLOWAVENET, monitored="bits_per_sample"),
        batch=batch,
        steps=steps,
        evaluate_every=2000,
        evaluate_limit=200,
        save_every=2000,
        seed=seed,
    )
