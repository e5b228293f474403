"""musicnn on MagnaTagATune (Pons and Serra, ISMIR 2019 late-breaking), all clips of its test set.

The row of the published library; its weights are musicnn_mtt, and musicnn_msd with
labels=million_song (evaluate.py --checkpoint musicnn_mtt --input song.mp3 needs no data at all).
Patches of 3 s, one from each clip an epoch; 600 epochs of 584 steps, the rate halved after each 75
without a better validation, in a row or not. middle=512 hidden=500 is the library's big model.
Deviations: average precision selects, not the loss; patches are segments of
audio (see the model). Audio is the reader's own download: path=FOLDER. Cost: not measured.
"""

import jax.numpy as jnp
import optax

from zoo.data.pipeline import Data
from zoo.data.sets.magnatagatune import MagnaTagATune
from zoo.data.sets.million_song import MillionSong
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.musicnn import Musicnn
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, kernel_penalty
from zoo.training.stages import falling

ROWS = {
    "default": {
        "parameters": 787_159,
        "reported": {
            "roc_auc": 0.9067,
            "pr_auc": 0.3831,
        },
        "source": ("log of the training run, published inside the musicnn package (PyPI, 0.1.0)"),
    },
}
AGREES = {
    "tests/pretrained/test_musicnn_weights.py": "published weights",
    "tests/models/test_musicnn.py": "librosa, its library's parameter count",
}
SMOKE = {"timbral": 3, "temporal": 2, "middle": 4, "hidden": 5, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/magnatagatune",
    labels: str = "magnatagatune",
    timbral: int = 204,
    temporal: int = 51,
    middle: int = 64,
    hidden: int = 200,
    batch: int = 32,
    steps: int = 350_400,
    learning_rate: float = 1e-3,
    decay: float = 1e-5,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    if labels not in ("magnatagatune", "million_song"):
        raise BadInput(f"labels={labels}: choose magnatagatune or million_song")
    million = labels == "million_song"
    source = MillionSong(path) if million else MagnaTagATune(path, protocol="all_clips")
    model = Musicnn(
        len(source.info.labels),
        timbral,
        temporal=temporal,
        middle=middle,
        hidden=hidden,
        dtype=dtype,
    )
    return Experiment(
        data=Data(source, (Crop(model.samples), ToFloat(), Keep("audio", "tags"))),
        objective=Supervised(model, binary_cross_entropy, link=sigmoid),
        optimizers={"model": optax.chain(kernel_penalty(decay), adam(learning_rate))},
        evaluation=Tagging(model.samples, batch=batch),
        batch=batch,
        steps=steps,
        stages=falling(
            75, tuple(0.5**i for i in range(8)), start="last", cumulative=True, keep_optimizer=True
        ),
        evaluate_every=18_706 // batch,
        save_every=1000,
        log_every=50,
        seed=seed,
    )
