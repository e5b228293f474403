"""WaveNet vocoder of 16-bit logistics on LJSpeech, as r9y9/wavenet_vocoder 0.1 trained its own.

24 layers of 512 channels and ten logistics (floor ln 1e-14) under 80 mels, upsampled 4 x 4 x 4 x 4
over time and three bins; Adam 1e-3 by Noam's schedule, no clipping, 2 clips of 31 frames, dropout
.05, EMA .9999, files at a peak of .999 (preset ljspeech_mixture.json; over a million steps by its
README: reported, unchecked). path=FOLDER of any sound. Checkpoints of that package are read by
their path, their sizes as arguments of this config (zoo/pretrained/wavenet_vocoder.py).
Deviations: no weight norm; skips are added up, where theirs multiply each sum by sqrt(1/2); frames
are of the clip, so that zeros stand behind it in its last three; a tenth of the files is held out.
"""

import math
from typing import Literal

import jax.numpy as jnp

from zoo.data.device_transforms import Peak, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.distributions import Categorical, Distribution, Gaussian, MixtureOfLogistics
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.layers.initializers import normal
from zoo.layers.mel_upsampling import MelUpsampler
from zoo.models.generation.wavenet import WaveNet
from zoo.objectives.likelihood import Autoregressive
from zoo.recipes.parallel_wavenet import spec_of
from zoo.signal import mel
from zoo.training.optimizers import adam, noam

ROWS = {"default": {"parameters": 24_549_714}}
AGREES = {
    "tests/models/test_wavenet_parity.py": "a public module, own twin",
    "tests/pretrained/test_wavenet_vocoder.py": "the authors' module",
}
SMOKE = {
    "layers": 2,
    "stacks": 2,
    "width": 8,
    "gate": 4,
    "skip": 8,
    "factors": (16,),
    "bins": 8,
    "n_fft": 64,
    "samples": 256,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/ljspeech",
    layers: int = 24,
    stacks: int = 4,
    width: int = 512,
    gate: int = 256,
    skip: int = 256,
    kernel: int = 3,
    output: Literal["logistics", "gaussian", "codes"] = "logistics",
    parts: int = 10,
    floor: float = math.log(1e-14),
    factors: tuple[int, ...] = (4, 4, 4, 4),
    upsampling: Literal["learned", "repeat"] = "learned",
    bin_taps: int = 3,
    sample_rate: int = 22_050,
    n_fft: int = 1024,
    bins: int = 80,
    low: float = 125.0,
    high: float = 7600.0,
    span: float = 100.0,
    reference: float = 20.0,
    dropout: float = 0.05,
    samples: int = 31 * 256,
    batch: int = 2,
    steps: int = 1_000_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    hop = math.prod(factors)
    spec = mel.lws(sample_rate, n_fft, hop, bins, low, high, span, reference)
    model = WaveNet(
        layers,
        stacks,
        width,
        gate,
        skip,
        head=skip,
        kernel=kernel,
        distribution=_distribution(output, parts, floor),
        input="embedding" if output == "codes" else "scalar",
        local_condition=bins,
        upsampling=(hop,) if upsampling == "repeat" else (),
        upsampler="repeat",
        context=MelUpsampler(factors, bin_taps, dtype) if upsampling == "learned" else None,
        residual_scale=0.5**0.5,
        dropout=dropout,
        starts=normal,
        dtype=dtype,
    )
    context = model.receptive_field
    return Experiment(
        data=Data(
            Folder(path, sample_rate, chunk_seconds=1.0),
            (Keep("audio", "peak"),),
            crop=TrackCrop(samples),
            on_device=(ToFloat(), Peak(0.999)),
        ),
        objective=Autoregressive(model, condition=spec_of(spec)),
        optimizers={"model": adam(noam(1 / (4000 * learning_rate**2)))},
        evaluation=Likelihood(samples + context, context),
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=5000,
        evaluate_limit=200,
        save_every=2000,
        seed=seed,
    )


def _distribution(output: str, parts: int, floor: float) -> Distribution:
    """parts: logistics, or codes."""
    if output == "codes":
        return Categorical(parts, "floored")
    return Gaussian(floor) if output == "gaussian" else MixtureOfLogistics(parts, 16, floor)
