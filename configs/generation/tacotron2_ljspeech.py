"""Tacotron 2 (Shen et al., ICASSP 2018) on LJSpeech: text to the frames that vocoders read.

`nvidia`: the recipe of NVIDIA's public code, Adam at 1e-3 throughout with 1e-6 of L2, gradients
clipped at 1, batch 64 and dropout of .1 on the decoder's LSTMs. `paper`: zoneout instead, Adam's
epsilon 1e-6, 1e-3 falling exponentially to 1e-5 from the 50,000th step on, batch 64
(remembered, unchecked; how fast it falls is not stated: ours reaches 1e-5 at 150,000); its data are
not public. Frames are HiFi-GAN's, which are NVIDIA's but for the padding at both ends: a HiFi-GAN
or WaveGlow on LJSpeech speaks them (`--vocoder hifigan_ljspeech`). path=FOLDER is LJSpeech-1.1.
Deviations: every example has room for the longest sentence, and means are over what is there;
decoder outputs beyond the end do not reach the post-net. The paper's mean opinion scores: 4.526
with its WaveNet, 4.001 with Griffin-Lim's phases and linear frames. NVIDIA publishes no score, and
its weights are in no package.
"""

from typing import Literal

import jax.numpy as jnp
import optax

from zoo.data.characters import NVIDIA
from zoo.data.sets.ljspeech import LJSpeech
from zoo.experiment import Experiment
from zoo.models.generation.tacotron2 import Tacotron2
from zoo.objectives.speech import StoppedSpeech
from zoo.recipes.speech import speech
from zoo.signal import mel
from zoo.signal.speech_fronts import MelFront
from zoo.training.optimizers import adam, clipped, l2_regularisation

ROWS = {
    "nvidia": {"parameters": 28_193_153},
    "paper": {
        "arguments": {"recipe": "paper"},
        "parameters": 28_193_153,
        "reported": {"mean_opinion_score": 4.526},
        "source": "table 1 (reported, unchecked)",
        "protocol": "an internal data set at 24 kHz through WaveNet, judged by listeners",
    },
}
AGREES = {"tests/models/test_tacotron2.py": "own twin, parameter count"}
SMOKE = {
    "width": 8,
    "convs": 1,
    "postnet_convs": 2,
    "prenet": (8, 8),
    "lstm": 8,
    "postnet": 8,
    "longest_text": 16,
    "longest_frames": 20,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/data/LJSpeech-1.1",
    split: Literal["tails", "lists"] = "tails",
    recipe: Literal["nvidia", "paper"] = "nvidia",
    width: int = 512,
    prenet: tuple[int, ...] = (256, 256),
    lstm: int = 1024,
    postnet: int = 512,
    convs: int = 3,
    postnet_convs: int = 5,
    longest_text: int = 200,
    longest_frames: int = 880,
    batch: int = 64,
    steps: int = 150_000,
    bfloat16: bool = False,
) -> Experiment:
    model = Tacotron2(
        NVIDIA.count,
        mel.HIFIGAN.bins,
        width,
        convs,
        prenet=prenet,
        attention_lstm=lstm,
        lstm=lstm,
        postnet=postnet,
        postnet_convs=postnet_convs,
        held="dropout" if recipe == "nvidia" else "zoneout",
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    front = MelFront(mel.HIFIGAN, iterations=60)
    return speech(
        LJSpeech(path, split),
        StoppedSpeech(model, front, NVIDIA, longest_frames),
        longest_text,
        optimizers={"model": PUBLIC if recipe == "nvidia" else PAPER},
        batch=batch,
        steps=steps,
        evaluate_every=5000,
        evaluate_limit=32,
        save_every=1000,
        log_every=50,
    )


FALLING = optax.exponential_decay(1e-3, 100_000, 0.01, transition_begin=50_000, end_value=1e-5)
# Torch's decay sees clipped gradients.
PUBLIC = clipped(optax.chain(l2_regularisation(1e-6), adam(1e-3)), 1.0)
PAPER = optax.chain(l2_regularisation(1e-6), adam(FALLING, eps=1e-6))
