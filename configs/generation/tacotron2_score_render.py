"""Tacotron 2 reads scores in letters: phrases of the embedded chorales, played by a piano.

There is no speech in the embedded data. The text is `g4 a4- f#4` (pitch, octave, a hyphen for each
further eighth), the audio a piano that plays it: an order to be kept, durations to be found, and an
end, as in speech. A small net that minutes train; Griffin-Lim sounds it.
"""

import jax.numpy as jnp

from zoo.data.score_render.spelled_melodies import SPELLING
from zoo.experiment import Experiment
from zoo.models.generation.tacotron2 import Tacotron2
from zoo.objectives.speech import StoppedSpeech
from zoo.recipes.speech import SPELLED, score_render_speech
from zoo.signal.speech_fronts import MelFront

ROWS = {"default": {"parameters": 530_513}}
AGREES = {"tests/models/test_tacotron2.py": "own twin"}
SMOKE = {
    "size": "tiny",
    "width": 8,
    "lstm": 8,
    "postnet": 8,
    "convs": 1,
    "postnet_convs": 2,
    "batch": 2,
    "steps": 2,
}
FRAMES = 72  # of a phrase


def config(
    size: str = "small",
    width: int = 64,
    lstm: int = 128,
    postnet: int = 64,
    convs: int = 3,
    postnet_convs: int = 5,
    batch: int = 32,
    steps: int = 1200,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
) -> Experiment:
    model = Tacotron2(
        SPELLING.count,
        SPELLED.bins,
        width,
        convs,
        prenet=(width, width),
        attention_width=width // 2,
        filters=8,
        location_taps=11,
        attention_lstm=lstm,
        lstm=lstm,
        postnet=postnet,
        postnet_convs=postnet_convs,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return score_render_speech(
        size,
        StoppedSpeech(model, MelFront(SPELLED), SPELLING, FRAMES),
        batch=batch,
        steps=steps,
        learning_rate=learning_rate,
    )
