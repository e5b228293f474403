"""Onsets and Frames on the embedded piano music: audio to notes, as MIDI.

The plan of the MAESTRO paper with a quarter of its filters and dense units and a sixth of its
recurrent ones. It learns from a second at a time, without dropout, begins at the rarity of notes
and counts the frames of beginnings and ends five times (priors, emphasis): without these, three
minutes end before the first onset is found. With them, after 3,000 steps (six minutes here), it
finds 88 % of the test pieces' notes, and 90 % of those it writes are there. What it finds in your
own file, `evaluate.py --input song.mp3` writes as MIDI. One synthetic piano without pedal: real
recordings need onsets_frames_maestro.
"""

import jax.numpy as jnp

from zoo.data.note_rolls import NoteCrop, NoteRolls
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Keep, ToFloat
from zoo.evaluation.transcription import NoteTranscription
from zoo.experiment import Experiment
from zoo.models.classification.onsets_frames import OnsetsFrames
from zoo.objectives.transcription import Transcription
from zoo.songs.note_decoding import NoteWindows
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 1_569_128}}
AGREES = {
    "tests/models/test_onsets_frames.py": "own twin, librosa",
    "tests/evaluation/test_transcription.py": "mir_eval",
}
SMOKE = {
    "size": "tiny",
    "filters": (2, 2, 4),
    "dense": 8,
    "recurrent": 4,
    "samples": 8192,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    filters: tuple[int, int, int] = (12, 12, 24),
    dense: int = 192,
    recurrent: int = 64,
    dropout: tuple[float, float] = (0.0, 0.0),
    priors: tuple[float, float] = (-5.5, -3.0),
    emphasis: float = 5.0,
    samples: int = 16_384,
    batch: int = 4,
    steps: int = 3000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = OnsetsFrames(filters, dense, recurrent, dropout, priors, dtype=dtype)
    transforms = (
        NoteCrop(samples),
        ToFloat(),
        NoteRolls(),
        Keep("audio", "onsets", "offsets", "frames", "velocities"),
    )
    return Experiment(
        data=Data(ScoreRender("piano", size), transforms),
        objective=Transcription(model, emphasis=emphasis),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=3.0)},
        evaluation=NoteTranscription(NoteWindows(131_072, 16_384, batch=2)),
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=10,
        save_every=250,
        seed=seed,
    )
