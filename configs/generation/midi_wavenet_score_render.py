"""WaveNet that plays notes, small, on the embedded piano music at 8 kHz.

After Hawthorne et al. 2019 (midi_wavenet_maestro has their net); chosen so that an hour of one core
plays what it is asked to: 8 kHz, mu-law codes, beside each held key the age of its stroke and sines
of its pitch (harmonics=0: none), kernels of three, and noise on the past that training reads, or
it leans on that alone. `sample.py --input tune.mid --temperature 0.7` plays a MIDI file. in_tune:
how many notes of what it plays sound at their pitch. Nothing outside agrees with this small net.
"""

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.data.held_rolls import HeldRoll, struck_roll
from zoo.data.note_rolls import NoteCrop
from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Keep, ToFloat
from zoo.experiment import Experiment
from zoo.recipes.midi_wavenet import struck_wavenet
from zoo.training.optimizers import muon_and_adam

ROWS = {"default": {"parameters": 415_600}}
AGREES = {"tests/models/test_midi_wavenet.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "rate": 16_000,
    "layers": 3,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "context": 4,
    "harmonics": 1,
    "samples": 2048,
    "batch": 2,
    "steps": 2,
    "played": 0,
}
FRAMES = 250  # a second


def config(
    size: str = "small",
    rate: int = 8000,
    layers: int = 9,
    width: int = 48,
    gate: int = 48,
    skip: int = 64,
    context: int = 48,
    harmonics: OrNone = 4,
    disturbance: float = 6.0,
    samples: int = 2048,
    batch: int = 2,
    steps: int = 20_000,
    learning_rate: float = 0.02,
    adam_rate: float = 3e-3,
    played: OrNone = 8,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    hop = rate // FRAMES
    net = {
        "layers": layers,
        "stacks": 1,
        "kernel": 3,
        "width": width,
        "gate": gate,
        "skip": skip,
        "head": skip,
        "dtype": jnp.bfloat16 if bfloat16 else jnp.float32,
    }
    transforms = (
        NoteCrop(samples, hop, rate),
        ToFloat(),
        HeldRoll(hop, rate, struck_roll),
        Keep("audio", "roll"),
    )
    spared = ("output", "source", "context")
    optimizer = muon_and_adam(learning_rate, adam_rate, steps, spared=spared, clip_norm=1.0)
    return struck_wavenet(
        Data(ScoreRender("piano", size, rate), transforms),
        net,
        hop=hop,
        context=context,
        harmonics=harmonics,
        disturbance=disturbance,
        played=played,
        optimizers={"model": optimizer},
        batch=batch,
        steps=steps,
        ema_decay=0.999,
        evaluate_every=2500,
        evaluate_limit=2,
        save_every=500,
        seed=seed,
    )
