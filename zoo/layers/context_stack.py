"""WaveNet's context stack: gated dilated convolutions over frames that are known beforehand.

Hawthorne et al., ICLR 2019, arXiv 1810.12247: 2 x 6 layers over a piano roll at 250 Hz. Not stated
there, chosen: kernels are centred, of three frames, so that half a second to either side counts.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo.layers.conv import Conv
from zoo.layers.gated import gated_tanh
from zoo.layers.initializers import Starts, lecun


class ContextStack(nn.Module):
    """Frames in the light of those around them, [B F D] -> [B F C].

    stacks of `layers` residual layers, dilated by 1, 2, 4, ...; centred kernels of odd size.
    """

    width: int
    stacks: int = 2
    layers: int = 6
    kernel: int = 3
    starts: Starts = lecun
    dtype: Any = jnp.float32

    @property
    def reach(self) -> int:
        """Frames to either side that one depends on."""
        return self.stacks * (2**self.layers - 1) * (self.kernel // 2)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        width, how = self.width, {"dtype": self.dtype}
        x = Conv(width, 1, name="enter", **how, **self.starts(x.shape[-1]))(x)
        for number in range(self.stacks * self.layers):
            dilation = 2 ** (number % self.layers)
            same = self.kernel // 2 * dilation
            z = Conv(
                2 * width,
                self.kernel,
                dilation=dilation,
                padding=(same, same),
                name=f"dilated_{number}",
                **how,
                **self.starts(self.kernel * width),
            )(x)
            x += Conv(width, 1, name=f"mixed_{number}", **how, **self.starts(width))(gated_tanh(z))
        return x
