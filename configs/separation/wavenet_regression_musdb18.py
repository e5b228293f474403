"""Wavenet regression (Lluís, Pons and Serra, Interspeech 2019) on MUSDB18-HQ at 16 kHz, mono.

targets=three is the authors' multi-instrument net: vocals, drums and bass of the whole mixture, the
sum of three L1. targets=voice is their singing voice net: vocals, the rest being the mixture less
these, L1 less 0.05 times the L1 between vocals and accompaniment, half of the crops where somebody
sings. Adam at 1e-3, batch 10, target fields of 1,601 samples; 250 epochs of 2,000 steps at most.
Its scores are not available here: the stored copies of the paper lack the table.
Deviations: HQ audio instead of the compressed stems; the usual 86/14 split instead of a random
75/25; training ends after 16 epochs without a better SDR, theirs without a lower training loss;
songs are separated whole, in fields ten times as long, where theirs lose 4,092 samples a side.
Audio is the reader's own download: path=FOLDER.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.device_transforms import Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import Musdb18HQ, as_published
from zoo.data.stem_transforms import ActiveCrop
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.losses.waveform import dissimilar_l1, l1, source_sum
from zoo.models.separation.wavenet_regression import WavenetRegression
from zoo.objectives.supervised import Supervised
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam

ROWS = {
    "three": {"parameters": 3_277_763},
    "voice": {"arguments": {"targets": "voice"}, "parameters": 3_277_249},
}
AGREES = {"tests/models/test_wavenet_regression.py": "its code's parameter counts, own twin"}
SMOKE = {
    "width": 4,
    "skip": 4,
    "stacks": 2,
    "layers": 2,
    "final": (6, 5),
    "samples": 41,
    "batch": 2,
    "steps": 2,
}

RATE = 16_000
EPOCH = 2_000  # steps
THREE = {"vocals": ("vocals",), "drums": ("drums",), "bass": ("bass",), "": ("other",)}
VOICE = {"vocals": ("vocals",), "accompaniment": ("drums", "bass", "other")}


def config(
    path: str = "~/data/musdb18hq",
    targets: Literal["three", "voice"] = "three",
    width: int = 64,
    skip: int = 64,
    stacks: int = 4,
    layers: int = 10,
    final: tuple[int, int] = (2048, 256),
    samples: int = 1601,
    voiced: float = 0.5,
    dissimilarity: float = 0.05,
    batch: int = 10,
    steps: int = 250 * EPOCH,
    learning_rate: float = 1e-3,
    ratios: Literal["sdr", "full"] = "sdr",
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    three = targets == "three"
    model = WavenetRegression(
        sources=3 if three else 1,
        width=width,
        skip=skip,
        stacks=stacks,
        layers=layers,
        final=final,
        remainder=not three,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    length = model.input_length(samples)
    data = Musdb18HQ(path, RATE, 1, chunk_seconds=1.0 if three else 8.0)
    stems = THREE if three else VOICE
    groups = tuple(tuple(map(data.info.labels.index, names)) for names in stems.values())
    sources = tuple(name for name in stems if name)
    # Where somebody sings is asked of 8 seconds of a song, not of all of it.
    voice = ActiveCrop(length, data.info.labels.index("vocals"), voiced)
    segments = Segments(model.input_length(10 * samples), 10 * samples, batch=4)
    how = Separator(segments, RATE, 1, sources, stereo="downmix")
    loss = source_sum(l1) if three else dissimilar_l1(dissimilarity)
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),) if three else (voice, Keep("stems")),
            crop=TrackCrop(length) if three else None,
            on_device=(ToFloat(), Group(groups), Mixture(keep=len(sources))),
        ),
        objective=Supervised(model, loss, input="mixture", target="stems"),
        optimizers={"model": adam(learning_rate)},
        evaluation=Separation(how, ratios=ratios),
        test_source=as_published(path),
        batch=batch,
        steps=steps,
        early_stopping=16,
        evaluate_every=EPOCH,
        evaluate_limit=14,
        save_every=EPOCH,
        seed=seed,
    )
