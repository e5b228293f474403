"""Conv-TasNet for stereo music (Luo and Mesgarani 2019) on MUSDB18-HQ, by the Demucs repository.

Défossez et al. (arXiv 1911.13254) trained it beside Demucs as the stronger baseline: L1 on
waveforms of normalised songs, segments of 80,000 samples, Adam at 3e-4, batch 64, remixing in
groups of 4, 180 epochs of 595 steps, X=10 blocks a repeat. The final test takes ten shifts, as
theirs.
Deviations: HQ audio instead of the compressed stems; the best step is chosen by SDR, not by L1.
Audio is the reader's own download: path=FOLDER.
"""

from dataclasses import replace
from typing import Literal

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.device_transforms import Mixture, PolarityFlip, Standardise, SwapChannels, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import RATE, STEMS, Musdb18HQ
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l1
from zoo.models.separation.conv_tasnet import ConvTasNet
from zoo.objectives.remix import Remix
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 10_977_872,
        "reported": {
            "sdr_median_of_track_medians/drums": 6.09,
            "sdr_median_of_track_medians/bass": 5.66,
            "sdr_median_of_track_medians/other": 4.37,
            "sdr_median_of_track_medians/vocals": 6.81,
            "sdr_median_of_track_medians/average": 5.73,
        },
        "source": "Demucs repository, 5 seeds, shifts=10, from its published frames (checked)",
    },
}
AGREES = {
    "tests/models/test_conv_tasnet_parity.py": "public module",
    "tests/models/test_conv_tasnet.py": "its code's parameter counts",
}
SMOKE = {
    "filters": 8,
    "bottleneck": 6,
    "hidden": 8,
    "blocks": 2,
    "repeats": 1,
    "samples": 400,
    "batch": 4,
    "steps": 2,
}

EPOCH = 595  # steps: two passes over windows of 2.8 s, one a second (arithmetic)


def config(
    path: str = "~/data/musdb18hq",
    filters: int = 256,
    bottleneck: int = 256,
    hidden: int = 512,
    blocks: int = 10,
    repeats: int = 4,
    norm: Literal["gln", "cln"] = "gln",
    causal: bool = False,
    samples: int = 80_000,
    batch: int = 64,
    steps: int = 180 * EPOCH,
    learning_rate: float = 3e-4,
    shifts: OrNone = 10,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = ConvTasNet(
        filters=filters,
        bottleneck=bottleneck,
        hidden=hidden,
        blocks=blocks,
        repeats=repeats,
        norm=norm,
        causal=causal,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    drift = RATE if samples > RATE else samples // 4  # a second, by which stems shift
    data = Musdb18HQ(path)
    # As the release cuts songs, side by side: ten seconds, of which the norms take statistics.
    segments = Segments(10 * RATE if samples > RATE else samples)
    how = Separator(segments, RATE, 2, STEMS, normalise=True)
    shifted = replace(how, shifts=shifts)
    return Experiment(
        data=Data(
            data,
            (Keep("stems", "mean", "deviation"),),
            crop=TrackCrop(samples, hop=drift, stagger=drift, draw="window"),
            on_device=(ToFloat(), Standardise(), SwapChannels(), PolarityFlip(), Mixture()),
        ),
        objective=Remix(Supervised(model, l1, input="mixture", target="stems")),
        optimizers={"model": adam(learning_rate)},
        evaluation=Separation(how, ratios=ratios),
        test=Separation(shifted, ratios=ratios),
        batch=batch,
        steps=steps,
        evaluate_every=EPOCH,
        evaluate_limit=14,
        save_every=EPOCH,
        seed=seed,
    )
