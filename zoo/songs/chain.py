"""Three systems as one: audio to notes, notes to more of them, notes to audio.

The plan of Wave2Midi2Wave (Hawthorne et al., ICLR 2019), with any systems that have the methods.
The music that comes out holds the notes that were found and then those that were composed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.errors import BadInput
from zoo.evaluation.capabilities import require_capability
from zoo.front import requests, sounds
from zoo.objectives import performing
from zoo.objectives.base import Generative, NotePlayer, Performance, composer
from zoo.songs.composing import append_notes

if TYPE_CHECKING:
    from zoo.front.system import System

_RATE = 44_100  # Hz, of the sound font where no composer says another
_SECONDS = 30.0  # that a tune goes on
COMPOSING = ("seconds", "temperature", "top_k", "top_p")


@dataclass(frozen=True)
class _Chained:
    """What each stage made; times in seconds from the first of the recording.

    begins: where the composed notes begin; None where none were asked for. audio: [T C] at `rate`.
    """

    found: Notes
    notes: Notes
    begins: float | None
    audio: np.ndarray
    rate: int


@dataclass(frozen=True)
class Systems:
    """A system with `notes`; with `compose`, or none; with `perform`, or the embedded sound font.

    Raises BadInput, at once, where one lacks its method.
    """

    notes: System
    compose: System | None = None
    perform: System | None = None

    def __post_init__(self) -> None:
        for method, system in self.named.items():
            system.require(method)
        if self.compose and not composer(self.compose.experiment.objective).continues:
            raise BadInput(
                f"{self.compose.name} begins anew each time and continues no notes: take another "
                "composer, as music_transformer_score_render"
            )

    @property
    def named(self) -> dict[str, System]:
        """The systems by their method, in the order in which they work."""
        every = {"notes": self.notes, "compose": self.compose, "perform": self.perform}
        return {method: system for method, system in every.items() if system is not None}

    @property
    def instrument(self) -> NotePlayer:
        """What plays where no system does: the composer's own, else a piano."""
        from zoo.data.score_render.instrument import Instrument as SoundFont

        if self.compose:
            return composer(self.compose.experiment.objective).instrument
        return SoundFont(rate=_RATE)

    @property
    def rate(self) -> int:
        """Of the audio that comes out, Hz."""
        player = self.perform or self.compose
        return player.sample_rate if player else _RATE


def chain(
    audio: Any,
    rate: float | None = None,
    *,
    notes: System,
    compose: System | None = None,
    perform: System | None = None,
    seed: int = 0,
    **composing: Any,
) -> _Chained:
    """A recording, [T] or [T C] with its rate or a path, as notes that go on and are played.

    composing: seconds= (30), temperature=, top_k=, top_p= of the composer. Raises BadInput where a
    system lacks its method, or no notes are found.
    """
    if sounds.is_batch(audio):
        raise BadInput("a chain takes one recording at a time: call it for each")
    systems = Systems(notes, compose, perform)
    asked = check_composing(systems, composing)
    found = transcribed(systems, audio, rate)
    whole, begins = continued(systems, found, seed, asked)
    played = sounds.join_chunks(perform_notes(systems, whole, seed))[0]
    return _Chained(found, whole, begins, played, systems.rate)


def check_composing(systems: Systems, composing: dict[str, Any]) -> dict[str, Any]:
    """What is asked of the composer, whole. Raises BadInput where there is none to ask."""
    requests.check_argument_names("a chain takes", composing, COMPOSING)
    if systems.compose is None:
        for name in composing:
            raise BadInput(f"{name} is for a composer: name one (compose), or leave {name} out")
        return {}
    return {"seconds": _SECONDS, **composing}


def transcribed(systems: Systems, audio: Any, rate: float | None = None) -> Notes:
    """The notes of a recording. Raises BadInput where there are none."""
    found = systems.notes.notes(audio, rate)
    if not len(found["pitch"]):
        raise BadInput(
            f"{systems.notes.name} finds no notes in it: give music, or another system for notes"
        )
    return found


def continued(
    systems: Systems, found: Notes, seed: int, asked: dict[str, Any]
) -> tuple[Notes, float | None]:
    """(the notes and what follows them, the second at which it begins)."""
    if systems.compose is None:
        return found, None
    begins = float(np.max(found["offset"]))
    more = systems.compose.compose(notes=found, seed=seed, **asked)
    return append_notes(found, more, begins), begins


def perform_notes(systems: Systems, notes: Notes, seed: int, chunk: int = 16_384) -> Iterator[Any]:
    """Chunks [1 t C] of the notes and a second more, by what performs, else the sound font."""
    asked = {"seed": seed, "chunk": chunk}
    request = requests.performed(systems.rate, notes, asked)
    if systems.perform is None:
        return performing.render_performances([Performance(notes)], systems.instrument, request)
    objective = require_capability(Generative, systems.perform.experiment.objective)
    return objective.generate(systems.perform.trained.variables, request)
