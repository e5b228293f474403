"""Gaussian WaveNet, the teacher of ClariNet (Ping et al., ICLR 2019, table 1), at 24 kHz.

Rows: default as the paper, floor=-7 of the log scale being a guess (its appendix A has the value);
public has the floor of ksw0306/ClariNet. 20 layers, 128 channels, 80 mel bins upsampled 15 x 20.
The paper's 20 hours of speech are private: path=FOLDER of any sound, such as LJSpeech. Rates and
clip are those of ksw0306/ClariNet; a million steps is remembered, unchecked: weeks of one GPU.
Deviations: the condition is upsampled by one-dimensional transposed convolutions, the paper's are
two-dimensional; the first convolution has one tap, that code's 32.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.distributions import Gaussian
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.layers.initializers import torch
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.likelihood import Autoregressive
from zoo.signal import mel
from zoo.training.optimizers import adam, halving

ROWS = {
    "default": {
        "parameters": 5_199_010,
        "reported": {
            "mean_opinion_score": 4.4,
        },
        "source": "table 1, Gaussian autoregressive, natural 4.54 (reported, unchecked)",
    },
    "public": {"arguments": {"floor": -9.0}, "parameters": 5_199_010},
}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {"layers": 4, "width": 8, "gate": 8, "skip": 8, "samples": 2400, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/ljspeech",
    layers: int = 20,
    width: int = 128,
    gate: int = 256,
    skip: int = 128,
    floor: float = -7.0,
    samples: int = 12_000,
    batch: int = 8,
    steps: int = 1_000_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    spec = mel.TACOTRON2
    model = WaveNet(
        layers,
        2,
        width,
        gate,
        skip,
        head=skip,
        distribution=Gaussian(floor),
        input="scalar",
        local_condition=spec.bins,
        upsampling=(15, 20),
        dtype=dtype,
        starts=torch,
    )
    context = model.receptive_field
    source = Folder(path, spec.sample_rate, chunk_seconds=1.0)
    return Experiment(
        data=Data(source, (Keep("audio"),), crop=TrackCrop(samples), on_device=(ToFloat(),)),
        objective=Autoregressive(
            model, condition=lambda batch: mel.log_mel(batch["audio"], spec)[..., 0]
        ),
        optimizers={"model": adam(halving(learning_rate, 200_000), clip_norm=10.0)},
        evaluation=Likelihood(samples + context, context),
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=5000,
        evaluate_limit=200,
        save_every=2000,
        seed=seed,
    )
