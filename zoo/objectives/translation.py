"""Music translation: a likelihood for each domain, of latents that do not say which domain it is.

Mor et al. 2019. Turn 'classifier': it names the domain by the latents of the clean clip. Turn
'model': encoder and decoders; the decoder of its domain predicts the clean clip from latents of the
augmented one, and the classifier's loss is taken off. Both have that loss at `confusion` times its
size, as the released code has it; its two steps share a batch, here each has a fresh one.
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

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Request, Tree, Turn, Variables, check_domain
from zoo.sampling import autoregressive
from zoo.sampling.conditions import Upsampled

_WINDOW = 40  # frames of a source that are encoded in one go


@dataclass(frozen=True)
class Translation:
    """Mean nats per sample of batch[`audio`] [B T 1] whose `domain` is [B] int; players as above.

    A batch has as many examples of each of the `domains`, in any order. augmented: the batch key of
    what the encoder reads in training. A request says in which `domain` it is to play.
    """

    model: Network
    classifier: Network
    domains: tuple[str, ...]
    confusion: float = 0.01
    audio: str = "audio"
    augmented: str = "augmented"
    domain: str = "domain"

    needs_source: ClassVar[bool] = True
    from_source: ClassVar[str] = "transfer"
    # The last layer's residual, which the published net has, leads nowhere.
    zero_gradient_at_init: ClassVar[tuple[str, ...]] = ("unused_residual",)

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        audio = batch[self.audio][:1]  # of any batch: parameters depend on no audio
        every = jnp.broadcast_to(audio, (len(self.domains), *audio.shape))
        made = one_network.init_player(self.model, rng, every)
        latents = jax.eval_shape(self._encoded, made, batch[self.audio])
        blank = jnp.zeros(latents.shape, latents.dtype)
        own = one_network.init_player(self.classifier, rng, blank, player="classifier")
        return Variables({**made.params, **own.params})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return Turn("classifier", self._names), Turn("model", self._plays)

    def _names(self, variables: Variables, batch: Batch, rng: jax.Array, step: Any) -> LossOutput:
        """The classifier's step: cross-entropy of the domain, given latents of the clean clip."""
        latents = self._encoded(variables, batch[self.audio])
        loss, right = self._classified(variables, latents, batch[self.domain])
        return self.confusion * loss, ({}, {"classifier_right": right})

    def _plays(self, variables: Variables, batch: Batch, rng: jax.Array, step: Any) -> LossOutput:
        """The step of encoder and decoders."""
        audio, seen = (self._by_domain(batch, key) for key in (self.audio, self.augmented))
        raw, latents = self.model.apply(variables.of("model"), audio, seen, train=True)
        nats = -jnp.mean(self.model.decoder.distribution.log_prob(raw, audio))
        flat = latents.reshape(-1, *latents.shape[2:])
        domain = jnp.repeat(jnp.arange(len(self.domains)), latents.shape[1])
        loss, _ = self._classified(variables, flat, domain)
        metrics = {"bits_per_sample": nats / math.log(2), "domain_nats": loss}
        return nats - self.confusion * loss, ({}, metrics)

    def _classified(
        self, variables: Variables, latents: jax.Array, domain: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """(mean cross-entropy, share of examples whose domain is found) of latents [B F L]."""
        logits = self.classifier.apply(variables.of("classifier"), latents)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), domain[:, None], -1)
        return -jnp.mean(chosen), jnp.mean(logits.argmax(-1) == domain)

    def _encoded(self, variables: Variables, audio: jax.Array) -> jax.Array:
        return self.model.apply(variables.of("model"), audio, method="encode")

    def _by_domain(self, batch: Batch, key: str) -> jax.Array:
        """A batch's array [B ...] with the examples of each domain together, [K b ...]."""
        if key not in batch:
            raise BadInput(f"translation reads '{key}' and a batch has {', '.join(batch)}")
        count, array = len(self.domains), batch[key]
        if len(array) % count:
            raise BadInput(f"a batch of {len(array)} is no multiple of {count} domains: choose one")
        order = jnp.argsort(batch[self.domain], stable=True)
        return jnp.take(array, order, 0).reshape(count, -1, *array.shape[1:])

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T]} of every sample, by the decoder of the example's own domain."""
        own, audio = variables.of("model"), batch[self.audio]
        latents = self._encoded(variables, audio)

        def one(example: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
            x, z, domain = example
            raw = self.model.decoder.apply(decoder_of(own, domain), x[None], z[None])
            return -self.model.decoder.distribution.log_prob(raw, x[None])[0]

        return {"nats": jax.lax.map(one, (audio, latents, batch[self.domain]))}

    def generate(self, variables: Variables, request: Request) -> Iterator[Any]:
        """Chunks [count t 1] of the source, played in the domain."""
        return (audio for audio, _ in self.scored(variables, request))

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """The chunks of `generate`, each with the log-likelihood [count] of all so far, in nats."""
        check_domain(self, request)
        if request.source is None or request.prompt is not None:
            raise BadInput("translation takes a source and no prompt: give it --input alone")
        source = np.asarray(request.source, np.float32)
        length = request.length or len(source)
        if len(source) < length:
            raise BadInput(f"the source has {len(source)} samples: ask for no more than those")
        own = variables.of("model")
        latents = encoded(self.model, own, source[:length])
        every = jnp.broadcast_to(latents, (request.count, *latents.shape[1:]))
        decoder, weights = self.model.decoder, _decoder(own, self.domains.index(request.domain))
        return autoregressive.generate_scored(
            decoder,
            weights,
            length=length,
            count=request.count,
            seed=request.seed,
            rule=request.rule,
            engine=request.engine,
            chunk=request.chunk,
            condition=Upsampled(every, decoder, weights, reach=0),
        )


def decoder_of(variables: Tree, domain: jax.Array) -> Tree:
    """The variables of the decoder of one domain, out of the stack of all."""
    own = variables["params"]["decoder"]
    return {"params": jax.tree.map(lambda x: jnp.take(x, domain, 0), own)}


_decoder = jax.jit(decoder_of)


def encoded(model: Network, variables: Tree, audio: np.ndarray) -> jax.Array:
    """Latents [1 F L] of audio [T 1] of any length, window after window, in one program.

    A window is read with as much around it as its frames are made of; the last frame is filled up
    with silence, which also stands before the beginning.
    """
    if audio.ndim != 2 or audio.shape[1] != 1:
        raise BadInput(f"translation takes mono audio [T 1], not {audio.shape}; mix it down")
    pool = model.encoder.pool
    around = -(-model.encoder.reach // pool)
    frames = -(-len(audio) // pool)
    windows = -(-frames // _WINDOW)
    spare = windows * _WINDOW * pool - len(audio)
    padded = np.pad(audio, ((around * pool, spare + around * pool), (0, 0)))
    span = (_WINDOW + 2 * around) * pool
    parts = [
        _window(model, around, variables, padded[None, first : first + span])
        for first in range(0, windows * _WINDOW * pool, _WINDOW * pool)
    ]
    return jnp.concatenate(parts, 1)[:, :frames]


@partial(jax.jit, static_argnums=(0, 1))
def _window(model: Network, around: int, variables: Tree, audio: jax.Array) -> jax.Array:
    return model.apply(variables, audio, method="encode")[:, around : around + _WINDOW]
