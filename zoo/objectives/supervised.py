"""One network, one target: tagging, separation, transcription, synthesis from controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import one_network
from zoo.objectives.base import Batch, LossOutput, Turn, Variables
from zoo.objectives.penultimate import penultimate
from zoo.signal import framing


def _raw(output: jax.Array) -> jax.Array:
    """The output as it is."""
    return output


def sigmoid(output: jax.Array) -> jax.Array:
    """Logits to probabilities of independent labels."""
    return jax.nn.sigmoid(output)


def softmax(output: jax.Array) -> jax.Array:
    """Logits to probabilities of classes of which there is one."""
    return jax.nn.softmax(output)


@dataclass(frozen=True)
class Supervised:
    """The model's output against `target`; one player, 'model'.

    loss(output, target) -> [B], or (output, target, mask) when a batch key `mask` is named.
    second: the batch key of what the model takes beside its input, as labels that condition it.
    `link` turns the output into what evaluation reads (logits into probabilities). Targets longer
    than the output, as with unpadded convolutions, are cropped around their centre.
    """

    model: Network
    loss: Callable[..., jax.Array]
    input: str = "audio"
    target: str = "tags"
    mask: str | None = None
    link: Callable[[jax.Array], jax.Array] = _raw
    second: str | None = None

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        return one_network.init_player(self.model, rng, *self._inputs(batch))

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        inputs = self._inputs(batch)
        output, changed = one_network.apply_in_training(
            self.model, variables, {"dropout": rng}, *inputs
        )
        return jnp.mean(self._compare(output, batch)), (changed, {})

    def held_out_loss(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'loss': [B]}, without dropout and with the running statistics."""
        output = self.model.apply(variables.of("model"), *self._inputs(batch))
        return {"loss": self._compare(output, batch)}

    def _inputs(self, batch: Batch) -> tuple[jax.Array, ...]:
        """What the model takes: its input, and the second one if it has any."""
        keys = (self.input,) if self.second is None else (self.input, self.second)
        return tuple(batch_array(batch, key) for key in keys)

    def _compare(self, output: jax.Array, batch: Batch) -> jax.Array:
        target = _cropped(batch_array(batch, self.target), output)
        if target.ndim == output.ndim and target.shape != output.shape:  # would be broadcast
            raise BadInput(
                f"the model gives {output.shape} for '{self.target}', which is {target.shape}: "
                "let the model have as many outputs as the data"
            )
        rest = () if self.mask is None else (batch_array(batch, self.mask),)
        return self.loss(output.astype(jnp.float32), target, *rest)

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        output = self.model.apply(variables.of("model"), *self._inputs(batch))
        return {"prediction": self.link(output.astype(jnp.float32))}

    def embed(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'embedding': [B D]}: what the model's last dense layer reads."""
        found = penultimate(self.model, variables.of("model"), batch[self.input])
        return {"embedding": found}


def batch_array(batch: Batch, key: str) -> jax.Array:
    """The batch's array of that name. Raises BadInput with what the batch has instead."""
    if key not in batch:
        raise BadInput(
            f"the objective reads '{key}' and a batch has {', '.join(batch)}: "
            "let the Keep(...) of the data name it"
        )
    return batch[key]


def _cropped(target: jax.Array, output: jax.Array) -> jax.Array:
    """The middle of [B T ...] as long as the output [B T' ...]; [B K] stays as it is."""
    fits = target.ndim < 3 or target.shape[1] <= output.shape[1]
    return target if fits else framing.crop(target, output.shape[1])
