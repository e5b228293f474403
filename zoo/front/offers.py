"""The methods of a system, by those of its evaluation and objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zoo.evaluation.capabilities import Tags, TracksPitch, Transcribes, separates
from zoo.experiment import Experiment
from zoo.objectives.base import (
    Composing,
    Embedding,
    Generative,
    follows_source,
    plays_notes,
    plays_tunes,
    speaks,
)

SIGNATURES = {
    "tags": "tags(audio, rate) -> {label: score}",
    "tags_over_time": "tags_over_time(audio, rate) -> times, scores, labels",
    "embed": "embed(audio, rate) -> [D]",
    "separate": "separate(audio, rate) -> {stem: [T C]}",
    "notes": "notes(audio, rate) -> {onset, offset, pitch, velocity}",
    "pitch": "pitch(audio, rate) -> times, frequency, confidence",
    "sample": "sample(seconds, num=, seed=, temperature=, top_k=, top_p=) -> [num T C]",
    "stream": "stream(num=, seed=, temperature=, top_k=, top_p=) -> chunks [num t C]",
    "compose": "compose(seconds, notes=, num=, seed=, temperature=, top_k=, top_p=) -> notes",
    "perform": "perform(notes, seed=, num=) -> [T C]",
    "speak": "speak(text, num=, seed=, temperature=, vocoder=) -> [T C]",
    "vocode": "vocode(audio, rate) -> [T C]",
    "reconstruct": "reconstruct(audio, rate) -> [T C]",
    "transfer": "transfer(audio, rate) -> [T C]",
    "process": "process(audio, rate) -> [T C]",
}


def _tags(experiment: Experiment) -> bool:
    return isinstance(experiment.evaluation, Tags)


def _embeds(experiment: Experiment) -> bool:
    return _tags(experiment) and isinstance(experiment.objective, Embedding)


def _samples(experiment: Experiment) -> bool:
    objective = experiment.objective
    given = follows_source(objective) or plays_notes(objective) or speaks(objective)
    return isinstance(objective, Generative) and not given


def _from_source(verb: str) -> Callable[[Experiment], bool]:
    """Whether a system does `verb` with audio that is given to it."""

    def offered(experiment: Experiment) -> bool:
        return verb == _verb_of(experiment.objective)

    return offered


def _verb_of(objective: Any) -> str | None:
    """'vocode', 'reconstruct', 'transfer' or 'process'; None of what follows no source."""
    return getattr(objective, "from_source", "vocode") if follows_source(objective) else None


OFFERS: dict[str, Callable[[Experiment], bool]] = {
    "tags": _tags,
    "tags_over_time": _tags,
    "embed": _embeds,
    "separate": lambda experiment: separates(experiment.evaluation),
    "notes": lambda experiment: isinstance(experiment.evaluation, Transcribes),
    "pitch": lambda experiment: isinstance(experiment.evaluation, TracksPitch),
    "sample": _samples,
    "stream": _samples,
    "compose": lambda experiment: isinstance(experiment.objective, Composing),
    "perform": lambda experiment: plays_tunes(experiment.objective),
    "speak": lambda experiment: speaks(experiment.objective),
    "vocode": _from_source("vocode"),
    "reconstruct": _from_source("reconstruct"),
    "transfer": _from_source("transfer"),
    "process": _from_source("process"),
}


def offered(experiment: Experiment) -> tuple[str, ...]:
    """The names of all methods that a system has."""
    return tuple(name for name, has in OFFERS.items() if has(experiment))
