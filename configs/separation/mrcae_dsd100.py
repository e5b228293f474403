"""Multi-resolution autoencoder (Grais, Ward and Plumbley, EUSIPCO 2018) on DSD100: the voice.

Stereo at 44.1 kHz in segments of 1,025 samples, filters of 5 to 1,025 samples in every layer; what
the voice leaves of the mixture is the accompaniment. Nothing beyond the paper's first page was at
hand: layers, filters in a set, Adam at 1e-4, the squared error, batch and steps are ours, segments
lie anywhere and are cross-faded by halves. Nothing outside agrees with its size.
Audio is the reader's own download: path=FOLDER.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.device_transforms import Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.dsd100 import DSD100, RATE
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l2
from zoo.models.separation.mrcae import LENGTHS, MRCAE
from zoo.objectives.supervised import Supervised
from zoo.recipes.separation import KARAOKE
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 4_140_272,
        "reported": {"sdr_mean_of_track_medians/vocals": 4.25},
        "source": "the authors' page of examples: mean of 46 songs, deviation 1.5 (checked)",
        "protocol": "BSS Eval of whole songs, 46 of SiSEC 2016; here medians of a song's seconds",
    }
}
AGREES = {"tests/models/test_mrcae.py": "own twin"}
SMOKE = {"lengths": (3, 4), "filters": (2, 2), "samples": 16, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/DSD100",
    lengths: tuple[int, ...] = LENGTHS,
    filters: tuple[int, ...] = (20, 10),
    samples: int = 1025,
    batch: int = 64,
    steps: int = 200_000,
    learning_rate: float = 1e-4,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = MRCAE(lengths, filters, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    data = DSD100(path)
    others = ("bass", "drums", "other")
    groups = tuple(tuple(map(data.info.labels.index, g)) for g in (("vocals",), others))
    segments = Segments(samples, hop=samples // 2, window="fade", batch=64)
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(samples),
            on_device=(ToFloat(), Group(groups), Mixture()),
        ),
        objective=Supervised(model, l2, input="mixture", target="stems"),
        optimizers={"model": adam(learning_rate)},
        evaluation=Separation(Separator(segments, RATE, 2, KARAOKE), ratios=ratios),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=5,
        save_every=1000,
        seed=seed,
    )
