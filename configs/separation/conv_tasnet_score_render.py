"""Conv-TasNet (the paper's skip paths and biases) on the four stems of the embedded music.

A quarter of the paper's width, so that two cores train it in minutes; filters=512 bottleneck=128
hidden=512 skip_width=128 blocks=8 repeats=3 is its size, layout=music skip_width=0 the plan of the
Demucs repository. loss=si_sdr is the paper's, which leaves the scale open, and any_order=true its
search for the assignment, of sources without names; stems that fall silent are better served by L1.
Published weights of this config take noise out of speech: --checkpoint conv_tasnet_speech.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, PolarityFlip, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.permutation import any_order as of_any_order
from zoo.losses.waveform import l1, negative_si_sdr
from zoo.models.separation.conv_tasnet import ConvTasNet
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 403_741}}
AGREES = {"tests/models/test_conv_tasnet_parity.py": "published weights, public modules"}
SMOKE = {
    "size": "tiny",
    "filters": 8,
    "filter_size": 16,
    "bottleneck": 6,
    "hidden": 8,
    "skip_width": 6,
    "blocks": 2,
    "repeats": 1,
    "samples": 1024,
    "batch": 2,
    "steps": 2,
}

LOSSES = {"l1": l1, "si_sdr": negative_si_sdr}


def config(
    size: str = "small",
    sources: tuple[str, ...] = ("drums", "bass", "other", "vocals"),
    filters: int = 128,
    filter_size: int = 32,
    bottleneck: int = 64,
    hidden: int = 128,
    skip_width: OrNone = 64,
    blocks: int = 7,
    repeats: int = 2,
    layout: Literal["speech", "music"] = "speech",
    norm: Literal["gln", "cln"] = "gln",
    causal: bool = False,
    loss: Literal["l1", "si_sdr"] = "l1",
    any_order: bool = False,
    samples: int = 32_000,
    batch: int = 4,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = ConvTasNet(
        sources=len(sources),
        channels=1,
        filters=filters,
        filter_size=filter_size,
        bottleneck=bottleneck,
        hidden=hidden,
        skip=skip_width,
        blocks=blocks,
        repeats=repeats,
        layout=layout,
        norm=norm,
        causal=causal,
        fit_scale=loss == "si_sdr",
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    data = ScoreRender("stems", size)
    unknown = [name for name in sources if name not in data.info.labels]
    if unknown:
        raise BadInput(f"sources={','.join(sources)}: choose of {', '.join(data.info.labels)}")
    groups = tuple((data.info.labels.index(name),) for name in sources)
    segments = Segments(samples, hop=3 * samples // 4, window="fade", batch=4)
    measure = of_any_order(LOSSES[loss]) if any_order else LOSSES[loss]
    return Experiment(
        data=Data(
            data,
            (
                Crop(samples),
                ToFloat(),
                Gain(0.5, 1.0),
                PolarityFlip(),
                Group(groups),
                Mixture(),
                Keep("mixture", "stems"),
            ),
        ),
        objective=Supervised(model, measure, input="mixture", target="stems"),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=5.0)},
        evaluation=Separation(Separator(segments, 16_000, 1, tuple(sources))),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
