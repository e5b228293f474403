"""When the resolutions of a growing network come, counted in training images (Karras 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput


@dataclass(frozen=True)
class Growth:
    """When resolutions come, counted in training images: `batch` of them a step.

    stable: images seen by a resolution alone; transition: while the next one fades in.
    """

    stable: int
    transition: int
    batch: int

    def __post_init__(self) -> None:
        for name in ("stable", "transition"):
            images = getattr(self, name)
            if images < self.batch or images % self.batch:
                raise BadInput(f"{name}={images:,} images: give a multiple of batch={self.batch}")

    def progress(self, step: jax.Array, resolutions: int) -> jax.Array:
        """Resolutions grown at a step, less one, with the fraction that has faded in; float32."""
        last = resolutions * self.stable + (resolutions - 1) * self.transition - 1
        images = jnp.minimum(step * self.batch, last)
        whole, rest = jnp.divmod(images, self.stable + self.transition)
        faded = jnp.maximum(0, rest - self.stable) / np.float32(self.transition)
        return (whole + faded).astype(jnp.float32)

    def steps(self, resolutions: int) -> int:
        """Steps until the last resolution has faded in and been alone for as long as the others."""
        images = resolutions * self.stable + (resolutions - 1) * self.transition
        return images // self.batch
