"""Random keys whose draws compile at once: a hash of the place of a number, for first weights.

XLA takes a twentieth of a second for every array that its own generators fill, which was most of
what networks of a hundred arrays took to begin. Not random enough for anything but tests.
"""

import math

import jax
import jax.numpy as jnp
from jax.extend.random import define_prng_impl


def mixed(x):
    """Murmur's last step: every bit depends on all bits of uint32 [...]."""
    for factor, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        x = (x ^ (x >> shift)) * jnp.uint32(factor)
    return x ^ (x >> 16)


def fold_in(key, number):
    return mixed(key + jnp.asarray(number, "uint32") * jnp.uint32(0x9E3779B9))


def split(key, shape):
    places = jax.lax.iota("uint32", math.prod(shape))
    return fold_in(key, places).reshape(*shape, 1)


def bits(key, width, shape):
    places = jax.lax.iota("uint32", math.prod(shape))
    drawn = mixed(key + places * jnp.uint32(0x9E3779B9)).reshape(shape)
    return drawn if width == 32 else drawn.astype(f"uint{width}")


QUICK = define_prng_impl(
    key_shape=(1,),
    seed=lambda number: mixed(number.astype("uint32").reshape(1)),
    split=split,
    random_bits=bits,
    fold_in=fold_in,
    name="quick",
    tag="quick",
)
