"""Tacotron reads scores in letters: phrases of the embedded chorales, played by a piano.

There is no speech in the embedded data: the text is `g4 a4- f#4` (pitch, octave, a hyphen for each
further eighth), the audio a piano that plays it. A small net that minutes train, three frames at a
time; it says mel and linear frames in decibels, and has no sign of the end but silence.
"""

import jax.numpy as jnp

from zoo.data.score_render.spelled_melodies import SPELLING
from zoo.experiment import Experiment
from zoo.models.generation.tacotron import Tacotron
from zoo.objectives.speech import SilencedSpeech
from zoo.recipes.speech import SPELLED, score_render_speech
from zoo.signal.speech_fronts import DecibelFront

ROWS = {"default": {"parameters": 858_849}}
AGREES = {"tests/models/test_tacotron.py": "own twin"}
SMOKE = {"size": "tiny", "width": 8, "bank": 2, "filters": 4, "batch": 2, "steps": 2}
FRAMES, SILENCE = 84, 9  # of a phrase with the silence behind it


def config(
    size: str = "small",
    width: int = 128,
    bank: int = 8,
    filters: int = 32,
    together: int = 3,
    batch: int = 32,
    steps: int = 1500,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    model = Tacotron(
        SPELLING.count,
        SPELLED.bins,
        SPELLED.n_fft // 2 + 1,
        together,
        width // 2,
        (width // 2, width // 4),
        bank,
        max(bank // 2, 1),
        filters,
        width,
        post_projection=2 * filters,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    front = DecibelFront(SPELLED, iterations=32, momentum=0.99)
    frames = FRAMES // together * together
    return score_render_speech(
        size,
        SilencedSpeech(model, front, SPELLING, frames, silence=SILENCE),
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
    )
