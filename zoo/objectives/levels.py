"""Discrete autoencoders one above another: codes of codes, and back down to audio.

Dieleman et al. 2018, section 3.3: each level is learnt by itself, after the one below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.network import Network
from zoo.objectives import autoencoder as autoencoders
from zoo.objectives.base import Request, Tree, Variables
from zoo.sampling.rule import SamplerRule

TOP, BELOW = autoencoders.AUTOENCODER, "below"


@dataclass(frozen=True)
class Levels:
    """`top` reads audio or, where there is one, the codes of `below`; the names of their variables.

    Both have `hop`, `codes`, `span`, `encode`, `frames` and a `decoder`.
    """

    top: Network
    below: Network | None = None

    @property
    def hop(self) -> int:
        """Samples that a code of the top stands for."""
        return self.top.hop * (self.below.hop if self.below is not None else 1)

    def span(self, codes: int) -> int:
        """Samples of which so many neighbouring codes of the top are made."""
        inputs = self.top.span(codes)
        return inputs if self.below is None else self.below.span(inputs)

    @property
    def lead(self) -> int:
        """Codes of the top that all decoders go through before their output follows them alone."""
        samples = self.top.decoder.receptive_field
        if self.below is not None:
            samples = samples * self.below.hop + self.below.decoder.receptive_field
        return -(-samples // self.hop)

    def init(self, rng: jax.Array, audio: jax.Array) -> dict[str, Tree]:
        """Variables of both by name, from audio [B T 1] of some 64 codes."""
        one, other = jax.random.split(rng)
        if self.below is None:
            return {TOP: dict(self.top.init(one, audio))}
        codes = jnp.zeros((audio.shape[0], audio.shape[1] // self.below.hop, 1))
        return {TOP: dict(self.top.init(one, codes)), BELOW: dict(self.below.init(other, audio))}

    def inputs(self, variables: Variables, audio: jax.Array) -> jax.Array:
        """What the top reads of audio [B T 1]: it, or the codes below [B F 1]; no gradient."""
        if self.below is None:
            return audio
        codes = self.below.apply(variables.of(BELOW), audio, method="encode")
        symbols = self.top.decoder.distribution.decode(codes[..., None])
        return jax.lax.stop_gradient(symbols)

    def encode(self, variables: Variables, audio: np.ndarray) -> jax.Array:
        """Audio [T 1] of any length, filled up with silence -> codes of the top [1 F]."""
        audio = np.pad(audio, ((0, -len(audio) % self.hop), (0, 0)))
        if self.below is not None:
            codes = autoencoders.encode_audio(self.below, variables.of(BELOW), audio)
            audio = np.asarray(self.top.decoder.distribution.decode(codes[0, :, None]))
        return autoencoders.encode_audio(self.top, variables.of(TOP), audio)

    def decode(
        self, variables: Variables, codes: jax.Array, request: Request, length: int
    ) -> Iterator[tuple[Any, Any]]:
        """Codes [1 F] or [count F] -> chunks [count t 1], `length` samples together, their scores.

        Codes below are drawn first, at the temperature of the request's rule alone.
        """
        if self.below is None:
            return autoencoders.decode_codes(self.top, variables.of(TOP), codes, request, length)
        # Another seed: else the noise of the first codes is that of the first samples.
        rule = SamplerRule(request.rule.temperature)
        other = replace(request, seed=request.seed + 2**30, rule=rule)
        count = -(-length // self.below.hop)
        drawn = autoencoders.decode_codes(self.top, variables.of(TOP), codes, other, count)
        sequence = jnp.concatenate([chunk for chunk, _ in drawn], 1)
        codes = self.top.decoder.distribution.encode(sequence)[..., 0]
        return autoencoders.decode_codes(self.below, variables.of(BELOW), codes, request, length)
