"""The small VQ-VAE of the embedded music, which its own config trains and its prior's reads."""

from __future__ import annotations

from typing import Any, Literal

import jax.numpy as jnp

from zoo.models.generation.vqvae import VQVAE
from zoo.models.generation.wavenet import WaveNet

Codebook = Literal["loss", "moving_average"]


def vqvae(
    *,
    layers: int,
    stacks: int,
    kernel: int,
    width: int,
    skip: int,
    encoder: int,
    code_width: int,
    codes: int,
    levels: int,
    codebook: Codebook,
    normalise: bool,
    dtype: Any = jnp.float32,
) -> VQVAE:
    """An encoder of `levels` halvings, and a WaveNet under its codes; arguments as the configs'."""
    ups = (4,) * (levels // 2) + (2,) * (levels % 2)
    decoder = WaveNet(
        layers,
        stacks,
        width,
        width,
        skip,
        head=skip,
        kernel=kernel,
        local_condition=code_width,
        upsampling=ups,
        dtype=dtype,
    )
    return VQVAE(
        decoder,
        encoder,
        code_width,
        levels=levels,
        codes=codes,
        moving_average=codebook == "moving_average",
        decay=0.95,
        normalise=normalise,
        dtype=dtype,
    )
