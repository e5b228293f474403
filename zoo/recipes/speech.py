"""Speech out of text on any source of sentences: what the rows of Tacotrons share."""

from __future__ import annotations

from typing import Any

from zoo.data.characters import Spell, WholeFrames
from zoo.data.pipeline import Data
from zoo.data.source import Source
from zoo.data.transforms import Keep, ToFloat
from zoo.evaluation.speech import SpeechScore
from zoo.experiment import Experiment
from zoo.objectives.speech import SilencedSpeech, StoppedSpeech


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
