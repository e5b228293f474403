"""Lewis's critic: a melody of slices -> how good it is.

J. P. Lewis, "Creation by refinement: a creativity paradigm for gradient descent learning networks",
ICNN 1988: a feed-forward net learns to judge patterns; then it is left as it is, and the gradient
of its judgement changes a pattern that began at random until it is judged good.

Remembered, not read there. Choices
- one hidden layer of logistic units; the judgement is one logistic unit, 0 to 1;
- a pattern is a melody in eighths (zoo/data/score_render/scored_melodies.py); while it is refined a
  slice holds the chances of its pitches, and that of a note's beginning.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Lewis(nn.Module):
    """Judgements of melodies, slices [B T K] of 0 to 1 -> [B] in (0, 1)."""

    hidden: int = 64
    dtype: Any = jnp.float32

    receptive_field = math.inf

    @nn.compact
    def __call__(self, slices: jax.Array, *, train: bool = False) -> jax.Array:
        x = slices.reshape(len(slices), -1)
        x = nn.sigmoid(nn.Dense(self.hidden, dtype=self.dtype, name="enter")(x))
        return nn.sigmoid(nn.Dense(1, dtype=self.dtype, name="leave")(x).astype(jnp.float32))[:, 0]
