"""LSTM and GRU over piano rolls: the baselines of Bai, Kolter, Koltun 2018 (arXiv 1803.01271),
table 1, with the settings of their table 3.

- Their code for these is not public: layers as torch's, with its default initial weights; the
  forget gate's bias of table 3 is the sum of torch's two.
- Table 3 has no GRU ("chosen in a similar fashion, but typically with more hidden units"): its
  width is our choice, for about the LSTM's size.
"""

import math
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.initializers import fan_uniform
from zoo.layers.recurrent import GRU, LSTM


class RollRNN(nn.Module):
    """Next steps from the steps so far, x [B T C] -> logits [B T K].

    dropout: of single units between layers, in training. forget_bias: of the LSTM at the start;
    None: torch's.
    """

    outputs: int = 88
    cell: Literal["lstm", "gru"] = "lstm"
    width: int = 200
    layers: int = 2
    dropout: float = 0.2
    forget_bias: float | None = None
    dtype: Any = jnp.float32

    receptive_field = math.inf

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        initial = fan_uniform(self.width)
        layer = {"lstm": LSTM, "gru": GRU}[self.cell]
        for number in range(self.layers):
            if number:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x, _ = layer(
                self.width,
                kernel_init=initial,
                recurrent_init=initial,
                bias_init=self._bias,
                dtype=self.dtype,
                name=f"layer{number}",
            )(x)
        head = nn.Dense(
            self.outputs, kernel_init=initial, bias_init=initial, dtype=self.dtype, name="head"
        )
        return head(x).astype(jnp.float32)

    def _bias(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        """Of both biases of a layer, [4 D] or [3 D]; gates input, forget, cell, output."""
        values = fan_uniform(self.width)(key, shape, dtype)
        if self.cell != "lstm" or self.forget_bias is None:
            return values
        return values.at[self.width : 2 * self.width].set(self.forget_bias / 2)
