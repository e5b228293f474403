"""WaveNet that plays notes, of Wave2Midi2Wave (Hawthorne et al., ICLR 2019), on MAESTRO v3.

3 x 10 layers under a context stack of 2 x 6 at 250 Hz, a mixture of logistics over 16 bits: as the
paper. It gives no widths, optimiser or batch: widths are those quoted for WaveNet, the rest
Parallel WaveNet's as remembered (Adam 2e-4, clips of 7,680 samples, batch 32, averaged weights),
unchecked. Its training loss after 350,000 steps is 3.77 on true notes, of a unit that it does not
say; no number of its test split. It trims the first two seconds of what is sampled.
path=FOLDER holds maestro-v3.0.0.csv with audio and MIDI (101 GB). Nothing outside has its count.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.held_rolls import HeldRoll
from zoo.data.pipeline import Data
from zoo.data.sets.maestro import Maestro
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.experiment import Experiment
from zoo.recipes.midi_wavenet import MIDI_HOP, midi_wavenet
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 48_443_806}}
AGREES = {"tests/models/test_midi_wavenet.py": "own twin"}
SMOKE = {
    "layers": 3,
    "width": 8,
    "gate": 8,
    "skip": 8,
    "context": 4,
    "samples": 256,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/maestro-v3.0.0",
    layers: int = 30,
    width: int = 512,
    gate: int = 512,
    skip: int = 256,
    context: int = 128,
    samples: int = 7680,
    batch: int = 32,
    steps: int = 350_000,
    learning_rate: float = 2e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    net = {
        "layers": layers,
        "stacks": 3,
        "width": width,
        "gate": gate,
        "skip": skip,
        "head": skip,
        "dtype": jnp.bfloat16 if bfloat16 else jnp.float32,
    }
    crop = TrackCrop(samples, hop=MIDI_HOP, draw="window")
    kept = (HeldRoll(MIDI_HOP), Keep("audio", "roll"))
    return midi_wavenet(
        Data(Maestro(path), kept, crop=crop, on_device=(ToFloat(),)),
        net,
        context=context,
        samples=samples,
        optimizers={"model": adam(learning_rate)},
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=10_000,
        evaluate_limit=20,
        save_every=5000,
        seed=seed,
    )
