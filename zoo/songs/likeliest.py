"""Sampled clips with their log-likelihood under the model, to keep the likeliest of many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Request, Scored, Variables, check_holes, check_pitches, check_rule


@dataclass
class Clips:
    """The voices of a request on their way to files, some or all of them.

    keep: how many, the likeliest first; 0 keeps all in order. voices, log_prob: which the clips
    are and their log-likelihood in nats, None where the objective gives none; known at the end.
    """

    objective: Any
    request: Request
    keep: int = 0

    def __post_init__(self) -> None:
        count = self.request.count
        if self.keep > count:
            raise BadInput(f"--keep {self.keep} of --num {count}: draw more, or keep fewer")
        check_rule(self.objective, self.request)
        check_pitches(self.objective, self.request)
        check_holes(self.objective, self.request)
        if self.keep and not isinstance(self.objective, Scored):
            name = type(self.objective).__name__
            raise BadInput(f"{name} knows no likelihood of what it makes: leave --keep out")
        self.voices: list[int] = list(range(count))
        self.log_prob: np.ndarray | None = None

    def __len__(self) -> int:
        return self.keep or self.request.count

    def chunks(self, variables: Variables) -> Iterator[np.ndarray]:
        """Chunks [clips t C]; where some are kept one, at the end, after an interrupt, too."""
        if not isinstance(self.objective, Scored):
            yield from self.objective.generate(variables, self.request)
        elif self.keep:
            yield from self._best(variables)
        else:
            for chunk, log_prob in self.objective.scored(variables, self.request):
                self.log_prob = log_prob
                yield chunk

    def _best(self, variables: Variables) -> Iterator[np.ndarray]:
        chunks: list[np.ndarray] = []
        interrupt = None
        try:
            for chunk, log_prob in self.objective.scored(variables, self.request):
                chunks.append(chunk)
                self.log_prob = log_prob
        except KeyboardInterrupt as error:
            interrupt = error
        if chunks and self.log_prob is not None:
            self.voices = np.argsort(-self.log_prob, kind="stable")[: self.keep].tolist()
            yield np.concatenate(chunks, 1)[self.voices]
        if interrupt:
            raise interrupt

    def facts(self, place: int) -> dict[str, Any]:
        """What is known of the clip in that place."""
        voice = self.voices[place]
        known = {} if self.log_prob is None else {"log_prob_nats": float(self.log_prob[voice])}
        return {"voice": voice, **known}
