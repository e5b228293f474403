"""Music Transformer on MAESTRO v3: piano performances as events (Huang et al. 2019).

Magenta's released set t_rel_len2048_h384_att512_fs1024_n8_dropout20 of score2perf, in its 310
events; `paper` in the paper's 388. Crops of 2,048 events, moved by up to three semitones and
stretched by up to 5 %; Noam's schedule with 4,000 steps of warm-up. A batch there is as many
sequences as hold `batch_size` symbols: 2,048 for this set, one sequence.
Validation and test: pieces in segments of 2,048, as score2perf has it.
path=FOLDER holds maestro-v3.0.0.csv and the MIDI files.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.events import PAPER, RELEASED
from zoo.data.sets.maestro_notes import MaestroNotes
from zoo.experiment import Experiment
from zoo.recipes.events import music_transformer
from zoo.training.optimizers import adam, noam

ROWS = {
    "released": {
        "parameters": 17_039_616,
        "reported": {"nats_per_event": 1.84},
        "source": "MAESTRO paper (arXiv 1810.12247), validation; unchecked",
        "protocol": "theirs is MAESTRO v1.0.0",
    },
    "paper": {
        "arguments": {"events": "paper", "dropout": 0.1},
        "parameters": 17_099_520,
        "reported": {"nats_per_event": 1.835},
        "source": "Table 3 of arXiv 1809.04281, relative global; unchecked",
        "protocol": "theirs is Piano-e-Competition",
    },
}
AGREES = {"tests/models/test_music_transformer.py": "own twin, parameter count"}
SMOKE = {"layers": 1, "width": 8, "keys": 8, "hidden": 8, "heads": 2, "length": 32, "steps": 2}
EVENTS = {"released": RELEASED, "paper": PAPER}


def config(
    path: str = "~/data/maestro-v3.0.0",
    events: Literal["released", "paper"] = "released",
    layers: int = 8,
    width: int = 384,
    keys: int = 512,
    hidden: int = 1024,
    heads: int = 8,
    length: int = 2048,
    dropout: float = 0.2,
    batch: int = 1,
    steps: int = 400_000,
    warmup: int = 4000,
    allow_missing: float = 0.0,
    bfloat16: bool = False,
) -> Experiment:
    net = {
        "layers": layers,
        "width": width,
        "keys": keys,
        "hidden": hidden,
        "heads": heads,
        "reach": length // 2,
        "memory": length,
        "dropout": dropout,
        "dtype": jnp.bfloat16 if bfloat16 else jnp.float32,
    }
    return music_transformer(
        MaestroNotes(path, allow_missing=allow_missing),
        EVENTS[events],
        net,
        length=length,
        optimizers={"model": adam(noam(width, warmup), b2=0.98, eps=1e-9)},
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=20,
        save_every=5000,
        log_every=100,
    )
