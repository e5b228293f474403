"""WaveNet that plays notes (Hawthorne et al. 2019), small, on the embedded piano music.

20 layers of 32 channels under a context stack of 2 x 6 layers of 32, at 16 kHz. `sample.py --input
tune.mid` plays a MIDI file. bits_lost_by_wrong_notes says whether it follows its notes: 0 where it
is deaf to them. Nothing outside agrees with this small net.
"""

import jax.numpy as jnp

from zoo.data.held_rolls import HeldRoll
from zoo.data.note_rolls import NoteCrop
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Keep, ToFloat
from zoo.experiment import Experiment
from zoo.recipes.midi_wavenet import HOP, midi_wavenet
from zoo.training.optimizers import adam, warmup_cosine

ROWS = {"default": {"parameters": 281_679}}
AGREES = {"tests/models/test_midi_wavenet.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "layers": 4,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "context": 4,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    layers: int = 20,
    width: int = 32,
    gate: int = 32,
    skip: int = 64,
    context: int = 32,
    components: int = 5,
    samples: int = 4096,
    batch: int = 2,
    steps: int = 1500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    net = {
        "layers": layers,
        "stacks": 2,
        "width": width,
        "gate": gate,
        "skip": skip,
        "head": skip,
        "dtype": jnp.bfloat16 if bfloat16 else jnp.float32,
    }
    transforms = (NoteCrop(samples, HOP), ToFloat(), HeldRoll(HOP), Keep("audio", "roll"))
    return midi_wavenet(
        Data(ScoreRender("piano", size), transforms),
        net,
        context=context,
        samples=samples,
        components=components,
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 50), clip_norm=1.0)},
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=4,
        save_every=200,
        seed=seed,
    )
