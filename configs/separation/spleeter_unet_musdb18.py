"""Spleeter's U-Net of two stems (Hennequin et al., JOSS 2020), on MUSDB18-HQ; its weights exist.

One net for the vocals and one for the accompaniment, 44.1 kHz stereo up to 11 kHz; above that the
stems are silent; --residual makes that a stem, --keep_sum gives it to the stems that sound in the
octave below, much as the mask extension 'average' of the authors does. Their two stems were
trained on songs of Deezer for a million steps of batch 4 with Adam at 1e-4; those weights are
`--checkpoint spleeter_2stems`. Training here takes days on one GPU (unchecked).
Deviations: the authors' configuration for MUSDB18 has four stems and ELU, reads chunks of 20 s
whose spectrograms it keeps as 8-bit decibels, and adds the stems' losses, where ours is their mean;
its batch norms keep the statistics 0 and 1. It augments nothing: its code for changes of pitch and
tempo is never called.
Audio is the reader's own download: path=FOLDER.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.device_transforms import Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import Musdb18HQ
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.spectrogram_unet import SPLEETER, SpectrogramUNet
from zoo.objectives.masking import Masking
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 19_647_498,
        "reported": {
            "sdr_median_of_track_medians/vocals": 6.55,
        },
        "source": (
            "Hennequin et al. 2020, masks of the four-stem model trained on other "
            "songs (checked); that it is a median of medians is unchecked"
        ),
    },
}
AGREES = {"tests/pretrained/test_spleeter_weights.py": "published weights, own twin"}
SMOKE = {"widths": (2, 3, 4), "frames": 16, "batch": 2, "steps": 2}

RATE = 44_100
SOURCES = {"vocals": ("vocals",), "accompaniment": ("bass", "drums", "other")}


def config(
    path: str = "~/data/musdb18hq",
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512),
    frames: int = 512,
    batch: int = 4,
    steps: int = 200_000,
    learning_rate: float = 1e-4,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = SpectrogramUNet(**{**SPLEETER, "widths": widths, "frames": frames, "dtype": dtype})
    length = model.length()
    data = Musdb18HQ(path, RATE, 2)
    groups = tuple(tuple(map(data.info.labels.index, stems)) for stems in SOURCES.values())
    # An odd number of hops is kept, so that the frames of all segments lie on one grid.
    kept = frames // 8 * 7 - 1
    segments = Segments(
        length, kept * model.hop, hop=frames * 3 // 4 * model.hop, window="fade", key="mixture"
    )
    band = model.bins * RATE / model.n_fft
    how = Separator(segments, RATE, 2, tuple(SOURCES), band=band)
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(length, context=-RATE // 2),
            on_device=(ToFloat(), Group(groups), Mixture()),
        ),
        # The innermost skip is a convolution's raw output: the batch norm behind it does nothing.
        objective=Masking(model, zero_gradient_at_init=(f"down_{len(widths)}_norm",)),
        optimizers={"model": adam(learning_rate)},
        evaluation=Separation(how, ratios=ratios),
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=14,
        save_every=1000,
        seed=seed,
    )
