"""Onsets and Frames (Hawthorne et al., ICLR 2019, table 4) on MAESTRO: piano audio to notes.

MAESTRO v3 is the reader's own download (101 GB): path=FOLDER. The paper used v1, and pitch shifts,
equalisers, reverberation and noise on the audio, which this does not; it trained on clips of 5 to
20 s cut at silences, this on crops of 20.48 s. Layers, front end, initial weights, labels of two
frames, velocities as shares of the performance's loudest and their loss are the authors' released
code's (row `magenta`), as are batch, rate and clip; 670,000 steps, a week on three GPUs, are
reported. Row `port` is the PyTorch port by jongwook: its sizes, front end, labels of one frame and
velocities over 128; its clip of gradients works here, there it does nothing. The system of ISMIR
2018 is filters=32,32,64 dense=512 recurrent=128 offsets=False weight=5.
"""

from dataclasses import replace
from typing import Literal

import jax.numpy as jnp
import optax

from zoo.data.device_transforms import ToFloat
from zoo.data.note_rolls import NoteRolls
from zoo.data.pipeline import Data
from zoo.data.sets.maestro import Maestro
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.transcription import NoteTranscription
from zoo.experiment import Experiment
from zoo.models.classification.onsets_frames import MAGENTA, PORT, OnsetsFrames
from zoo.objectives.transcription import Transcription
from zoo.songs.note_decoding import NoteWindows
from zoo.training.optimizers import adam

ROWS = {
    "magenta": {
        "parameters": 22_606_712,
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
    "port": {"arguments": {"layout": "port", "recurrent": 384}, "parameters": 26_491_256},
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
    recurrent: int = 256,
    layout: Literal["magenta", "port"] = "magenta",
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
    whose = {"magenta": MAGENTA, "port": PORT}[layout]
    sizes = dict(filters=filters, dense=dense, recurrent=recurrent, offsets=offsets)
    model = OnsetsFrames(**{**whose, **sizes}, dtype=dtype)
    rolls, objective = NoteRolls(weight=weight), Transcription(model)
    if layout == "magenta":
        rolls = replace(rolls, span=0.032, relative=True)
        objective = replace(objective, per_frame=True, softest=10 / 128, loudest=90 / 128)
    targets = ["onsets", "frames", "velocities"]
    targets += ["offsets"] * offsets + ["weights"] * bool(weight)
    crop = TrackCrop(samples, hop=512, draw="window")
    schedule = optax.exponential_decay(learning_rate, 10_000, 0.98, staircase=True)
    margin = samples // 8 // 512 * 512
    return Experiment(
        data=Data(
            Maestro(path), (rolls, Keep("audio", *targets)), crop=crop, on_device=(ToFloat(),)
        ),
        objective=replace(objective, weights="weights" if weight else None),
        optimizers={"model": adam(schedule, clip_norm=3.0)},
        evaluation=NoteTranscription(NoteWindows(samples, margin, batch=4)),
        batch=batch,
        steps=steps,
        evaluate_every=10_000,
        evaluate_limit=10,
        save_every=2000,
        seed=seed,
    )
