"""Tacotron (Wang et al., Interspeech 2017) on LJSpeech: text to speech through Griffin-Lim.

`paper`: r=2, Adam at 1e-3, then 5e-4, 3e-4 and 1e-4 from 500 thousand, 1 and 2 million steps, batch
32 (remembered, unchecked); its data are not public, and its English voice had another reader.
`keithito`: r=5, Adam at .002 under Noam's schedule with 4,000 steps of warm-up and gradients
clipped at 1, the recipe of the best-known public code, which LJSpeech's author wrote; half of the
linear loss is that below 3 kHz in both. path=FOLDER is LJSpeech-1.1.
Deviations: 22,050 Hz, 80 bands and 1,025 bins (keithito resamples to 20,000); every example has
room for the longest sentence, of which the loss counts what is there and a quarter of a second of
silence. No test score is published; a mean opinion score of 3.82 with Griffin-Lim is the paper's.
"""

from dataclasses import replace
from typing import Literal

import jax.numpy as jnp
import optax

from zoo.data.characters import KEITHITO
from zoo.data.sets.ljspeech import LJSpeech
from zoo.experiment import Experiment
from zoo.models.generation.tacotron import Tacotron
from zoo.objectives.speech import SilencedSpeech
from zoo.recipes.speech import speech
from zoo.signal import mel
from zoo.signal.speech_fronts import DecibelFront
from zoo.training.optimizers import adam, noam

ROWS = {
    "paper": {
        "parameters": 7_002_385,
        "reported": {"mean_opinion_score": 3.82},
        "source": "table 2 (reported, unchecked)",
        "protocol": "an internal data set at 24 kHz, judged by listeners",
    },
    "keithito": {"arguments": {"recipe": "keithito", "together": 5}, "parameters": 7_064_065},
}
AGREES = {"tests/models/test_tacotron.py": "own twin"}
SMOKE = {
    "width": 8,
    "embedding": 8,
    "prenet": (8, 4),
    "bank": 2,
    "filters": 4,
    "longest_text": 16,
    "longest_frames": 20,
    "batch": 2,
    "steps": 2,
}
# 50 ms windows every 12.5 ms, and an even number of samples around them.
SPEC = replace(mel.HIFIGAN, n_fft=2048, win=1102, hop=276, pad=(886, 886), high=None, floor=0.0)
SILENCE = 20  # frames


def config(
    path: str = "~/data/LJSpeech-1.1",
    split: Literal["tails", "lists"] = "tails",
    recipe: Literal["paper", "keithito"] = "paper",
    together: int = 2,
    width: int = 256,
    embedding: int = 256,
    prenet: tuple[int, ...] = (256, 128),
    bank: int = 16,
    filters: int = 128,
    longest_text: int = 200,
    longest_frames: int = 840,
    batch: int = 32,
    steps: int = 2_000_000,
    bfloat16: bool = False,
) -> Experiment:
    model = Tacotron(
        KEITHITO.count,
        SPEC.bins,
        SPEC.n_fft // 2 + 1,
        together,
        embedding,
        prenet,
        bank,
        max(bank // 2, 1),
        filters,
        width,
        post_projection=2 * filters,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    front = DecibelFront(SPEC)
    if recipe == "keithito":
        front = replace(front, power=1.5, iterations=60)
    frames, silence = (n // together * together for n in (longest_frames, SILENCE))
    return speech(
        LJSpeech(path, split),
        SilencedSpeech(model, front, KEITHITO, frames, silence=silence),
        longest_text,
        optimizers={"model": PAPER if recipe == "paper" else PUBLIC},
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=32,
        save_every=1000,
        log_every=50,
    )


STEPPED = optax.piecewise_constant_schedule(1e-3, {500_000: 0.5, 1_000_000: 0.6, 2_000_000: 1 / 3})
PAPER = adam(STEPPED)
PUBLIC = adam(noam(62.5, 4000), clip_norm=1.0)  # .002 at its highest
