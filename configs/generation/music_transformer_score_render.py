"""Music Transformer on the embedded chorales: on, off and shift by an eighth of a second.

A quarter note lasts half a second, so a step is a sixteenth; nothing is said of loudness. Without
sinusoids, so that it goes on as long as one likes. To be worth anything it must get below
`nats_per_event_order_1`, what counting pairs of symbols reaches, printed beside its score.
size=large takes quartets and madrigals as well. Nothing outside agrees with this small net.
"""

import jax.numpy as jnp

from zoo.data.event_sequences import MoveNotes
from zoo.data.events import Vocabulary
from zoo.data.score_render.score_notes import ScoreNotes
from zoo.experiment import Experiment
from zoo.recipes.events import music_transformer
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 727_168}}
AGREES = {}
SMOKE = {
    "size": "tiny",
    "layers": 1,
    "width": 8,
    "heads": 2,
    "length": 32,
    "batch": 2,
    "steps": 2,
}
SIXTEENTHS = Vocabulary(36, 96, shifts=16, velocities=0, steps=8, longest=2.0, cut=True)


def config(
    size: str = "small",
    layers: int = 3,
    width: int = 128,
    heads: int = 4,
    length: int = 256,
    batch: int = 4,
    steps: int = 600,
    learning_rate: float = 2e-3,
    dropout: float = 0.1,
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
        ScoreNotes(size),
        SIXTEENTHS,
        net,
        length=length,
        held=True,
        moved=(MoveNotes(5, (1.0,)),),
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=200,
        evaluate_limit=8,
        save_every=200,
    )
