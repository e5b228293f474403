"""Wave-U-Net conditioned on who plays, on ensembles of two to four of the embedded stems.

Row default multiplies labels into the bottleneck as Slizovskaia et al. 2019 do; row unconditioned
is the same net without labels, which has to find out. Training draws players anew for every
example; those of held-out songs are fixed by their names. Only the stems that play are scored. The
net is that of wave_unet_score_render. Nothing outside agrees with it.
"""

from typing import Any, Literal

import jax.numpy as jnp

from zoo.data.ensembles import Ensembles
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.stem_transforms import DropStems
from zoo.data.transforms import Crop, Gain, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l1
from zoo.models.separation.conditioned_wave_unet import ConditionedWaveUNet
from zoo.models.separation.wave_unet import WaveUNet
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {
    "default": {"parameters": 1_238_896},
    "unconditioned": {"arguments": {"conditioning": "none"}, "parameters": 1_073_896},
}
AGREES = {}
SMOKE = {"size": "tiny", "levels": 4, "width": 2, "samples": 1024, "batch": 2, "steps": 2}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    size: str = "small",
    conditioning: Literal["multiply", "add", "concatenate", "none"] = "multiply",
    levels: int = 10,
    width: int = 10,
    samples: int = 16_384,
    batch: int = 4,
    steps: int = 1500,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    net: dict[str, Any] = {"levels": levels, "width": width, "sources": len(SOURCES)}
    net |= {"output": "difference", "dtype": jnp.bfloat16 if bfloat16 else jnp.float32}
    labels = "" if conditioning == "none" else "present"
    model = (
        WaveUNet(**net)
        if conditioning == "none"
        else ConditionedWaveUNet(conditioning=conditioning, **net)
    )
    length = model.input_length(samples)
    data = Ensembles(ScoreRender("stems", size))
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    # The padded edges of a segment are guesses: only its middle is kept.
    segments = Segments(length, length // 2, batch=8)
    prepared = (Crop(length), ToFloat(), Gain(0.5, 1.0), DropStems(), Group(groups), Mixture())
    how = Separator(segments, 16_000, 1, SOURCES, labels=labels)
    return Experiment(
        data=Data(data, (*prepared, Keep("mixture", "stems", "present"))),
        objective=Supervised(model, l1, input="mixture", target="stems", second=labels or None),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        evaluation=Separation(how, only_present=True),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=20,
        save_every=250,
        seed=seed,
    )
