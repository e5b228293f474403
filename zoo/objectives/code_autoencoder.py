"""An autoencoder of the codes of a frozen autoencoder: the next level of a hierarchy.

Dieleman et al. 2018, section 3.3. Player 'autoencoder'; 'below' is frozen and comes from its own
run by Experiment.initial.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.distributions import Tokens
from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives.autoencoder import QuantisedAutoencoder
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.objectives.levels import BELOW, TOP, Levels

SEQUENCE = "sequence"


@dataclass(frozen=True)
class CodeAutoencoder:
    """Mean nats per code that `below` gives for batch[`audio`] [B T 1], given `model`'s of these.

    model: as for `QuantisedAutoencoder`, its decoder's distribution Tokens of the codes below.
    """

    model: Network
    below: Network
    commitment: float = 0.0
    audio: str = "audio"

    needs_source: ClassVar[bool] = True
    from_source: ClassVar[str] = "reconstruct"

    def __post_init__(self) -> None:
        wanted = Tokens(self.below.codes)
        if self.model.decoder.distribution != wanted:
            raise BadInput(f"the upper level's distribution must be {wanted}: the codes below")

    @property
    def levels(self) -> Levels:
        return Levels(self.model, self.below)

    @property
    def receptive_field(self) -> int:
        """Samples of whose codes one prediction is made."""
        return self.below.span(self.model.receptive_field)

    @property
    def _own(self) -> QuantisedAutoencoder:
        return QuantisedAutoencoder(self.model, self.commitment, audio=SEQUENCE)

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        one, other = jax.random.split(rng)
        audio = batch[self.audio]
        codes = jnp.zeros((audio.shape[0], audio.shape[1] // self.below.hop, 1))
        begun = self._own.init(one, {SEQUENCE: codes})
        collections = dict(self.below.init(other, audio))
        frozen = {BELOW: collections.pop("params")}
        kept = {**begun.collections, **({BELOW: collections} if collections else {})}
        return Variables(begun.params, kept, frozen)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn(TOP, self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        (turn,) = self._own.turns
        value, (changed, metrics) = turn.loss(
            variables, self._sequence(variables, batch), rng, step
        )
        bits = metrics.pop("bits_per_sample")
        return value, (changed, {"bits_per_code": bits, **metrics})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B F] of the codes below given the clip's upper codes; 'codes': [B F] below}."""
        sequence = self._sequence(variables, batch)
        nats = self._own.predict(variables, sequence, rng)["nats"]
        codes = self.model.decoder.distribution.encode(sequence[SEQUENCE])[..., 0]
        return {"nats": nats, "codes": codes}

    def _sequence(self, variables: Variables, batch: Batch) -> Batch:
        return {SEQUENCE: self.levels.inputs(variables, batch[self.audio])}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source, made anew from its uppermost codes alone."""
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of its audio, in nats.

        It is that of the samples given the codes drawn below.
        """
        if request.source is None or request.prompt is not None:
            raise BadInput("an autoencoder takes a source and no prompt: give it --input alone")
        source = np.asarray(request.source, np.float32)
        length = request.length or len(source)
        if length > math.ceil(len(source) / self.levels.hop) * self.levels.hop:
            raise BadInput(f"the source has {len(source)} samples: ask for no more than those")
        codes = self.levels.encode(variables, source[:length])
        return self.levels.decode(variables, codes, request, length)
