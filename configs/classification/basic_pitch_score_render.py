"""Basic Pitch on the embedded piano music: audio of any pitched instrument to notes, as MIDI.

The authors' net at its full size, which is small. The published weights (--checkpoint basic_pitch)
take this row's arguments as well: what `evaluate.py --input song.mp3` finds is basic-pitch 0.4.0's,
note by note; whole=true goes on to the end of the file, of which the authors lose 0.7 %. onset and
frame are thresholds, shortest is in ms, lowest and highest in Hz. Frames in which a note begins
weigh a fifth of the onsets' loss (positive): with the half of the authors' code, 500 steps give too
many notes at their threshold. It finds 87 % of the test pieces' notes, and 71 % of those it writes
are there; the published weights, which never met this piano, 88 % and 76 %.
"""

import jax.numpy as jnp

from zoo.data.note_rolls import ContourRolls, NoteCrop
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Keep, ToFloat
from zoo.evaluation.transcription import NoteTranscription
from zoo.experiment import Experiment
from zoo.models.classification.basic_pitch import HOP, RATE, SAMPLES, BasicPitch
from zoo.objectives.posteriorgrams import Posteriorgrams
from zoo.songs.note_creation import NoteCreation
from zoo.songs.overlapping import Overlapping
from zoo.training.optimizers import adam, unit_filters, warmup_cosine

ROWS = {"default": {"parameters": 16_782}}
AGREES = {
    "tests/models/test_basic_pitch.py": "published weights in ONNX, a parameter count",
    "tests/songs/test_note_creation.py": "the authors' module",
    "tests/signal/test_constant_q.py": "nnAudio, librosa",
}
SMOKE = {"size": "tiny", "filters": (1, 2, 2), "samples": 33_280, "batch": 2, "steps": 2}


def config(
    size: str = "small",
    filters: tuple[int, int, int] = (8, 32, 32),
    samples: int = SAMPLES,
    positive: float | None = 0.2,
    onset: float = 0.5,
    frame: float = 0.3,
    shortest: float = 127.7,
    lowest: float | None = None,
    highest: float | None = None,
    inferred: bool = True,
    leftover: bool = True,
    bends: bool = True,
    whole: bool = False,
    batch: int = 4,
    steps: int = 500,
    learning_rate: float = 3e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = BasicPitch(filters, dtype=jnp.bfloat16 if bfloat16 else jnp.float32)
    transforms = (
        NoteCrop(samples, HOP, RATE),
        ToFloat(),
        ContourRolls(HOP, RATE),
        Keep("audio", "onsets", "frames", "contours"),
    )
    decoder = NoteCreation(onset, frame, shortest, lowest, highest, inferred, leftover, bends)
    return Experiment(
        data=Data(ScoreRender("piano", size, RATE), transforms),
        objective=Posteriorgrams(model, positive=positive),
        optimizers={"model": unit_filters(adam(warmup_cosine(learning_rate, steps, 20)))},
        evaluation=NoteTranscription(Overlapping(batch=4, whole=whole), decoder),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=250,
        evaluate_limit=10,
        save_every=250,
        seed=seed,
    )
