"""Negative log-likelihood of held-out music as symbols, per event and per note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import numpy as np

from zoo.data.event_sequences import EventCodec, held_segments, pad_events, split_events
from zoo.data.source import Example, Info, Source
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    paired_predictions,
    record_name,
)
from zoo.metrics import markov
from zoo.metrics.resampling import Scores


@dataclass(frozen=True)
class EventScore:
    """Sum of nats over all symbols of all pieces, divided by their number, and by that of notes.

    Pieces are cut into segments of `length` symbols, the last one shorter, each predicted from its
    own past alone. `predict` gets {'events': [B length 1], 'known': [B length]} and answers
    {'nats': [B length]}. source: whose training split gives the bars `order_0` and `order_1`, what
    counting symbols, and pairs of them, reaches in the same segments. held: a segment begins with
    the notes that sound there, which are not counted.
    """

    vocabulary: EventCodec
    length: int
    batch: int = 8
    source: Source | None = None
    held: bool = False

    @property
    def monitor(self) -> Monitor:
        return "nats_per_event", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict] = []
        names: list[str] = []
        pieces: list[np.ndarray] = []

        def examples() -> Iterator[tuple[tuple[dict, slice], HostBatch]]:
            for index, record in first(records, limit, progress):
                events = self.vocabulary.sequence(record)
                notes = self.vocabulary.begun(events)
                row = {"track": str(record["track"]), "events": len(events), "notes": notes}
                rows.append({**row, "nats": 0.0})
                names.append(record_name(record, index))
                for begun, segment in self._segments(events):
                    pieces.append(segment)
                    whole = np.concatenate([begun, segment])
                    counted = slice(len(begun), len(whole))
                    yield (rows[-1], counted), pad_events(whole, self.length)

        for (row, counted), output in paired_predictions(predict, examples(), self.batch):
            row["nats"] += float(np.asarray(output["nats"], np.float64)[counted].sum())
        return self._report(rows, names, pieces)

    def _segments(self, events: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(what only serves as context, what counts) of each segment."""
        if self.held:
            return held_segments(self.vocabulary, events, self.length)
        return ((events[:0], segment) for segment in split_events(events, self.length))

    def _report(self, rows: list[dict], names: list[str], pieces: list[np.ndarray]) -> Report:
        nats, events, notes = (
            np.array([row[key] for row in rows], np.float64) for key in ("nats", "events", "notes")
        )
        if not notes.sum():
            raise BadInput("no notes in this split that the vocabulary knows: choose another")
        metrics = {
            "nats_per_event": nats.sum() / events.sum(),
            "nats_per_note": nats.sum() / notes.sum(),
            **self._bars(pieces),
        }
        values = {"nats_per_event": nats / np.maximum(events, 1)}
        for row, value in zip(rows, values["nats_per_event"]):
            row["nats_per_event"] = value
        counts = {"pieces": len(rows), "events": int(events.sum()), "notes": int(notes.sum())}
        scores = Scores(np.array(names), values, weights=events)
        tables = {"per_piece": rows}
        return Report(metrics, self._sentence(), counts, tables, scores=scores)

    def _bars(self, pieces: list[np.ndarray]) -> dict[str, float]:
        if self.source is None:
            return {}
        first_of, table = _tables(cast(Any, self.source), cast(Any, self.vocabulary))
        every = np.tile(first_of, (len(first_of), 1))
        total = sum(len(piece) for piece in pieces)
        named = {"order_0": every, "order_1": table}
        return {
            f"nats_per_event_{name}": markov.nats(pieces, first_of, chances) / total
            for name, chances in named.items()
        }

    def _sentence(self) -> str:
        begun = ", after the notes that sound where it begins" if self.held else ""
        return (
            f"Negative log-likelihood in nats over all {self.vocabulary.count} symbols of all "
            f"pieces, in segments of {self.length} predicted each from its own past alone{begun}; "
            "divided by the number of symbols, and by that of notes."
        )


@lru_cache(maxsize=4)
def _tables(source: Any, vocabulary: Any) -> tuple[np.ndarray, np.ndarray]:
    """Chances of symbols, and of symbols after each, in the training split."""
    sequences = [vocabulary.sequence(record) for record in source.open("train")]
    chances = markov.order_0(sequences, vocabulary.count)
    return chances, markov.order_1(sequences, chances)
