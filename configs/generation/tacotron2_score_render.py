"""Tacotron 2 reads scores in letters: phrases of the embedded chorales, played by a piano.

There is no speech in the embedded data. The text is `g4 a4- f#4` (pitch, octave, a hyphen for each
further eighth), the audio a piano that plays it: an order to be kept, durations to be found, and an
end, as in speech. A small net that minutes train; Griffin-Lim sounds it.
"""

from dataclasses import replace

import jax.numpy as jnp

from zoo.data.score_render.spelled_melodies import SPELLING, SpelledMelodies
from zoo.experiment import Experiment
from zoo.models.generation.tacotron2 import Tacotron2
from zoo.objectives.speech import StoppedSpeech
from zoo.recipes.speech import speech
from zoo.signal import mel
from zoo.signal.speech_fronts import MelFront
from zoo.training.optimizers import adam, warmup_cosine

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
SPEC = replace(
    mel.HIFIGAN, sample_rate=16_000, n_fft=2048, hop=512, pad=(768, 768), low=60.0, high=8000.0
)
FRAMES, LONGEST = 72, 24  # of a phrase, and of its text


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
        SPEC.bins,
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
    return speech(
        SpelledMelodies(size),
        StoppedSpeech(model, MelFront(SPEC), SPELLING, FRAMES),
        LONGEST,
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 100), clip_norm=1.0)},
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=16,
        save_every=500,
    )
