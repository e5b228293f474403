"""WaveGlow (Prenger et al., ICASSP 2019, table 1) on LJSpeech: a flow vocoder at 22,050 Hz.

LJSpeech is the reader's own download: path=FOLDER of its wav files; any folder of sound will do.
width=256 is the size of NVIDIA's public weights, whose likelihood was measured elsewhere as 5.026
nats per sample, -7.25 bits (reported, unchecked). 580,000 steps of 24 clips took eight V100.
Deviations: a tenth of the files is held out; a rate of half begins when validation stands still; a
step of 16-bit PCM of uniform noise is added (dither=0: none), because digital silence, which
LJSpeech hardly has and other folders do, has no finite density.
To sample as the authors, --temperature 0.85: their sigma is 0.6, that of the training 0.707.
"""

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.vocoding import Vocoding
from zoo.experiment import Experiment
from zoo.models.generation.waveglow import WaveGlow
from zoo.objectives.flow import Flow
from zoo.signal import mel
from zoo.training.optimizers import adam
from zoo.training.stages import falling

ROWS = {
    "default": {
        "parameters": 268_294_760,
        "reported": {
            "mean_opinion_score": 3.961,
        },
        "source": "table 1, natural speech 4.274 (reported, unchecked)",
    },
}
AGREES = {
    "tests/pretrained/test_waveglow_weights.py": "the authors' module, own twin",
    "tests/models/test_waveglow.py": "its code's parameter count",
}
SMOKE = {
    "flows": 3,
    "early_every": 2,
    "layers": 2,
    "width": 8,
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/ljspeech",
    flows: int = 12,
    early_every: OrNone = 4,
    layers: int = 8,
    width: int = 512,
    dither: float = 1.0,
    sigma: float = 0.5**0.5,
    samples: int = 16_000,
    batch: int = 24,
    steps: int = 580_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = WaveGlow(flows, early_every=early_every, layers=layers, width=width, dtype=dtype)
    source = Folder(path, 22_050, chunk_seconds=max(1.0, samples / 22_050))
    return Experiment(
        data=Data(source, (Keep("audio"),), crop=TrackCrop(samples), on_device=(ToFloat(),)),
        objective=Flow(model, mel.WAVEGLOW, sigma, dither),
        optimizers={"model": adam(learning_rate)},
        evaluation=Vocoding(mel.WAVEGLOW, monitored="bits_per_sample"),
        batch=batch,
        steps=steps,
        stages=falling(patience=20, factors=(1.0, 0.5), start="last"),
        evaluate_every=2000,
        evaluate_limit=200,
        save_every=2000,
        seed=seed,
    )
