"""Your stems on published weights: Spleeter's two stems fine-tuned to a folder of songs.

path=FOLDER with a folder for each song that holds one file per stem (`<song>/vocals.wav`); stems=
names two of them, in the order of the weights' vocals and accompaniment: stems=solo,band learns
another pair from there. weights=spleeter_2stems (zoo list --weights). freeze=down holds the
encoders, their statistics too; freeze=none trains all of it.
No paper: a recipe. The network and its weights agree with their publisher's.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.spectrogram_unet import SPLEETER, SpectrogramUNet
from zoo.objectives.masking import Masking
from zoo.objectives.partly_frozen import PartlyFrozen
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator
from zoo.training.optimizers import adam, freeze_parts

ROWS = {"default": {"parameters": 19_647_498}}
AGREES = {"tests/pretrained/test_spleeter_weights.py": "published weights, own twin"}
SMOKE = {"widths": (2, 3, 4), "frames": 16, "batch": 2, "steps": 2, "weights": ""}

RATE = 44_100


def config(
    path: str = "~/songs",
    stems: tuple[str, str] = ("vocals", "accompaniment"),
    weights: str = "spleeter_2stems",
    freeze: tuple[str, ...] = ("down",),
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512),
    frames: int = 512,
    batch: int = 4,
    steps: int = 2000,
    learning_rate: float = 2e-5,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = SpectrogramUNet(**{**SPLEETER, "widths": widths, "frames": frames, "dtype": dtype})
    length = model.length()
    source = Folder(path, RATE, 2, stems=tuple(stems), chunk_seconds=1.0)
    # An odd number of hops is kept, so that the frames of all segments lie on one grid.
    kept = frames // 8 * 7 - 1
    segments = Segments(
        length, kept * model.hop, hop=frames * 3 // 4 * model.hop, window="fade", key="mixture"
    )
    parts = tuple(part for part in freeze if part != "none")
    # The innermost skip is a convolution's raw output: the batch norm behind it does nothing.
    objective = Masking(model, zero_gradient_at_init=(f"down_{len(widths)}_norm",))
    return Experiment(
        data=Data(
            source, (Keep("stems"),), crop=TrackCrop(length), on_device=(ToFloat(), Mixture())
        ),
        objective=PartlyFrozen(objective, parts),
        optimizers={"model": freeze_parts(adam(learning_rate, clip_norm=1.0), parts)},
        evaluation=Separation(
            Separator(segments, RATE, 2, tuple(stems), band=model.bins * RATE / model.n_fft)
        ),
        batch=batch,
        steps=steps,
        evaluate_every=500,
        evaluate_limit=14,
        save_every=250,
        seed=seed,
        initial={"model": weights} if weights else {},
    )
