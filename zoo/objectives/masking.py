"""Networks that estimate spectra of sources, magnitudes or complex, compared as spectrograms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from zoo.losses.waveform import l1
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Turn, Variables
from zoo.objectives.supervised import Supervised

_HostBatch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Masking:
    """The model's `estimates` of the mixture against its `targets` of the stems; one player.

    Both are [B F N S C] float32: magnitudes, or real and imaginary parts one behind the other along
    the bins (`zoo.signal.stft.real_and_imaginary`), so that every loss of spectrograms fits: l2 is
    the mean over both parts. Evaluation takes the model's audio, [B T S C]. loss: ([B F N S C]
    twice) -> [B].
    """

    model: Network
    loss: Callable[[jax.Array, jax.Array], jax.Array] = l1
    input: str = "mixture"
    target: str = "stems"
    zero_gradient_at_init: tuple[str, ...] = ()  # layers of a published layout that have no effect

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return self._audio().init(rng, batch)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    @property
    def initialize(self) -> Callable[[Variables, Iterator[_HostBatch]], Variables] | None:
        """For models that begin with statistics of the mixtures' magnitudes: the pass for them."""
        return self._with_statistics if hasattr(self.model, "with_statistics") else None

    def _with_statistics(self, variables: Variables, batches: Iterator[_HostBatch]) -> Variables:
        """Mean and deviation of every bin [N], over frames and the mean of channels, in float64."""
        count, total, squares = 0, 0.0, 0.0
        for batch in batches:
            found = np.asarray(self._targets(batch[self.input]), np.float64)
            mono = found.mean((3, 4)).reshape(-1, found.shape[2])
            count += len(mono)
            total, squares = total + mono.sum(0), squares + np.square(mono).sum(0)
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0))
        learnt = self.model.with_statistics(variables.params["model"], mean, deviation)
        return variables.replace(params={**variables.params, "model": learnt})

    @partial(jax.jit, static_argnums=0)
    def _targets(self, mixture: jax.Array) -> jax.Array:
        """The mixture [B T C] as a single source, [B F N 1 C]."""
        return self.model.apply({}, mixture[..., None, :], method="targets")

    def held_out_loss(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'loss': [B]}, without dropout and with the running statistics."""
        given = variables.of("model")
        estimates = self.model.apply(given, batch[self.input], method="estimates")
        targets = self.model.apply({}, batch[self.target], method="targets")
        return {"loss": self.loss(estimates, targets)}

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        mix, rngs = batch[self.input], {"dropout": rng}
        estimates, changed = one_network.apply_in_training(
            self.model, variables, rngs, mix, method="estimates"
        )
        targets = self.model.apply({}, batch[self.target], method="targets")
        value = jnp.mean(self.loss(estimates, targets))
        return value, (changed, {})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        return self._audio().predict(variables, batch, rng)

    def _audio(self) -> Supervised:
        return Supervised(self.model, self.loss, self.input, self.target)
