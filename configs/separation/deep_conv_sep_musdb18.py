"""DeepConvSep (Chandna et al., LVA/ICA 2017), four stems from 23 ms spectra, on MUSDB18-HQ.

Mono at 44.1 kHz, Blackman-Harris windows of 1,024 samples every 512, 30 frames at a time of which
25 are cross-faded; squares to the own target less 0.001 of those to others, 0.01 (the voice: 0.03)
of those to the rest; Adadelta, batch 32. Row as_coded has the three dense layers of the authors'
code, where the rest reads the bass's.
Deviations: the authors' songs are those of DSD100; of their 40 epochs of all positions, five frames
apart, the steps are kept, of crops anywhere; the absolute value of the loss is of every example,
theirs of a batch; the best step is chosen by SDR. No figure on MUSDB18 is available here.
Audio is the reader's own download: path=FOLDER.
"""

from typing import Literal

import jax.numpy as jnp
import optax

from zoo.data.device_transforms import Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import RATE, Musdb18HQ, as_published
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import dissimilar_squares
from zoo.models.separation.deep_conv_sep import DeepConvSep
from zoo.objectives.masking import Masking
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

ROWS = {
    "default": {"parameters": 578_682},
    "as_coded": {"arguments": {"heads": 3}, "parameters": 475_482},
}
AGREES = {"tests/models/test_deep_conv_sep.py": "its authors' parameter counts, own twin"}
SMOKE = {"n_fft": 32, "hop": 16, "filters": 3, "hidden": 5, "batch": 2, "steps": 2}

SOURCES = ("vocals", "bass", "drums", "other")
EPOCH = 10_300  # steps: 5.33 hours, a piece every five frames (arithmetic)


def config(
    path: str = "~/data/musdb18hq",
    heads: int = 4,
    n_fft: int = 1024,
    hop: int = 512,
    filters: int = 50,
    hidden: int = 128,
    batch: int = 32,
    steps: int = 40 * EPOCH,
    learning_rate: float = 1.0,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = DeepConvSep(
        heads=heads,
        n_fft=n_fft,
        hop=hop,
        filters=filters,
        hidden=hidden,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    data = Musdb18HQ(path, RATE, 1)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    # Pieces begin every five frames; those at the ends of a segment have no neighbours.
    segments = Segments(1000 * hop, 940 * hop, key="mixture")
    how = Separator(segments, RATE, 1, SOURCES, stereo="downmix")
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(model.crop()),
            on_device=(ToFloat(), Group(groups), Mixture()),
        ),
        objective=Masking(model, dissimilar_squares(0.001, 0.01, 0.03)),
        optimizers={"model": optax.adadelta(learning_rate, rho=0.95, eps=1e-6)},
        evaluation=Separation(how, ratios=ratios),
        test_source=as_published(path),
        batch=batch,
        steps=steps,
        evaluate_every=EPOCH,
        evaluate_limit=14,
        save_every=EPOCH,
        seed=seed,
    )
