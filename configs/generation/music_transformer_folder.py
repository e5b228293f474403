"""Music Transformer on a folder of your own MIDI files: performances as 388 events.

path=FOLDER: .mid and .midi files in any sub-folders, without drums, the sustain pedal applied. A
middle size, for some hours of one small GPU; the paper's is that of music_transformer_maestro.
`sample.py --checkpoint RUN --input tune.mid` has it go on from a tune. Nothing outside agrees with
this size.
"""

import jax.numpy as jnp

from zoo.data.events import PAPER
from zoo.data.sets.midi_folder import MidiFolder
from zoo.experiment import Experiment
from zoo.recipes.events import music_transformer
from zoo.training.optimizers import adam, noam

ROWS = {"default": {"parameters": 4_402_688}}
AGREES = {}
SMOKE = {"layers": 1, "width": 8, "heads": 2, "length": 32, "batch": 2, "steps": 2}


def config(
    path: str = "~/midi",
    layers: int = 4,
    width: int = 256,
    heads: int = 8,
    length: int = 1024,
    dropout: float = 0.1,
    batch: int = 4,
    steps: int = 20_000,
    warmup: int = 2000,
    program: int = 0,
    bfloat16: bool = False,
) -> Experiment:
    net = {
        "layers": layers,
        "width": width,
        "keys": width,
        "hidden": 4 * width,
        "heads": heads,
        "reach": length,
        "memory": length,
        "dropout": dropout,
        "positions": False,
        "dtype": jnp.bfloat16 if bfloat16 else jnp.float32,
    }
    return music_transformer(
        MidiFolder(path),
        PAPER,
        net,
        length=length,
        held=True,
        program=program,
        optimizers={"model": adam(noam(width, warmup), b2=0.98, eps=1e-9, clip_norm=1.0)},
        batch=batch,
        steps=steps,
        evaluate_every=1000,
        save_every=1000,
    )
