"""Bits per sample of held-out audio given its notes, and given wrong ones; notes in tune."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo.data.held_rolls import Roll, held_roll
from zoo.data.note_rolls import Notes, notes_between
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Predict,
    Progress,
    Report,
    first,
    in_batches,
    unpadded_audio,
)
from zoo.evaluation.generation import Likelihood
from zoo.metrics.steady_pitch import cents_off
from zoo.tuning import hertz_of_note

WRONG = 6  # semitones: a tritone, the keys' least likely mistake
_CLOSE = 20.0  # cents that a listener accepts
STROKE, _SHORTEST, _LONGEST = 0.03, 0.15, 0.4  # seconds: left out; of a note that counts; looked at


@dataclass(frozen=True)
class PlayedLikelihood(Likelihood):
    """As `Likelihood`; every window has the `roll` of its notes beside it.

    hop: samples of a frame, of which `context` and `samples` are multiples. other: clips to be
    scored once more with all notes a tritone off; a model that is deaf to its notes loses nothing
    by it. roll: how notes become one. played: clips whose first `seconds` are played from the notes
    alone: `predict` then gets {'roll': [B F ...], 'index': [B]} and answers {'audio': [B T 1]}.
    """

    hop: int = 64
    other: int = 8
    moved: int = 0  # keys by which the notes are off
    roll: Roll = held_roll
    played: int = 0
    seconds: float = 4.0

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
        if self.other:
            few = min(self.other, limit or self.other, len(records))
            report.metrics["bits_lost_by_wrong_notes"] = self._lost(predict, records, info, few)
        if self.played:
            few = min(self.played, limit or self.played, len(records))
            report.metrics.update(self._in_tune(predict, records, info, few))
        return report

    def _lost(self, predict: Predict, records: Sequence[Example], info: Info, few: int) -> float:
        parts = [replace(self, moved=moved, other=0, played=0) for moved in (0, WRONG)]
        right, wrong = (
            part.run(predict, records, info, limit=few).metrics["bits_per_sample"] for part in parts
        )
        return wrong - right

    def windows(self, record: Example, info: Info) -> Iterator[tuple[int, HostBatch]]:
        step = self.samples - self.context
        begin = -self.context if self.lead == "zeros" else 0
        for number, (counted, batch) in enumerate(super().windows(record, info)):
            start = (begin + number * step) / info.sample_rate
            notes = notes_between(record["notes"], start, self.samples / info.sample_rate)
            yield counted, {**batch, "roll": self._rolled(notes, self.samples, info)}

    def _rolled(self, notes: Notes, samples: int, info: Info) -> np.ndarray:
        moved = {**notes, "pitch": np.asarray(notes["pitch"]) + self.moved}
        return self.roll(moved, samples // self.hop, self.hop / info.sample_rate)

    def _in_tune(
        self, predict: Predict, records: Sequence[Example], info: Info, few: int
    ) -> dict[str, float]:
        """Shares of notes in tune: of what is played, of the recordings, of wrong notes in them."""
        rate = info.sample_rate
        samples = int(self.seconds * rate) // self.hop * self.hop
        clips = [record for _, record in first(records, few, None)]
        asked = [_of_clip(record["notes"], samples / rate) for record in clips]
        batches = [
            {"roll": self._rolled(notes, samples, info), "index": np.asarray(index, np.int32)}
            for index, notes in enumerate(asked)
        ]
        made = [output["audio"] for output in in_batches(predict, batches, self.batch)]
        real = [unpadded_audio(record)[:samples] for record in clips]
        return {
            "in_tune": in_tune(made, asked, rate),
            "in_tune_recorded": in_tune(real, asked, rate),
            "in_tune_floor": in_tune(real, asked, rate, WRONG),
        }

    def _sentence(self, info: Info) -> str:
        played = (
            f" in_tune: share of the notes of {_SHORTEST} s and more, asked for in the first "
            f"{self.seconds:.0f} s of the first {self.played} clips and played by the model alone, "
            f"that sound within {_CLOSE:.0f} cents of their key (steady_pitch.cents_off); "
            f"in_tune_recorded: the same of the recordings, in_tune_floor: of notes {WRONG} "
            "semitones off in these."
        )
        return (
            f"{super()._sentence(info)} bits_lost_by_wrong_notes: how many more the first "
            f"{self.other} clips take with all notes {WRONG} semitones off."
            f"{played if self.played else ''}"
        )


def _of_clip(notes: Notes, seconds: float) -> Notes:
    """The notes that begin in the first `seconds` of a clip, ended by then."""
    some = notes_between(notes, 0.0, seconds)
    kept = some["onset"] >= 0
    cut = {name: column[kept] for name, column in some.items()}
    return {**cut, "offset": np.minimum(cut["offset"], np.float32(seconds))}


def in_tune(
    clips: Sequence[np.ndarray], notes: Sequence[Notes], rate: int, moved: int = 0
) -> float:
    """Share of the notes of clips [T 1] that sound near the pitch of their key, moved by semitones.

    Between 30 ms and .4 s after their stroke, as long as they are held; others may sound along.
    NaN where no note lasts long enough.
    """
    right: list[bool] = []
    for clip, some in zip(clips, notes):
        columns = (some[name] for name in ("onset", "offset", "pitch"))
        for onset, offset, key in zip(*columns):
            if offset - onset < _SHORTEST:
                continue
            begin, end = onset + STROKE, min(offset, onset + _LONGEST)
            span = clip[int(begin * rate) : int(end * rate), 0]
            right.append(abs(cents_off(span, rate, float(hertz_of_note(key + moved)))) <= _CLOSE)
    return float(np.mean(right)) if right else float("nan")
