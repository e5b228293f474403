"""WaveNet on the embedded piano music, 8-bit mu-law codes, unconditional.

Two of the three stacks of 1, 2, ..., 512 and 32 channels instead of 512, so that two cores take
some hundred steps a minute; layers=30 stacks=3 width=512 gate=512 skip=256 is the size quoted for
the paper. To be worth anything it must get below 5.6 bits per sample, what an order-1 model of such
codes needs.

low_rate has a receptive field of half a second at 8 kHz in place of an eighth at 16 kHz: one stack
with kernels of three, by Muon. It reads its past without the noise of midi_wavenet_score_render: an
unconditional net shrinks what it reads under noise, and its samples decayed to silence in a second.
After fourteen minutes of training samples are strokes that decay, partials are not clear yet.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.distributions import Categorical, Gaussian, MixtureOfLogistics
from zoo.errors import BadInput
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.likelihood import Autoregressive
from zoo.training.optimizers import adam, muon_and_adam, warmup_cosine

ROWS = {
    "default": {"parameters": 174_496},
    "low_rate": {
        "arguments": {
            "rate": 8000,
            "layers": 11,
            "stacks": 1,
            "kernel": 3,
            "width": 48,
            "gate": 48,
            "with_muon": True,
            "samples": 8192,
            "steps": 6000,
            "learning_rate": 0.02,
        },
        "parameters": 244_224,
    },
}
AGREES = {"tests/models/test_wavenet_parity.py": "a public module, own twin"}
SMOKE = {
    "size": "tiny",
    "layers": 4,
    "stacks": 2,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "samples": 256,
    "batch": 2,
    "steps": 2,
}

DISTRIBUTIONS: dict[str, Categorical | MixtureOfLogistics | Gaussian] = {
    "mu_law": Categorical(256),
    "logistics": MixtureOfLogistics(10, 16),
    "gaussian": Gaussian(),
}


def config(
    size: str = "small",
    rate: int = 16_000,
    layers: int = 20,
    stacks: int = 2,
    kernel: int = 2,
    width: int = 32,
    gate: int = 32,
    skip: int = 64,
    distribution: str = "mu_law",
    samples: int = 4096,
    batch: int = 2,
    steps: int = 1500,
    with_muon: bool = False,
    learning_rate: float = 2e-3,
    adam_rate: float = 3e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    if distribution not in DISTRIBUTIONS:
        raise BadInput(f"distribution={distribution}: choose {', '.join(DISTRIBUTIONS)}")
    model = WaveNet(
        layers,
        stacks,
        width,
        gate,
        skip,
        head=skip,
        kernel=kernel,
        distribution=DISTRIBUTIONS[distribution],
        input="embedding" if distribution == "mu_law" else "scalar",
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    context = model.receptive_field
    optimizer = adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)
    if with_muon:
        rates = (learning_rate, adam_rate, steps)
        optimizer = muon_and_adam(*rates, spared=("output",), clip_norm=1.0)
    return Experiment(
        data=Data(ScoreRender("piano", size, rate), (Crop(samples), ToFloat(), Keep("audio"))),
        objective=Autoregressive(model),
        optimizers={"model": optimizer},
        evaluation=Likelihood(2 * samples + context, context, batch=1),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=4,
        save_every=200,
        seed=seed,
    )
