"""How well a critic tells how much of a melody was spoilt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.score_render.scored_melodies import redraw_slices
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    paired_predictions,
)


@dataclass(frozen=True)
class CriticScore:
    """`predict` gets {'slices': [B T K]} and answers {'score': [B]}.

    Every record is spoilt once, by the numbers that its place in the split seeds.
    """

    batch: int = 64

    @property
    def monitor(self) -> Monitor:
        return "score_error", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        def examples() -> Iterator[tuple[dict, HostBatch]]:
            for index, record in first(records, limit, progress):
                made, true = redraw_slices(np.random.default_rng(index), record["slices"])
                yield {"track": str(record["track"]), "true": true}, {"slices": made}

        rows = [
            {**row, "score": float(output["score"])}
            for row, output in paired_predictions(predict, examples(), self.batch)
        ]
        if len(rows) < 2:
            raise BadInput("two melodies or more are needed to judge a critic: raise the limit")
        true, found = (np.array([row[key] for row in rows]) for key in ("true", "score"))
        metrics = {
            "score_error": float(np.sqrt(np.square(found - true).mean())),
            "score_error_of_their_mean": float(true.std()),
        }
        sentence = (
            "Root of the mean squared distance between the critic's score and the share of slices "
            "that are as written, each melody spoilt once; beside it what their mean as a constant "
            "reaches."
        )
        return Report(metrics, sentence, {"melodies": len(rows)}, {"per_melody": rows})
