"""Protocols of objectives: their variables, the turns of their players, and optional methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, runtime_checkable

import flax.struct
import jax

from zoo import vocabulary
from zoo.errors import BadInput
from zoo.sampling.rule import AS_LEARNT, SamplerRule

Batch = dict[str, jax.Array]
Tree = Any
Metrics = dict[str, jax.Array]
LossOutput = tuple[jax.Array, tuple[Tree, Metrics]]  # (value, (new collections, metrics))
_Loss = Callable[["Variables", Batch, jax.Array, jax.Array], LossOutput]


class Variables(flax.struct.PyTreeNode):
    """All arrays of an objective.

    params: trained or fitted, per player. collections: moving statistics, codebooks, carries, per
    player. frozen: parameters that nothing changes (a teacher), per name.
    """

    params: dict[str, Tree]
    collections: dict[str, Tree] = flax.struct.field(default_factory=dict)
    frozen: dict[str, Tree] = flax.struct.field(default_factory=dict)

    def of(self, player: str) -> Tree:
        """The variables dict that `module.apply` takes for one player or frozen network."""
        own = self.params[player] if player in self.params else self.frozen[player]
        return {"params": own, **self.collections.get(player, {})}


@dataclass(frozen=True)
class Turn:
    """One player's optimiser step on a fresh batch.

    loss(variables, batch, rng, step) -> `LossOutput`; its value is differentiated with respect to
    `variables.params[player]` only. The new collections are those of the players that changed some.
    begin: rounds that go by before its first; until then it is left out and draws no batch. The
    last turn of a round counts it, so it begins at 0.
    """

    player: str
    loss: _Loss
    repeat: int = 1
    begin: int = 0


class Objective(Protocol):
    """A training objective: a frozen dataclass of modules and loss weights. All methods are pure.

    It may also have
      zero_gradient_at_init: tuple[str, ...]  parts of the paths of parameters whose gradient is
        zero at initialisation, and why in a comment; the tests of all configs accept no others
      fit, describe  instead of turns: see FittedAtOnce
      initialize(variables, batches) -> Variables  a pass over the training split before step 0, on
        host batches: statistics, whitening, codebooks, layer-wise pretraining
      uses_all = True  all players are needed after training, not the first network alone
      held_out_loss(variables, batch, rng) -> {"loss": [B]}  what monitor=("loss", "min") selects by
    """

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        """Variables from a real first batch. Jittable."""

    @property
    def turns(self) -> tuple[Turn, ...]: ...

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """What evaluation reads, for instance {'prediction': [B K]} or {'nats': [B]}."""


@dataclass(frozen=True)
class Request:
    """What `sample.py` asks a generative objective for."""

    length: int  # samples; 0 means without end
    count: int = 1  # voices, generated as one batch
    seed: int = 0
    rule: SamplerRule = AS_LEARNT  # how symbols or samples are chosen
    prompt: Any = None  # audio [T C] float32 at the model's rate, that the output continues
    source: Any = None  # audio [T C] float32 to vocode, transform or reconstruct
    notes: Any = None  # {onset, offset (s), pitch, velocity} [n] to continue, or to play
    pitches: tuple[int, ...] = ()  # MIDI numbers of the notes that an instrument is to make
    domain: str = ""  # in which of the objective's `domains` a source is to be played
    holes: tuple[tuple[int, int], ...] = ()  # of the source, in samples, that are to be filled
    frames: Any = None  # [F M] of a vocoder's own front end, in place of a source
    text: str | None = None  # to be spoken, a line at a time; `length` 0 is as long as it takes
    chunk: int = 16_000  # samples per chunk handed out
    engine: str = "auto"  # what draws samples one by one: zoo/sampling/engines.py


@runtime_checkable
class Generative(Protocol):
    """An objective that makes audio, out of nothing or a prompt.

    One that makes it of `request.source`, as a vocoder does, says `needs_source = True`: whoever
    calls it asks for that before, and so do the examples at the end of a training. What that is
    called it may say in `from_source`: 'vocode' (where it says nothing), 'reconstruct', 'transfer',
    'process'.
    """

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Consecutive chunks [count t C] float32 in [-1, 1]; together exactly `length` samples."""


@runtime_checkable
class Embedding(Protocol):
    """An objective whose network gives a vector for an example."""

    def embed(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'embedding': [B D]} of what `predict` reads."""


@dataclass(frozen=True)
class Performance:
    """What a composer made: notes {onset, offset (s), pitch, velocity} [n], in order of onset.

    log_prob: of all symbols that were drawn, in nats; None where the composer has no likelihood.
    """

    notes: Any
    log_prob: float | None = None


class NotePlayer(Protocol):
    """Plays notes: zoo/data/score_render/instrument.py."""

    def play(self, notes: Any, first: int, samples: int) -> Any:
        """Samples first .. first + samples of the notes played from time 0, [samples 1] float32."""


@runtime_checkable
class Composing(Protocol):
    """A generative objective that makes notes: they are written as MIDI, and played.

    `generate` plays what `compose` gives (zoo/objectives/performing.py). One that can go on from
    notes that are given says `continues = True`.
    """

    instrument: NotePlayer
    continues: bool

    def compose(self, variables: Variables, request: Request) -> list[Performance]:
        """A performance for each voice, of `length` samples at the rate of the instrument.

        After `request.notes`, if any, times count from where these end.
        """


@runtime_checkable
class Pitched(Protocol):
    """A generative objective that makes notes of given pitches, as audio.

    `generate` takes `request.pitches`, or plays the tune `request.notes`; `pitches` are the MIDI
    numbers that it has learnt.
    """

    pitches: range


@runtime_checkable
class Domained(Protocol):
    """A generative objective that plays a source in one of several domains, `request.domain`."""

    domains: tuple[str, ...]


def check_domain(objective: Any, request: Request) -> None:
    """Raises BadInput where a domain is asked for that is not there, or none where one must be."""
    if not isinstance(objective, Domained):
        if request.domain:
            raise BadInput(f"{type(objective).__name__} has no domains: leave the domain out")
    elif not request.domain:
        raise BadInput(f"give the domain in which it is to play: {', '.join(objective.domains)}")
    else:
        vocabulary.choose_name(request.domain, objective.domains, "domain")


def check_pitches(objective: Any, request: Request) -> None:
    """Raises BadInput where pitches are asked for that are not there to be had."""
    if request.pitches and not isinstance(objective, Pitched):
        raise BadInput(f"{type(objective).__name__} takes no pitches: leave them out")


def check_holes(objective: Any, request: Request) -> None:
    """Raises BadInput where holes are to be filled and the objective, not `fills_holes`, cannot."""
    if request.holes and not getattr(objective, "fills_holes", False):
        raise BadInput(f"{type(objective).__name__} fills no holes: leave them out")


def composer(objective: Any) -> Composing:
    """The objective, if it composes. Raises BadInput for others."""
    if not isinstance(objective, Composing):
        raise BadInput(f"{type(objective).__name__} makes no notes: choose a system that composes")
    return objective


@runtime_checkable
class FittedAtOnce(Protocol):
    """An objective that is fitted to a whole split, without turns."""

    def describe(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """What of a batch `fit` is given, [B ...] each, beside its labels."""

    def fit(
        self, variables: Variables, train: Tree, held: Tree, progress: Callable[[int, int], None]
    ) -> Variables:
        """The variables for the training and the validation split, as host arrays [N ...]."""


def follows_source(objective: Any) -> TypeGuard[Generative]:
    """Whether an objective makes audio of audio that is given to it."""
    return isinstance(objective, Generative) and bool(getattr(objective, "needs_source", False))


def plays_notes(objective: Any) -> TypeGuard[Generative]:
    """Whether an objective makes audio of `request.notes`: it says `needs_notes = True`."""
    return isinstance(objective, Generative) and bool(getattr(objective, "needs_notes", False))


def plays_tunes(objective: Any) -> TypeGuard[Generative]:
    """Whether an objective plays `request.notes`, as all it does or beside single notes."""
    pitched = isinstance(objective, Generative) and isinstance(objective, Pitched)
    return plays_notes(objective) or pitched


def speaks(objective: Any) -> TypeGuard[Generative]:
    """Whether an objective makes audio of `request.text`: it says `needs_text = True`."""
    return isinstance(objective, Generative) and bool(getattr(objective, "needs_text", False))


@runtime_checkable
class Scored(Protocol):
    """A generative objective that knows how likely its model holds what it draws."""

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of all so far, in nats."""


def check_rule(objective: Any, request: Request) -> None:
    """Raises BadInput where a request limits symbols and the objective draws none."""
    if not isinstance(objective, Scored):
        request.rule.temperature_alone(type(objective).__name__)
