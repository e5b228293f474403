"""Bits per sample of held-out audio given its notes, and given wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo.data.held_rolls import held
from zoo.data.note_rolls import shifted
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import Batch, Predict, Progress, Report
from zoo.evaluation.generation import Likelihood

WRONG = 6  # semitones: a tritone, the keys' least likely mistake


@dataclass(frozen=True)
class PlayedLikelihood(Likelihood):
    """As `Likelihood`; every window has the `roll` [F 88] of its notes beside it.

    hop: samples of a frame, of which `context` and `samples` are multiples. other: clips to be
    scored once more with all notes a tritone off; a model that is deaf to its notes loses nothing
    by it.
    """

    hop: int = 64
    other: int = 8
    moved: int = 0  # keys by which the notes are off

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples % self.hop or self.context % self.hop:
            raise BadInput(f"samples and context must be multiples of the hop, {self.hop}")

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        report = super().run(predict, records, info, limit=limit, progress=progress)
        if self.moved or not self.other:
            return report
        few = min(self.other, limit or self.other, len(records))
        parts = [replace(self, moved=moved, other=0) for moved in (0, WRONG)]
        right, wrong = (
            part.run(predict, records, info, limit=few).metrics["bits_per_sample"] for part in parts
        )
        report.metrics["bits_lost_by_wrong_notes"] = wrong - right
        return report

    def windows(self, record: Example, info: Info) -> Iterator[tuple[int, Batch]]:
        step = self.samples - self.context
        begin = -self.context if self.lead == "zeros" else 0
        for number, (counted, batch) in enumerate(super().windows(record, info)):
            start = (begin + number * step) / info.sample_rate
            notes = shifted(record["notes"], start, self.samples / info.sample_rate)
            roll = held(notes, self.samples // self.hop, self.hop / info.sample_rate)
            yield counted, {**batch, "roll": np.roll(roll, self.moved, axis=1)}

    def _sentence(self, info: Info) -> str:
        return (
            f"{super()._sentence(info)} bits_lost_by_wrong_notes: how many more the first "
            f"{self.other} clips take with all notes {WRONG} semitones off."
        )
