"""Autoencoders with discrete codes: the likelihood of audio given its own quantised latents.

van den Oord et al. 2017: cross-entropy of the decoder, the codebook pulled to the latents (unless
it follows moving averages), and the latents committed to their codes. Player 'autoencoder'. Watch
`perplexity` and `live`: they fall when the codebook collapses, and a strong decoder then ignores
the codes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from zoo.distributions import disturbed
from zoo.errors import BadInput
from zoo.layers.quantizer import codebook_usage
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Request, Tree, Turn, Variables
from zoo.sampling import autoregressive
from zoo.sampling.conditions import Upsampled

AUTOENCODER = "autoencoder"


@dataclass(frozen=True)
class QuantisedAutoencoder:
    """Mean nats per sample of batch[`audio`] [B T 1], and `commitment` x the latents' distance.

    model(audio) -> (raw [B T P], Quantised), with `encode`, `frames` and an autoregressive
    `decoder`. Distances are means over positions of the sum over channels, as the paper's; what the
    quantiser has of its own (`Quantised.penalty`) is added. speaker: the batch key of one-hot
    classes [B K]; voice i of a request speaks as class i mod K, which converts voices.
    disturbance: in training, the deviation in codes of noise on the past that the decoder reads,
    not on what it predicts nor on what the encoder takes: it leans on its codes.
    """

    model: Network
    commitment: float = 0.25
    audio: str = "audio"
    speaker: str | None = None
    disturbance: float | None = None

    needs_source: ClassVar[bool] = True
    from_source: ClassVar[str] = "reconstruct"
    shows: ClassVar[tuple[str, ...]] = ("codebook",)

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio, given = batch[self.audio], self._given(batch)
        return one_network.init_player(self.model, rng, audio, player=AUTOENCODER, **given)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn(AUTOENCODER, self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        audio = batch[self.audio]
        given, distribution = self._given(batch), self.model.decoder.distribution
        if self.disturbance:
            # Apart from the quantiser's numbers, which have the key as it is.
            key = jax.random.fold_in(rng, 1)
            given["past"] = disturbed(audio, distribution, self.disturbance, key)
        (raw, found), changed = one_network.apply_in_training(
            self.model, variables, {"codes": rng}, audio, player=AUTOENCODER, **given
        )
        nats = -jnp.mean(distribution.log_prob(raw, audio))
        stop = jax.lax.stop_gradient
        committed = _distance(found.latent, stop(found.vectors))
        # Codes that follow moving averages are no parameters: their pull has no gradient.
        pulled = _distance(stop(found.latent), found.vectors) if found.learnt else 0.0
        value = nats + self.commitment * committed + pulled + found.penalty
        perplexity, live = codebook_usage(found.codes, self.model.codes)
        metrics = {
            "bits_per_sample": nats / math.log(2),
            "commitment": committed,
            "perplexity": perplexity,
            "live": live,
        }
        return value, (changed, metrics)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T]} of every sample given the clip's codes; {'codes': [B F]}."""
        audio = batch[self.audio]
        raw, found = self.model.apply(variables.of(AUTOENCODER), audio, **self._given(batch))
        nats = -self.model.decoder.distribution.log_prob(raw, audio)
        return {"nats": nats, "codes": found.codes}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source, made anew from its codes alone."""
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of all so far, in nats."""
        if request.source is None or request.prompt is not None:
            raise BadInput("an autoencoder takes a source and no prompt: give it --input alone")
        own = variables.of(AUTOENCODER)
        source = np.asarray(request.source, np.float32)
        length = request.length or len(source)
        source = source[:length]
        codes = encode_audio(self.model, own, source)
        if codes.shape[1] * self.model.hop < length:
            raise BadInput(f"the source has {len(source)} samples: ask for no more than those")
        return decode_codes(self.model, own, codes, request, length, self.speaker is not None)

    def _given(self, batch: Batch) -> dict[str, Any]:
        return {} if self.speaker is None else {"speaker": jnp.argmax(batch[self.speaker], -1)}


def _distance(a: jax.Array, b: jax.Array) -> jax.Array:
    """Squared length of a - b, [B F L] twice -> (), over channels summed, over positions a mean."""
    return jnp.mean(jnp.sum(jnp.square(a - b), -1))


def encode_audio(model: Network, variables: Tree, audio: np.ndarray) -> jax.Array:
    """Audio [T 1] of any length, filled up with silence -> codes [1 F]."""
    if audio.ndim != 2 or audio.shape[1] != 1:
        raise BadInput(f"the autoencoder takes mono audio [T 1], not {audio.shape}; mix it down")
    spare = -len(audio) % model.hop
    padded = np.pad(audio, ((0, spare), (0, 0)))[None]
    return _encode(model, variables, padded)


@partial(jax.jit, static_argnames="model")
def _encode(model: Network, variables: Tree, audio: jax.Array) -> jax.Array:
    return model.apply(variables, audio, method="encode")


def decode_codes(
    model: Network,
    variables: Tree,
    codes: jax.Array,
    request: Request,
    length: int,
    speaks: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Codes [1 F] or [count F] -> chunks [count t 1], `length` samples together, their scores."""
    codes = jnp.broadcast_to(codes, (request.count, codes.shape[1]))
    constant = {}
    if speaks:
        constant["speaker"] = jnp.arange(request.count) % model.decoder.global_condition
    return autoregressive.generate_scored(
        model.decoder,
        {"params": variables["params"]["decoder"]},
        length=length,
        count=request.count,
        seed=request.seed,
        rule=request.rule,
        engine=request.engine,
        chunk=request.chunk,
        constant=constant,
        condition=Upsampled(codes, model, variables, "frames", getattr(model, "reach", 2)),
    )
