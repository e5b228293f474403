"""Negative log-likelihood per step of held-out piano rolls, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.rolls import pad_roll
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import Monitor, Predict, Progress, Report, first, record_name
from zoo.metrics.resampling import Scores


@dataclass(frozen=True)
class RollScore:
    """Sum of nats over all steps of all pieces but their first ones, divided by their number.

    Every piece is predicted whole, from its own past alone; `predict` gets {'roll': [1 T K],
    'known': [1 T]}, T one of `lengths`, and answers {'nats': [1 T-1]}.
    """

    lengths: tuple[int, ...]

    @property
    def monitor(self) -> Monitor:
        return "nats_per_step", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict[str, Any]] = []
        names = []
        for index, record in first(records, limit, progress):
            steps = len(record["roll"]) - 1
            example = pad_roll(record["roll"], self.lengths)
            output = predict({key: value[None] for key, value in example.items()})
            nats = float(np.asarray(output["nats"], np.float64)[0, :steps].sum())
            each = nats / max(steps, 1)
            rows.append({"track": str(record["track"]), "steps": steps, "nats_per_step": each})
            names.append(record_name(record, index))
        if not sum(row["steps"] for row in rows):
            raise BadInput("no piece of two steps or more: choose another split.")
        return self._report(rows, names, info)

    def _report(self, rows: list[dict], names: list[str], info: Info) -> Report:
        values = np.array([row["nats_per_step"] for row in rows])
        steps = np.array([row["steps"] for row in rows])
        metrics = {"nats_per_step": float(values @ steps / steps.sum())}
        sentence = (
            f"Negative log-likelihood per step in nats, summed over {info.channels} keys as "
            "Bernoulli variables, each step from all before it in its piece; total over all pieces "
            "divided by their steps, first steps left out (Bai, Kolter, Koltun 2018)."
        )
        scores = Scores(np.array(names), {"nats_per_step": values}, weights=steps)
        counts = {"pieces": len(rows), "steps": int(steps.sum())}
        return Report(metrics, sentence, counts, {"per_piece": rows}, scores=scores)
