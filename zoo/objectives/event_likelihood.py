"""Maximum likelihood of music as symbols under an autoregressive model; one player, 'model'.

Reads `events` [B T 1] of symbols and `known` [B T], 1 where there are some; a batch's mean is over
all of them, so that a long piece weighs more than a short one. What is drawn is decoded to notes,
which an instrument plays.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import flax.linen as nn
import jax
import numpy as np

from zoo.losses.likelihood import counted_mean
from zoo.objectives import one_network, performing
from zoo.objectives.base import (
    Batch,
    LossOutput,
    NotePlayer,
    Performance,
    Request,
    Turn,
    Variables,
)
from zoo.sampling import autoregressive

_DRAWN = 128  # symbols between two looks at how much time has passed
IDLE = 1024  # symbols in which no time passes: then a second does


class _Vocabulary(Protocol):
    """How symbols become notes; as zoo/data/event_sequences.py has it."""

    def encode(self, notes: Any) -> np.ndarray: ...

    def decode(self, events: np.ndarray) -> Any: ...

    def seconds(self, events: np.ndarray) -> float: ...


@dataclass(frozen=True)
class EventLikelihood:
    """Mean negative log-likelihood per symbol, in nats.

    model: symbols [B T 1] -> logits [B T Q], raw[t] made from symbols[:t] only; its `memory` says
    how many of a tune it can know, of which a tune to be continued fills half at most.
    rate: Hz of the instrument.
    """

    model: nn.Module
    vocabulary: _Vocabulary
    instrument: NotePlayer
    rate: int = 16_000

    continues = True
    shows = ("attention",)

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, batch["events"])

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        raw, changed = one_network.apply_in_training(
            self.model, variables, {"dropout": rng}, batch["events"]
        )
        nats = counted_mean(-self.model.distribution.log_prob(raw, batch["events"]), batch["known"])
        return nats, (changed, {"nats_per_event": nats})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T]}: negative log-likelihood of every symbol, zero where there is none."""
        raw = self.model.apply(variables.of("model"), batch["events"])
        nats = -self.model.distribution.log_prob(raw, batch["events"])
        return {"nats": nats * batch["known"].astype(nats.dtype)}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of audio: what is composed, played."""
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of all drawn symbols.

        All voices draw as many symbols, which is what makes them comparable.
        """
        performances = self.compose(variables, request)
        log_prob = np.array([p.log_prob for p in performances])
        for audio in performing.render_performances(performances, self.instrument, request):
            yield audio, log_prob

    def compose(self, variables: Variables, request: Request) -> list[Performance]:
        """As zoo/objectives/base.py has it; a voice's last notes end with the time asked for."""
        performing.check_composable(type(self.model).__name__, request, self.continues)
        seconds = request.length / self.rate
        events, log_prob = self._drawn(variables, request, seconds)
        notes = [performing.clip_notes(self.vocabulary.decode(voice), seconds) for voice in events]
        return [Performance(own, float(score)) for own, score in zip(notes, log_prob)]

    def _drawn(
        self, variables: Variables, request: Request, seconds: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """(symbols [count N], their log-likelihoods [count]) in which `seconds` pass everywhere."""
        chunks = autoregressive.generate_scored(
            self.model,
            variables.of("model"),
            length=0,
            count=request.count,
            seed=request.seed,
            rule=request.rule,
            engine=request.engine,
            prompt=None if request.notes is None else self._prompt(request.notes),
            chunk=_DRAWN,
        )
        drawn: list[np.ndarray] = []
        for chunk, log_prob in chunks:
            drawn.append(np.rint(chunk[..., 0]).astype(np.int32))
            events = np.concatenate(drawn, 1)
            idle = events.shape[1] / IDLE
            if min(self.vocabulary.seconds(voice) for voice in events) + idle >= seconds:
                return events, log_prob
        raise AssertionError("a stream without end has ended")

    def _prompt(self, notes: Any) -> np.ndarray:
        """The end of a tune as symbols [N 1], as the model takes them."""
        most = max(int(getattr(self.model, "memory", math.inf) / 2), 1)
        events = self.vocabulary.encode(notes)
        return events[-most:].astype(np.float32)[:, None]
