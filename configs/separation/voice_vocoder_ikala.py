"""Singing voice by vocoder parameters (Chandna et al., ICASSP 2019) on iKala, played by WORLD.

The authors' recipe as their public code has it: spectra of 1,024 samples every 256 at 44.1 kHz,
phrases of 32 frames, batch 30, Adam at 1e-3, 500 epochs of 100 batches, the last weights; songs in
phrases that overlap by half. Needs pyworld: pip install 'pyworld>=0.3.4'. Its first pass analyses
the voice, a seventh of its duration.
Deviations: songs are drawn, 8 to 1 to 1, where the code learns from all files and validates on some
of them; the ranges of parameters are those of a phrase of each record, the pitch's of voiced frames
alone; the best weights are those of the lowest distortion. The paper's figures were not at hand.
Data are the reader's own copy: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.data.sets.ikala import IKala
from zoo.experiment import Experiment
from zoo.models.separation.voice_vocoder import VoiceVocoder
from zoo.recipes import voice_vocoder

ROWS = {"default": {"parameters": 3_958_338}}
AGREES = {"tests/models/test_voice_vocoder.py": "its code's parameter count, own twin"}
SMOKE = {"n_fft": 64, "hop": 32, "width": 4, "blocks": 2, "frames": 8, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/iKala",
    n_fft: int = 1024,
    hop: int = 256,
    width: int = 256,
    blocks: int = 6,
    frames: int = 32,
    batch: int = 30,
    steps: int = 50_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = VoiceVocoder(n_fft, hop, width, blocks, dtype=dtype)
    return voice_vocoder.sung(
        IKala(path), model, frames, learning_rate, batch, steps, evaluate_every=1000, seed=seed
    )
