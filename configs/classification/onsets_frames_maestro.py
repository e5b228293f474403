"""Onsets and Frames (Hawthorne et al., ICLR 2019, table 4) on MAESTRO: piano audio to notes.

MAESTRO v3 is the reader's own download (101 GB): path=FOLDER. The paper used v1, and pitch shifts,
equalisers, reverberation and noise on the audio, which this does not. Sizes are the PyTorch port's;
recurrent=256 is the authors'. The system of ISMIR 2018 is filters=32,32,64 dense=512 recurrent=128
offsets=False weight=5. Batch, rate and clip are the authors' code's; 670,000 steps, a week on three
GPUs, are reported. The clip of gradients works here, in the port it does nothing.
"""

import jax.numpy as jnp
import optax

from zoo.data.note_rolls import NoteCrop, NoteRolls
from zoo.data.pipeline import Data
from zoo.data.sets.maestro import Maestro
from zoo.data.transforms import Keep, ToFloat
from zoo.evaluation.transcription import Transcription as Transcribing
from zoo.experiment import Experiment
from zoo.models.classification.onsets_frames import OnsetsFrames
from zoo.objectives.transcription import Transcription
from zoo.songs.note_decoding import Windows
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 26_491_256,
        "reported": {
            "frame_f1": 0.8919,
            "note_f1": 0.948,
            "note_offset_f1": 0.7967,
            "note_offset_velocity_f1": 0.7604,
            "note_precision": 0.9742,
            "note_recall": 0.9237,
        },
        "source": "on MAESTRO v1, as cited by Kong et al. 2021, table I (checked there)",
    },
}
AGREES = {
    "tests/models/test_onsets_frames.py": "own twin, librosa, a port's parameter count",
    "tests/evaluation/test_transcription.py": "mir_eval",
}
SMOKE = {"filters": (2, 2, 4), "dense": 8, "recurrent": 4, "samples": 8192, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/maestro-v3.0.0",
    filters: tuple[int, ...] = (48, 48, 96),
    dense: int = 768,
    recurrent: int = 384,
    offsets: bool = True,
    weight: float = 0.0,
    samples: int = 327_680,
    batch: int = 8,
    steps: int = 670_000,
    learning_rate: float = 6e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = OnsetsFrames(filters, dense, recurrent, offsets=offsets, dtype=dtype)
    targets = ["onsets", "frames", "velocities"]
    targets += ["offsets"] * offsets + ["weights"] * bool(weight)
    transforms = (
        NoteCrop(samples), ToFloat(), NoteRolls(weight=weight), Keep("audio", *targets),
    )  # fmt: skip
    schedule = optax.exponential_decay(learning_rate, 10_000, 0.98, staircase=True)
    margin = samples // 8 // 512 * 512
    return Experiment(
        data=Data(Maestro(path, chunk_seconds=samples / 16_000), transforms),
        objective=Transcription(model, weights="weights" if weight else None),
        optimizers={"model": adam(schedule, clip_norm=3.0)},
        evaluation=Transcribing(Windows(samples, margin, batch=4)),
        batch=batch,
        steps=steps,
        evaluate_every=10_000,
        evaluate_limit=10,
        save_every=2000,
        seed=seed,
    )
