"""TCN: Bai, Kolter, Koltun 2018, An Empirical Evaluation of Generic Convolutional and Recurrent
Networks for Sequence Modeling, tables 1 and 2; arXiv 1803.01271, code github.com/locuslab/TCN.

Residual blocks of two causal convolutions with weight norm, ReLU and dropout; level l is dilated by
2^l; a last linear map gives logits. JSB: 2 levels of 150, kernel 3, 269,938 parameters.

- The paper starts all weights from N(0, 0.01). In the released code that reaches the 1x1
  convolutions of skip connections alone: under torch's weight norm the assigned weights are made
  anew from direction and length, which keep torch's default. So here.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.initializers import fan_uniform


class TCN(nn.Module):
    """Next steps from the steps so far, x [B T C] -> logits [B T K]; causal.

    dropout: of single units, in training.
    """

    outputs: int = 88
    width: int = 150
    levels: int = 2
    kernel: int = 3
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @property
    def receptive_field(self) -> int:
        """Steps that an output depends on."""
        return 1 + 2 * (self.kernel - 1) * (2**self.levels - 1)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        for level in range(self.levels):
            block = Block(self.width, self.kernel, 2**level, self.dropout, self.dtype)
            x = block(x, train=train)
        initial = fan_uniform(self.width)
        head = nn.Dense(
            self.outputs, kernel_init=initial, bias_init=initial, dtype=self.dtype, name="head"
        )
        return head(x).astype(jnp.float32)


class Block(nn.Module):
    """Two dilated causal convolutions beside a skip connection, [B T C] -> [B T width]."""

    width: int
    kernel: int
    dilation: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        y = x
        for name in ("conv1", "conv2"):
            initial = fan_uniform(self.kernel * y.shape[-1])
            conv = Conv(
                self.width,
                self.kernel,
                dilation=self.dilation,
                padding="causal",
                weight_norm=True,
                kernel_init=initial,
                bias_init=initial,
                dtype=self.dtype,
                name=name,
            )
            y = nn.relu(conv(y))
            y = nn.Dropout(self.dropout, deterministic=not train)(y)
        if x.shape[-1] != self.width:
            small, bias = nn.initializers.normal(0.01), fan_uniform(x.shape[-1])
            x = Conv(
                self.width, 1, kernel_init=small, bias_init=bias, dtype=self.dtype, name="skip"
            )(x)
        return nn.relu(y + x)
