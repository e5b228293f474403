"""Music Transformer on notes of any source: what its rows share."""

from __future__ import annotations

from typing import Any

from zoo.data.event_sequences import EventCodec, EventCrop, MoveNotes
from zoo.data.pipeline import Data, Transform
from zoo.data.score_render.instrument import Instrument
from zoo.data.source import Source
from zoo.data.transforms import Keep
from zoo.distributions import Tokens
from zoo.evaluation.events import EventScore
from zoo.experiment import Experiment
from zoo.models.generation.music_transformer import MusicTransformer
from zoo.objectives.event_likelihood import EventLikelihood

AUGMENTED: tuple[Transform, ...] = (
    MoveNotes(),
)  # by up to three semitones, and from 5 % faster to 5 % slower


def music_transformer(
    source: Source,
    vocabulary: EventCodec,
    net: dict[str, Any],
    *,
    length: int,
    moved: tuple[Transform, ...] = AUGMENTED,
    program: int = 0,
    scored: int | None = None,
    score_batch: int = 8,
    held: bool = False,
    **training: Any,
) -> Experiment:
    """The experiment. net: fields of MusicTransformer. length: symbols of a training example.

    moved: what is done to the notes of one. program: General MIDI's, that plays. scored: symbols of
    a segment in evaluation, `length` if none is said. held: examples and segments begin with
    the notes that sound there. training: the rest of an Experiment.
    """
    model = MusicTransformer(Tokens(vocabulary.count), **net)
    rate = source.info.sample_rate
    prepared: tuple[Transform, ...] = (
        *moved,
        EventCrop(vocabulary, length, held),
        Keep("events", "known"),
    )
    return Experiment(
        data=Data(source, prepared),
        objective=EventLikelihood(model, vocabulary, Instrument(program, rate), rate),
        evaluation=EventScore(vocabulary, scored or length, score_batch, source, held),
        **training,
    )
