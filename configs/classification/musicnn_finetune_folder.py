"""Your labels on published weights: musicnn fine-tuned to a folder of labelled audio.

path=FOLDER with audio and a labels.csv (header `file,tags` or `file,<tag>,<tag>...`), or
labels=FILE. The body comes from weights=musicnn_mtt (or musicnn_msd; zoo list --weights), the top
layer is fresh for as many labels as the CSV has; training says by name which arrays are fresh.
freeze=norm,timbral,temporal holds the front end, its statistics too; freeze=none trains all of it.
The top layers learn `top` times as fast. Until there is a CSV the network has six labels.
No paper: a recipe. The network and its weights agree with their publisher's.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.labelled_folder import LabelledFolder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.models.classification.musicnn import Musicnn
from zoo.objectives.partly_frozen import PartlyFrozen
from zoo.objectives.supervised import Supervised, sigmoid
from zoo.training.optimizers import adam, freeze_parts, scale_learning_rate, warmup_cosine

ROWS = {"default": {"parameters": 778_315}}
AGREES = {"tests/pretrained/test_musicnn_weights.py": "published weights"}
SMOKE = {
    "timbral": 3,
    "temporal": 2,
    "middle": 4,
    "hidden": 5,
    "batch": 2,
    "steps": 2,
    "weights": "",
}


def config(
    path: str = "~/songs",
    labels: str = "",
    weights: str = "musicnn_mtt",
    freeze: tuple[str, ...] = ("timbral", "temporal"),
    top: float = 10.0,
    timbral: int = 204,
    temporal: int = 51,
    middle: int = 64,
    hidden: int = 200,
    batch: int = 16,
    steps: int = 1000,
    learning_rate: float = 1e-4,
    chunk_seconds: float = 5.0,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    source = LabelledFolder(path, 16_000, labels, chunk_seconds)
    model = Musicnn(
        len(source.info.labels),
        timbral,
        temporal=temporal,
        middle=middle,
        hidden=hidden,
        dtype=dtype,
    )
    parts = tuple(part for part in freeze if part != "none")
    optimizer = adam(warmup_cosine(learning_rate, steps, steps // 20), clip_norm=1.0)
    optimizer = scale_learning_rate(optimizer, "top", top)
    return Experiment(
        data=Data(
            source,
            (Keep("audio", "tags", "known"),),
            crop=TrackCrop(model.samples, draw="window"),
            on_device=(ToFloat(),),
        ),
        objective=PartlyFrozen(
            Supervised(model, binary_cross_entropy, mask="known", link=sigmoid), parts
        ),
        optimizers={"model": freeze_parts(optimizer, parts)},
        evaluation=Tagging(model.samples, batch=batch),
        batch=batch,
        steps=steps,
        evaluate_every=200,
        save_every=200,
        seed=seed,
        initial={"model": weights} if weights else {},
    )
