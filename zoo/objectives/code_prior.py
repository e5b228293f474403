"""A prior over the codes of a frozen autoencoder: from the top down, codes first, then audio.

van den Oord et al. 2017, section 3.3; Dieleman et al. 2018. Player 'model' is any autoregressive
model whose distribution is `Tokens`. The autoencoder is frozen, as is the one whose codes it reads
where there are two levels; they come from their own runs by Experiment.initial.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.distributions import Tokens
from zoo.errors import BadInput
from zoo.layers.quantizer import codebook_usage
from zoo.network import Network
from zoo.objectives.base import Batch, LossOutput, Request, Turn, Variables
from zoo.objectives.levels import TOP, Levels
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule


@dataclass(frozen=True)
class CodePrior:
    """Mean nats per code of the codes [B F] that `autoencoder` gives for batch[`audio`] [B T 1].

    model: autoregressive over [B F 1], its distribution Tokens of as many symbols as the codebook
    has codes. autoencoder: with `encode`, `frames` and a `decoder`, as for its own
    objective. below: the autoencoder whose codes that one reads in place of audio.
    """

    model: Network
    autoencoder: Network
    audio: str = "audio"
    below: Network | None = None

    def __post_init__(self) -> None:
        wanted = Tokens(self.autoencoder.codes)
        if self.model.distribution != wanted:
            raise BadInput(f"the prior's distribution must be {wanted}: a symbol for each code")

    @property
    def levels(self) -> Levels:
        return Levels(self.autoencoder, self.below)

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        one, other = jax.random.split(rng)
        audio, hop = batch[self.audio], self.levels.hop
        own = self.levels.init(other, audio[:, : 64 * hop])
        frozen = {name: tree.pop("params") for name, tree in own.items()}
        codes = jnp.zeros((audio.shape[0], audio.shape[1] // hop, 1))
        params = self.model.init(one, codes)["params"]
        kept = {name: collections for name, collections in own.items() if collections}
        return Variables({"model": params}, kept, frozen)

    @property
    def receptive_field(self) -> int:
        """Samples whose codes one prediction sees."""
        return self.levels.span(self.model.receptive_field)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def codes(self, variables: Variables, audio: jax.Array) -> jax.Array:
        """Codes [B F] of audio [B T 1]; nothing learns through them."""
        inputs = self.levels.inputs(variables, audio)
        found = self.autoencoder.apply(variables.of(TOP), inputs, method="encode")
        return jax.lax.stop_gradient(found)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        codes = self.codes(variables, batch[self.audio])
        nats = jnp.mean(self._nats(variables, codes, train=True))
        perplexity, live = codebook_usage(codes, self.autoencoder.codes)
        metrics = {"bits_per_code": nats / math.log(2), "perplexity": perplexity, "live": live}
        return nats, ({}, metrics)

    def _nats(self, variables: Variables, codes: jax.Array, train: bool = False) -> jax.Array:
        """[B F] of codes [B F]."""
        sequence = self.model.distribution.decode(codes[..., None])
        raw = self.model.apply(variables.of("model"), sequence, train=train)
        return -self.model.distribution.log_prob(raw, sequence)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B F], of every code of each clip; 'codes': [B F]}."""
        codes = self.codes(variables, batch[self.audio])
        return {"nats": self._nats(variables, codes), "codes": codes}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1]: sampled codes, then audio that follows them.

        A prompt is encoded and continued as codes; the decoder goes through its end again, which is
        not given out. The temperature is that of codes and samples alike, all else of the rule that
        of the codes alone.
        """
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of the codes, in nats."""
        if request.source is not None:
            raise BadInput("a prior follows no source: give a prompt, or use the autoencoder's run")
        if not request.length:
            raise BadInput("a prior samples its codes first: ask for a length")
        hop = self.levels.hop
        before = self._prompt(variables, request.prompt)
        sequences = autoregressive.generate_scored(
            self.model,
            variables.of("model"),
            length=-(-request.length // hop),
            count=request.count,
            seed=request.seed,
            rule=request.rule,
            engine=request.engine,
            prompt=None if before is None else self._sequence(before),
            chunk=max(request.chunk // hop, 1),
        )
        drawn, scores = zip(*sequences)
        codes = self.model.distribution.encode(jnp.concatenate(drawn, 1))[..., 0]
        skipped = 0
        if before is not None:
            last = jnp.repeat(before[:, -self.levels.lead :], request.count, 0)
            codes, skipped = jnp.concatenate([last, codes], 1), last.shape[1] * hop
        # Another seed: else the noise of the first codes is that of the first samples.
        rule = SamplerRule(request.rule.temperature)
        other = replace(request, seed=request.seed + 2**31, rule=rule)
        decoded = self.levels.decode(variables, codes, other, skipped + request.length)
        chunks = (audio for audio, _ in decoded)
        return ((chunk, scores[-1]) for chunk in _without_first(chunks, skipped))

    def _prompt(self, variables: Variables, prompt: Any) -> jax.Array | None:
        """Codes [1 F] of the whole frames at the end of a prompt."""
        hop = self.levels.hop
        if prompt is None or len(prompt) < hop:
            return None
        prompt = np.asarray(prompt, np.float32)
        return self.levels.encode(variables, prompt[len(prompt) % hop :])

    def _sequence(self, codes: jax.Array) -> np.ndarray:
        return np.asarray(self.model.distribution.decode(codes[0, :, None]))


def _without_first(chunks: Iterator[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Chunks [B t C] less the first `count` samples of all."""
    for chunk in chunks:
        rest = chunk[:, count:]
        count = max(count - chunk.shape[1], 0)
        if rest.shape[1]:
            yield rest
