"""Speech out of text on any source of sentences: what the rows of Tacotrons share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoo.data.characters import Spell, WholeFrames
from zoo.data.pipeline import Data
from zoo.data.score_render.spelled_melodies import SpelledMelodies
from zoo.data.source import Source
from zoo.data.transforms import Keep, ToFloat
from zoo.evaluation.speech import SpeechScore
from zoo.experiment import Experiment
from zoo.objectives.speech import SilencedSpeech, StoppedSpeech
from zoo.signal import mel
from zoo.training.optimizers import adam, warmup_cosine

# Frames of the embedded melodies, and characters of the longest.
SPELLED = replace(
    mel.HIFIGAN, sample_rate=16_000, n_fft=2048, hop=512, pad=(768, 768), low=60.0, high=8000.0
)
_LONGEST = 24


def speech(
    source: Source, objective: StoppedSpeech | SilencedSpeech, longest: int, **training: Any
) -> Experiment:
    """The experiment. longest: characters of a text. training: the rest of an Experiment.

    Examples have room for as many frames as the objective says at most.
    """
    hop, frames = objective.front.spec.hop, objective.most
    characters: Any = objective.characters  # of zoo/data/characters.py
    prepared = (
        Spell(characters, longest),
        WholeFrames(frames, hop),
        ToFloat(),
        Keep("text", "text_known", "audio", "known"),
    )
    together = objective.model.together
    return Experiment(
        data=Data(source, prepared),
        objective=objective,
        evaluation=SpeechScore(characters, frames, hop, longest, together),
        **training,
    )


def score_render_speech(
    size: str,
    objective: StoppedSpeech | SilencedSpeech,
    *,
    batch: int,
    steps: int,
    learning_rate: float,
) -> Experiment:
    """A small training on the embedded melodies: minutes of CPU."""
    return speech(
        SpelledMelodies(size),
        objective,
        _LONGEST,
        optimizers={"model": adam(warmup_cosine(learning_rate, steps, 100), clip_norm=1.0)},
        batch=batch,
        steps=steps,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=16,
        save_every=500,
    )
