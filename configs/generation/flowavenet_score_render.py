"""FloWaveNet (Kim et al. 2019) as a vocoder of the embedded piano music at 16 kHz.

6 blocks of 4 flows of 64 channels and 40 mel bins, for two cores; blocks=8 flows=6 width=256
split_every=4 bins=80 is the paper's size. A step of 16-bit PCM of uniform noise is added (dither),
because digital silence has no finite density. To be worth anything it must get below -1.4 bits per
sample, what white noise of the same level gives; a linear prediction of order 16 gives -5.0.

Unlike the paper's row, for minutes of training: the upsampling of the mel begins as a mean of
neighbours (even_upsampling), for as the authors start it the couplings hear a hundredth of it; the
bins are those of HiFi-GAN, standardised, for the authors' begin at 125 Hz, above the bass; and
copies are drawn at the paper's temperature of 0.8 (--temperature for your own files). The row
was trained for twelve minutes of a core; five minutes of the config before these three, which
hardly followed its mel, had a spectral convergence of 1.28, worse than silence.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.flowavenet import FloWaveNet
from zoo.objectives.flow import Flow
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 4_389_812}}
AGREES = {"tests/models/test_flowavenet.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "blocks": 2,
    "flows": 1,
    "layers": 1,
    "width": 8,
    "split_every": 1,
    "bins": 8,
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    blocks: int = 6,
    flows: int = 4,
    layers: int = 2,
    width: int = 64,
    split_every: int = 3,
    bins: int = 40,
    even_upsampling: bool = True,
    dither: float = 1.0,
    temperature: float = 0.8,
    samples: int = 4096,
    batch: int = 4,
    steps: int = 1200,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = FloWaveNet(
        blocks,
        flows,
        layers,
        width,
        split_every,
        bins,
        even_upsampling=even_upsampling,
        dtype=dtype,
    )
    spec = replace(mel.HIFIGAN, sample_rate=16_000, bins=bins, compress=mel.standard_log)
    return Experiment(
        data=Data(ScoreRender("piano", size), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=Flow(model, spec, dither=dither, temperature=temperature),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Vocoding(spec, monitored="bits_per_sample"),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=400,
        evaluate_limit=8,
        save_every=175,
        seed=seed,
    )
