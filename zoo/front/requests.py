"""What a caller asks of a generator or separator, checked before anything is computed."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Pitched, Request
from zoo.objectives.performing import notes_duration
from zoo.sampling import engines
from zoo.sampling.rule import SamplerRule

SEPARATION = (
    *("residual", "keep_sum", "shifts", "seed"),
    *("segment", "overlap", "stems", "two_stems", "labels"),
)
_NOTES = ("onset", "offset", "pitch", "velocity")
FROM_NOTES = ("num", "seed", "temperature", "top_k", "top_p", "chunk", "engine")
FROM_SOURCE = (*FROM_NOTES, "domain")


def new(
    rate: int,
    seconds: float | None,
    *,
    num: int,
    seed: int,
    temperature: float,
    chunk: int,
    top_k: int = 0,
    top_p: float = 1.0,
    engine: str = "auto",
) -> Request:
    """A request of `num` voices of `seconds` at `rate` Hz; None: without end."""
    _whole("num", num, 1)
    _whole("seed", seed, 0)
    _whole("chunk", chunk, 1)
    rule = SamplerRule(
        _number("temperature", temperature), _whole("top_k", top_k, 0), _number("top_p", top_p)
    )
    length = 0 if seconds is None else round(_number("seconds", seconds) * rate)
    if seconds is not None and length < 1:
        raise BadInput(f"seconds={seconds} is less than a sample at {rate:,} Hz")
    return Request(length, num, seed, rule, chunk=chunk, engine=engines.check_engine(engine))


def prompted(request: Request, prompt: np.ndarray) -> Request:
    """The request going on from audio [T C] at the model's rate."""
    return replace(request, prompt=prompt)


def of_source(source: np.ndarray, rate: int, asked: dict[str, Any]) -> Request:
    """A request for audio made of a source [T C] at `rate` Hz, as long as it is.

    holes=: pairs of seconds that are to be filled.
    """
    from zoo.sampling.spans import parse_spans

    check_argument_names("a generator takes", asked, (*FROM_SOURCE, "holes"))
    defaults = {"num": 1, "seed": 0, "temperature": 1.0, "chunk": 16_384}
    own = {name: value for name, value in asked.items() if name not in ("domain", "holes")}
    request = new(1, None, **{**defaults, **own})
    domain = asked.get("domain") or ""
    holes = parse_spans(asked.get("holes", ()), rate, len(source))
    return replace(request, length=len(source), source=source, domain=domain, holes=holes)


def composed(rate: int, seconds: float, notes: Any, asked: dict[str, Any]) -> Request:
    """A request for a piece of notes that goes on from others: a MIDI file, or their columns."""
    check_argument_names("a composer takes", asked, FROM_NOTES)
    defaults = {"num": 1, "seed": 0, "temperature": 1.0, "chunk": 16_384}
    request = new(rate, seconds, **{**defaults, **asked})
    return replace(request, notes=None if notes is None else _columns(notes))


def performed(rate: int, notes: Any, asked: dict[str, Any]) -> Request:
    """A request for notes to be played: a MIDI file, or their columns; asked: as `FROM_NOTES`."""
    check_argument_names("a performer takes", asked, FROM_NOTES)
    found = _columns(notes)
    defaults = {"num": 1, "seed": 0, "temperature": 1.0, "chunk": 16_384}
    request = new(rate, notes_duration(found), **{**defaults, **asked})
    return replace(request, notes=found)


def speech_request(text: Any, asked: dict[str, Any]) -> Request:
    """A request for a text to be spoken, a line at a time; asked: as `FROM_SOURCE`."""
    check_argument_names("a speaker takes", asked, FROM_SOURCE)
    if not isinstance(text, str) or not text.strip():
        raise BadInput(f"text={text!r}: give what is to be spoken")
    defaults = {"num": 1, "seed": 0, "temperature": 1.0, "chunk": 16_384}
    return replace(new(1, None, **{**defaults, **asked}), text=text)


def _columns(notes: Any) -> Any:
    """Notes as {onset, offset, pitch, velocity} [n], of these or of a MIDI file."""
    if isinstance(notes, (str, os.PathLike)):
        from zoo.data.midi import read_notes

        return read_notes(os.fspath(notes))
    lacking = [name for name in _NOTES if name not in notes]
    if lacking or len({len(notes[name]) for name in _NOTES}) != 1:
        raise BadInput(f"notes: give arrays of one length, {', '.join(_NOTES)}, or a MIDI file")
    return notes


def pitched(request: Request, objective: Any, rate: int, pitches: Any, notes: Any) -> Request:
    """The request of notes of these pitches, or of a tune, which ends it where it has no end."""
    from zoo.sampling import pitch_names

    request = replace(request, pitches=pitch_names.parse_pitches(pitches))
    if notes is None:
        return request
    if not isinstance(objective, Pitched):
        raise BadInput(f"{type(objective).__name__} plays no notes: leave notes= out")
    if request.pitches:
        raise BadInput("a tune has its own pitches: leave pitches= or notes= out")
    tune = _columns(notes)
    return replace(request, notes=tune, length=request.length or round(notes_duration(tune) * rate))


def check_separation(choices: dict[str, Any]) -> None:
    """Raises BadInput for a choice that separators do not have, or of another type."""
    check_argument_names("a separator takes", choices, SEPARATION)
    for name in choices.keys() & {"shifts", "seed"}:
        _whole(name, choices[name], 0)
    for name in choices.keys() & {"segment", "overlap"}:
        _number(name, choices[name])
    if isinstance(choices.get("stems"), str):
        raise BadInput(f"stems={choices['stems']!r}: give a list of names")


def check_argument_names(who: str, given: dict[str, Any], names: Any) -> None:
    """Raises BadInput for an argument that is none of `names`."""
    for name in given:
        if name not in names:
            raise BadInput(f"no argument {name}=: {who} {', '.join(f'{n}=' for n in names)}")


def _whole(name: str, value: Any, least: int) -> int:
    """A whole number, `least` or above."""
    sound = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not sound or not least <= value < 2**63:
        raise BadInput(f"{name}={value!r}: give a whole number, {least} or above")
    return int(value)


def _number(name: str, value: Any) -> float:
    """A finite number, zero or above."""
    try:
        sound = math.isfinite(value) and value >= 0
    except TypeError:
        sound = False
    if not sound:
        raise BadInput(f"{name}={value!r}: give a number, 0 or above")
    return float(value)
