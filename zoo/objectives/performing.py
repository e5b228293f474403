"""What composers have in common: their notes become audio, chunk by chunk; how long notes last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import NotePlayer, Performance, Request


def render_performances(
    performances: Sequence[Performance], instrument: NotePlayer, request: Request
) -> Iterator[np.ndarray]:
    """Chunks [count t 1] float32 of as many performances, together `request.length` samples."""
    for first in range(0, request.length, request.chunk):
        size = min(request.chunk, request.length - first)
        yield np.stack([instrument.play(p.notes, first, size) for p in performances])


def check_composable(who: str, request: Request, continues: bool) -> None:
    """Raises BadInput for a request that composers cannot fulfil."""
    if request.length < 1:
        raise BadInput(f"{who} composes pieces, not streams without end: say how many seconds")
    if request.prompt is not None:
        raise BadInput(f"{who} makes notes and continues no audio: give it MIDI with --input")
    if request.notes is not None and not continues:
        raise BadInput(f"{who} begins anew each time and continues no notes: leave them out")


def clip_notes(notes: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Notes [n] that begin before `seconds`, ended by then."""
    kept = np.asarray(notes["onset"]) < seconds
    cut = {name: np.asarray(column)[kept] for name, column in notes.items()}
    return {**cut, "offset": np.minimum(cut["offset"], np.float32(seconds))}


def notes_duration(notes: dict[str, Any]) -> float:
    """Seconds that notes last, and one more in which they fade."""
    return float(np.max(notes["offset"], initial=0.0)) + 1.0
