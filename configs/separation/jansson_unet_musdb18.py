"""U-Net on spectrograms (Jansson et al., ISMIR 2017) as U7a of the Wave-U-Net paper, on MUSDB18-HQ.

One net for the accompaniment and one for the vocals, mono at 8,192 Hz; batch 4, Adam at 1e-4 until
20 epochs of 2,000 steps bring nothing, then at 1e-5 from the last weights.
loss=magnitude compares magnitudes with L1, as the authors did (U7a); loss=audio is the mean square
of samples (U7, row u7). Hours on one GPU (reported, unchecked).
Deviations: the authors' 20,000 songs are not public, so the row is that of a comparison on MUSDB18;
the usual 86/14 split, without CCMixter; the second stage keeps batch 4; validation is by SDR
at the model's rate, not by the loss. The test is scored at 44.1 kHz in stereo, as the comparison's.
Audio is the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import Gain, Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import Musdb18HQ, as_published
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import l2
from zoo.models.separation.spectrogram_unet import SpectrogramUNet
from zoo.objectives.base import Objective
from zoo.objectives.masking import Masking
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam
from zoo.training.stages import falling

ROWS = {
    "default": {
        "parameters": 19_643_618,
        "reported": {
            "sdr_pooled_median/vocals": 2.74,
            "sdr_pooled_median/accompaniment": 6.68,
        },
        "source": "U7a in table 2 of Stoller, Ewert and Dixon 2018: reported, unchecked",
    },
    "u7": {
        "arguments": {"loss": "audio"},
        "parameters": 19_643_618,
        "reported": {
            "sdr_pooled_median/vocals": 2.76,
            "sdr_pooled_median/accompaniment": 6.76,
        },
        "source": "U7 in table 2 of Stoller, Ewert and Dixon 2018: reported, unchecked",
    },
}
AGREES = {"tests/models/test_spectrogram_unet.py": "own twin"}
SMOKE = {"widths": (2, 3, 4), "frames": 16, "batch": 2, "steps": 2}

RATE = 8192
SOURCES = {"accompaniment": ("bass", "drums", "other"), "vocals": ("vocals",)}


def config(
    path: str = "~/data/musdb18hq",
    loss: str = "magnitude",
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512),
    frames: int = 128,
    batch: int = 4,
    steps: int = 400_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if loss not in ("magnitude", "audio"):
        raise BadInput(f"loss={loss} is unknown: choose magnitude or audio")
    model = SpectrogramUNet(sources=2, widths=widths, frames=frames, dtype=dtype)
    length = model.length()
    crop = model.crop() if loss == "magnitude" else length
    data = Musdb18HQ(path, RATE, 1)
    groups = tuple(tuple(map(data.info.labels.index, stems)) for stems in SOURCES.values())
    # A frame at either end of a segment has no neighbours: it is not kept.
    segments = Segments(
        length,
        length - 2 * model.hop,
        hop=frames * 3 // 4 * model.hop,
        window="fade",
        batch=4,
        key="mixture",
    )
    objective: Objective = Masking(model)
    if loss == "audio":
        objective = Supervised(model, l2, input="mixture", target="stems")
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(crop),
            on_device=(
                ToFloat(),
                Group(groups),
                Gain(0.7, 1.0),  # of the sources, so the accompaniment keeps its balance
                Mixture(),
            ),
        ),
        objective=objective,
        optimizers={"model": adam(learning_rate)},
        evaluation=Separation(Separator(segments, RATE, 1, tuple(SOURCES), stereo="downmix")),
        test_source=as_published(path),
        batch=batch,
        steps=steps,
        stages=falling(20, (1.0, 0.1), start="last", keep_optimizer=True),
        evaluate_every=2000,
        evaluate_limit=14,
        save_every=1000,
        seed=seed,
    )
