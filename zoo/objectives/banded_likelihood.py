"""Maximum likelihood of audio in bands, which an autoregressive model draws side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput
from zoo.objectives.base import Batch, Request, Variables
from zoo.objectives.likelihood import Autoregressive, Condition
from zoo.sampling.conditions import Upsampled
from zoo.signal import qmf

_BANDS = "bands"


@dataclass(frozen=True)
class BandedLikelihood(Autoregressive):
    """`Autoregressive` of a batch's audio [B T 1] in `model.bands` bands, interleaved.

    Nats are those of a density over amplitudes of the bands, per sample: of one volume with that of
    the audio, since the filters only turn phases. The condition is given the audio itself.
    """

    audio: str = _BANDS
    source: str = "audio"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return super().init(rng, self._split(batch))

    def _loss(self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array) -> Any:
        return super()._loss(variables, self._split(batch), rng, step)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B T]}: of the bands at the same time, interleaved."""
        return super().predict(variables, self._split(batch), rng)

    def scored(self, variables: Variables, request: Request) -> Iterator[tuple[Any, Any]]:
        """Chunks [count t 1] of audio, with the log-likelihood [count] of all bands so far."""
        merge = qmf.Merger(self.model.bands, request.count)
        hop = self.model.bands
        length = request.length or (0 if request.source is None else len(request.source))
        whole = -(-length // hop) * hop
        left = length
        for chunk, nats in super().scored(variables, replace(request, length=whole)):
            bands = np.asarray(chunk)[..., 0].reshape(len(chunk), -1, hop)
            audio = np.clip(merge(bands)[:, :left], -1, 1).astype(np.float32)
            left -= audio.shape[1]
            yield audio[..., None], nats

    def _split(self, batch: Batch) -> Batch:
        audio = batch[self.source]
        bands = qmf.split_bands(audio[..., 0], self.model.bands)
        return {**batch, self.audio: bands.reshape(len(audio), -1, 1)}

    def _followed(self, condition: Condition, variables: Variables, request: Request) -> Upsampled:
        if request.source is None:
            raise BadInput("this model follows a condition; give the audio to follow as the source")
        if request.prompt is not None:
            raise BadInput("a model that follows a source takes no prompt; leave one of them out")
        source = np.asarray(request.source, np.float32)
        missing = -len(source) % self.model.frame_hop
        source = np.pad(source, ((0, missing), (0, 0)))
        return self._upsampled(
            variables, condition({self.source: jnp.asarray(source)[None]}), request.count
        )

    def _upsampled(self, variables: Variables, features: jax.Array, count: int) -> Upsampled:
        own = variables.of("model")
        found = self.model.apply(own, features, method="conditioned")
        found = jnp.broadcast_to(found, (count, *found.shape[1:]))
        return Upsampled(found, self.model, own, method="quarters", reach=0)
