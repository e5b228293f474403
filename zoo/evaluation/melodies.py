"""How much of learnt melodies a network plays wrong by itself, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from zoo.data.source import Example, Info
from zoo.evaluation.base import Predict, Progress, Report, first


@dataclass(frozen=True)
class MelodyRecall:
    """`predict` gets {'plan': [1 M], 'slices': [1 T K]}, and answers {'slices': [1 T K]}."""

    @property
    def monitor(self) -> tuple[str, Literal["max", "min"]]:
        return "slice_errors", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows = []
        for _, record in first(records, limit, progress):
            asked = {key: np.asarray(record[key])[None] for key in ("plan", "slices")}
            played = np.asarray(predict(asked)["slices"])[0]
            wrong = (played != record["slices"]).any(1)
            rows.append({"track": str(record["track"]), "slice_errors": float(wrong.mean())})
        errors = float(np.mean([row["slice_errors"] for row in rows]))
        sentence = (
            "Share of slices in which the network, playing each melody by itself from its first "
            "slice on, has another pitch than the score, or begins a note where it does not."
        )
        return Report(
            {"slice_errors": errors}, sentence, {"melodies": len(rows)}, {"per_melody": rows}
        )
