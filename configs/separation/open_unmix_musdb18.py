"""Open-Unmix (Stöter, Uhlich, Liutkus and Mitsufuji, JOSS 2019) on MUSDB18-HQ, four nets at once.

Magnitudes of 4,096-sample spectra, three bidirectional LSTMs of 512 a source, one EM iteration of
the multichannel Wiener filter in windows of 300 frames. Adam at 1e-3 with L2 decay 1e-5, batch 16
of 6 s, every source of its own song, gains of 0.25 to 1.25, swapped channels; epochs of 64 crops a
song (344 steps), the rate times 0.3 after 80 without gain, the end after 140, at most 1,000. The
nets of row umxl have a width of 1,024.
Deviations: the four nets learn in one run, whose best step is that of all together; statistics of
the input are of a pass over crops of all songs, not over whole ones; songs are separated in pieces
of 1,200 frames (28 s), not whole.
Audio is the reader's own download: path=FOLDER.
"""

from typing import Literal

import jax.numpy as jnp
import optax

from zoo.arguments import OrNone
from zoo.data.device_transforms import Gain, Mixture, SwapChannels, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import RATE, STEMS, Musdb18HQ
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l2 as squares
from zoo.losses.waveform import source_sum
from zoo.models.separation.open_unmix import OpenUnmix
from zoo.objectives.masking import Masking
from zoo.objectives.remix import Remix
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, l2_regularisation
from zoo.training.stages import reduce_on_plateau

ROWS = {
    "umx": {
        "parameters": 35_573_392,
        "reported": {
            "sdr_median_of_track_medians/vocals": 6.32,
            "sdr_median_of_track_medians/drums": 5.73,
            "sdr_median_of_track_medians/bass": 5.23,
            "sdr_median_of_track_medians/other": 4.02,
            "sdr_median_of_track_medians/average": 5.326,
        },
        "source": "trained on the compressed stems; from its published frames (checked)",
    },
    "umxl": {
        "arguments": {"hidden": 1024},
        "parameters": 113_028_752,
        "reported": {
            "sdr_median_of_track_medians/vocals": 7.21,
            "sdr_median_of_track_medians/drums": 7.15,
            "sdr_median_of_track_medians/bass": 6.02,
            "sdr_median_of_track_medians/other": 4.89,
        },
        "source": "its README, trained on further songs (checked)",
    },
}
AGREES = {"tests/models/test_open_unmix.py": "the authors' module, its parameter count"}
SMOKE = {"n_fft": 64, "hop": 16, "hidden": 6, "layers": 1, "frames": 9, "batch": 4, "steps": 2}

EPOCH = 344  # steps: 64 crops of 86 songs
BANDWIDTH = 16_000  # Hz


def config(
    path: str = "~/data/musdb18hq",
    n_fft: int = 4096,
    hop: int = 1024,
    hidden: int = 512,
    layers: int = 3,
    wiener_iterations: OrNone = 1,
    frames: int = 259,
    batch: int = 16,
    steps: int = 1000 * EPOCH,
    learning_rate: float = 1e-3,
    weight_decay: float = 1e-5,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = OpenUnmix(
        n_fft=n_fft,
        hop=hop,
        bins=BANDWIDTH * n_fft // RATE + 1,
        hidden=hidden,
        layers=layers,
        iterations=wiener_iterations,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    length = (frames - 1) * hop + hop // 2  # 6 s
    whole = 4 * model.window * hop
    segments = Segments(whole, 3 * whole // 4, 3 * whole // 4 - hop, window="fade")
    return Experiment(
        data=Data(
            Musdb18HQ(path),
            (Keep("stems"),),
            crop=TrackCrop(length),
            on_device=(ToFloat(), Gain(0.25, 1.25), SwapChannels(), Mixture()),
        ),
        objective=Remix(Masking(model, source_sum(squares)), group=batch),
        # Decay in the gradient, as PyTorch's Adam has it, not beside it as in AdamW.
        optimizers={"model": optax.chain(l2_regularisation(weight_decay), adam(learning_rate))},
        evaluation=Separation(Separator(segments, RATE, 2, STEMS), ratios=ratios),
        batch=batch,
        steps=steps,
        stages=reduce_on_plateau(80, 0.3, 1e-5, cooldown=10),
        early_stopping=140,
        monitor=("loss", "min"),
        evaluate_every=EPOCH,
        evaluate_limit=14,
        save_every=EPOCH,
        seed=seed,
    )
