"""Optional methods of evaluations for a user's own audio, as runtime-checkable protocols.

An evaluation has any of these methods, or none; the front door, the scripts and the pages look for
the method and never for the class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar, runtime_checkable

import numpy as np

from zoo.audio.blocks import Blocks
from zoo.data.note_rolls import Notes
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import Predict

if TYPE_CHECKING:
    from zoo.songs.taggram import Embedded, Opens

_Kind = TypeVar("_Kind")


@runtime_checkable
class Tags(Protocol):
    """Names what is in audio; `samples` is what its model reads at a time."""

    samples: int
    batch: int
    key: str

    def taggrams(
        self, predict: Predict, songs: Iterable[Opens], info: Info
    ) -> Iterator[Any | BadInput]:
        """A `zoo.songs.taggram.Taggram` of each song, in order, or why there is none."""

    def embeddings(
        self, embed: Predict, songs: Iterable[Opens], info: Info
    ) -> Iterator[Embedded | BadInput]:
        """(starts [N] s, vectors [N D], the song's own [D]) of each, or why there is nothing."""


@runtime_checkable
class Separates(Protocol):
    """Takes mixtures apart; `how` is a Separator. oracle: only with the references at hand."""

    how: Any
    oracle: bool

    def stems(
        self, predict: Predict, song: Callable[[], Blocks], rate: int, **choices: Any
    ) -> dict[str, np.ndarray]:
        """Stems [T C] by name."""


@runtime_checkable
class Transcribes(Protocol):
    """Writes down notes; `windows` says how its model reads audio."""

    windows: Any
    decoder: Any

    def notes(self, predict: Predict, blocks: Iterator[np.ndarray], info: Info) -> Notes:
        """Notes of mono blocks [n 1] at the model's rate."""

    def decoded(self, rolls: Any, rate: int) -> Notes:
        """Notes of what the model gives for all of a piece."""


@runtime_checkable
class TracksPitch(Protocol):
    """Follows the pitch of one voice."""

    def curve(self, predict: Predict, audio: np.ndarray, info: Info) -> Any:
        """(times, frequency, confidence), each [F], of a signal [T] at the model's rate."""


@runtime_checkable
class WritesFiles(Protocol):
    """Writes what it finds in a file, for `evaluate.py --input`."""

    def predict_file(
        self, predict: Predict, path: str | Path, folder: str | Path, info: Info
    ) -> str:
        """Files in `folder`; the line that says what was found."""


def separates(evaluation: Any) -> TypeGuard[Separates]:
    """Whether it takes a song apart without being given the stems."""
    return isinstance(evaluation, Separates) and not evaluation.oracle


def require_capability(kind: type[_Kind], part: Any) -> _Kind:
    """An evaluation or objective as one of a kind. Raises BadInput where it is none."""
    if not isinstance(part, kind):
        raise BadInput(f"{type(part).__name__} has not what it takes: {kind.__doc__}")
    return part
