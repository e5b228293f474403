"""Basic Pitch (Bittner et al., ICASSP 2022) on MAESTRO: piano audio to notes, as MIDI.

MAESTRO v3 is the reader's own download (101 GB): path=FOLDER. The authors mix MAESTRO v2 with
Slakh, GuitarSet, iKala and MedleyDB-Pitch, five windows of it to two of each other, and leave out
performances of 15 minutes or more. This row takes MAESTRO alone, and all of it. From their code:
batch, Adam and its rate, smoothed labels, filters of norm one, steps an epoch (100), epochs (500),
and the validation loss, which chooses, halves the rate after ten epochs without a better one and
ends the run after 25. The optimiser stored with the published weights tells of 17,900 steps and
nine halvings. Whether their onsets were weighted is not stored: positive=0.5 is the code's default
where they are, positive=none leaves it out. The paper's table could not be had, so no published
number stands here. Frames lie 256 samples apart, as the net has them; the authors' targets lie 1/86
s apart, 3 ms later at the end of a window.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.note_rolls import ContourRolls
from zoo.data.pipeline import Data
from zoo.data.sets.maestro import Maestro
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.transcription import NoteTranscription
from zoo.experiment import Experiment
from zoo.models.classification.basic_pitch import HOP, RATE, SAMPLES, BasicPitch
from zoo.objectives.posteriorgrams import Posteriorgrams
from zoo.songs.note_creation import NoteCreation
from zoo.songs.overlapping import Overlapping
from zoo.training.optimizers import adam, unit_filters
from zoo.training.stages import reduce_on_plateau

ROWS = {"default": {"parameters": 16_782}}
AGREES = {
    "tests/models/test_basic_pitch.py": "published weights in ONNX, a parameter count",
    "tests/songs/test_note_creation.py": "the authors' module",
    "tests/signal/test_constant_q.py": "nnAudio, librosa",
}
SMOKE = {"filters": (1, 2, 2), "samples": 33_280, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/maestro-v3.0.0",
    filters: tuple[int, int, int] = (8, 32, 32),
    samples: int = SAMPLES,
    positive: float | None = 0.5,
    whole: bool = False,
    batch: int = 16,
    steps: int = 50_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = BasicPitch(filters, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    transforms = (
        ContourRolls(HOP, RATE),
        Keep("audio", "onsets", "frames", "contours"),
    )
    crop = TrackCrop(samples, hop=HOP, draw="window")
    return Experiment(
        data=Data(Maestro(path, RATE), transforms, crop=crop, on_device=(ToFloat(),)),
        objective=Posteriorgrams(model, positive=positive),
        optimizers={"model": unit_filters(adam(learning_rate, eps=1e-7))},
        evaluation=NoteTranscription(Overlapping(whole=whole), NoteCreation()),
        batch=batch,
        steps=steps,
        stages=reduce_on_plateau(9, 0.5, 2.0**-20),
        early_stopping=25,
        monitor=("loss", "min"),
        evaluate_every=100,
        evaluate_limit=10,
        save_every=500,
        seed=seed,
    )
