"""Quantisation: latents [B F D] to their nearest of Q vectors or their largest channel; code usage.

van den Oord, Vinyals, Kavukcuoglu 2017, arXiv 1711.00937: a codebook learnt by a loss, or one that
follows moving averages of the latents it stands for; the gradient passes straight through. The
restart of unused codes is Jukebox's idea (Dhariwal et al. 2020). The argmax of Dieleman, van den
Oord, Simonyan 2018, arXiv 1806.10474, needs no codebook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.signal.precision import HIGHEST


class Quantised(flax.struct.PyTreeNode):
    """latent [B F D] what came in, vectors [B F D] the nearest codes, codes [B F] their numbers.

    output [B F D] equals `vectors` and hands its gradient to `latent` unchanged. penalty: a term of
    the quantiser's own for the loss. learnt: whether a loss shall pull the vectors to the latents.
    """

    latent: jax.Array
    vectors: jax.Array
    codes: jax.Array
    penalty: jax.Array | float = 0.0
    learnt: bool = flax.struct.field(pytree_node=False, default=True)

    @property
    def output(self) -> jax.Array:
        return self.latent + jax.lax.stop_gradient(self.vectors - self.latent)


class Quantizer(nn.Module):
    """Latents [B F D] -> `Quantised`; Q = `codes` vectors of width D that begin as real latents.

    moving_average False: the vectors are the parameter 'codebook', to be pulled by a loss. True:
    they are the collection 'codebook' (vectors and sums [Q D], counts [Q]), moved by 1 - decay
    towards the mean latent of each code in every training batch, which is the global one. A code
    used less than `least` times an even share begins anew at a random latent (rng 'codes').
    """

    codes: int = 512
    moving_average: bool = False
    decay: float = 0.99
    least: float = 0.03
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, latent: jax.Array, *, train: bool = False) -> Quantised:
        if latent.ndim != 3:
            raise BadInput(f"the quantiser takes latents [B F D], not {latent.shape}")
        latent = latent.astype(jnp.float32)
        flat = jax.lax.stop_gradient(latent.reshape(-1, latent.shape[-1]))
        if not self.moving_average:
            return _look_up(latent, self.param("codebook", _draw, flat, self.codes))

        def start() -> jax.Array:
            return _draw(self.make_rng("params"), flat, self.codes)

        vectors = self.variable("codebook", "vectors", start)
        share = flat.shape[0] / self.codes  # uses of a code in a batch, were all used alike
        counts = self.variable("codebook", "counts", jnp.full, (self.codes,), share)
        sums = self.variable("codebook", "sums", lambda: vectors.value * share)
        found = _look_up(latent, vectors.value)
        if train and not self.is_initializing():
            code = found.codes.reshape(-1)
            moved = moving_update(counts.value, sums.value, flat, code, self.decay)
            fresh = _draw(self.make_rng("codes"), flat, self.codes)
            counts.value, sums.value = _revive(*moved, fresh, share, self.least)
            vectors.value = _means(counts.value, sums.value, self.epsilon)
        return found

    @nn.nowrap
    def vectors(self, variables: Mapping[str, Any], codes: jax.Array) -> jax.Array:
        """Codes [B F] -> their vectors [B F D], out of this module's own variables."""
        place = "codebook" if self.moving_average else "params"
        leaf = "vectors" if self.moving_average else "codebook"
        return variables[place][leaf][codes]


class ArgmaxQuantizer(nn.Module):
    """Queries [B F Q] -> `Quantised`: the code is the largest of Q numbers, its vector one-hot.

    The latent is the query made a distribution, relu(x) / (sum relu(x) + epsilon). penalty:
    `diversity` x mean over codes of (Q m - 1)^2, where m is the mean of the latents over the whole
    batch: 0 where all codes are used alike.
    """

    codes: int = 256
    diversity: float = 0.01
    epsilon: float = 1e-5

    def __call__(self, query: jax.Array, *, train: bool = False) -> Quantised:
        if query.ndim != 3 or query.shape[-1] != self.codes:
            raise BadInput(f"queries {query.shape} for {self.codes} codes: give [B F {self.codes}]")
        positive = nn.relu(query.astype(jnp.float32))
        latent = positive / (positive.sum(-1, keepdims=True) + self.epsilon)
        codes = jnp.argmax(latent, -1).astype(jnp.int32)
        uneven = jnp.square(self.codes * latent.mean((0, 1)) - 1)
        return Quantised(
            latent, self.vectors({}, codes), codes, self.diversity * uneven.mean(), learnt=False
        )

    @nn.nowrap
    def vectors(self, variables: Mapping[str, Any], codes: jax.Array) -> jax.Array:
        """Codes [B F] -> one-hot vectors [B F Q]."""
        return jax.nn.one_hot(codes, self.codes)


def nearest_codes(flat: jax.Array, vectors: jax.Array) -> jax.Array:
    """Number of the nearest of vectors [Q D] to each of latents [N D] -> [N] int32."""
    # Near codes differ in the last digits of large products.
    products = jnp.matmul(flat, vectors.T, precision=HIGHEST)
    distances = jnp.sum(vectors**2, 1) - 2 * products  # less what is common to all codes
    return jnp.argmin(distances, axis=1).astype(jnp.int32)


def _look_up(latent: jax.Array, vectors: jax.Array) -> Quantised:
    """Latents [B F D] under the codebook [Q D]."""
    flat = jax.lax.stop_gradient(latent.reshape(-1, latent.shape[-1]))
    codes = nearest_codes(flat, jax.lax.stop_gradient(vectors)).reshape(latent.shape[:-1])
    return Quantised(latent, vectors[codes], codes)


def _draw(rng: jax.Array, flat: jax.Array, count: int) -> jax.Array:
    """`count` of the latents [N D], each used once more only when all were -> [count D].

    A little noise, a hundredth of their spread, keeps copies apart.
    """
    one, other = jax.random.split(rng)
    rounds = -(-count // flat.shape[0])
    order = jnp.tile(jax.random.permutation(one, flat.shape[0]), rounds)[:count]
    spread = jnp.std(flat, axis=0) + 1e-4
    return flat[order] + 0.01 * spread * jax.random.normal(other, (count, flat.shape[1]))


def moving_update(
    counts: jax.Array, sums: jax.Array, flat: jax.Array, codes: jax.Array, decay: float
) -> tuple[jax.Array, jax.Array]:
    """Moving (counts [Q], sums [Q D]) after a batch of latents [N D] with their codes [N]."""
    chosen = jax.nn.one_hot(codes, counts.shape[0], dtype=flat.dtype)
    counts = decay * counts + (1 - decay) * chosen.sum(0)
    new = jnp.matmul(chosen.T, flat, precision=HIGHEST)
    return counts, decay * sums + (1 - decay) * new


def _revive(
    counts: jax.Array, sums: jax.Array, fresh: jax.Array, share: float, least: float
) -> tuple[jax.Array, jax.Array]:
    """(counts [Q], sums [Q D]) where codes below `least` even shares are `fresh` ones [Q D].

    A new code stands as if evenly used, so that it has time to find latents of its own.
    """
    dead = counts < least * share
    counts = jnp.where(dead, share, counts)
    return counts, jnp.where(dead[:, None], fresh * share, sums)


def _means(counts: jax.Array, sums: jax.Array, epsilon: float) -> jax.Array:
    """The codebook [Q D]: sums over counts, smoothed so that an empty code has no infinity."""
    total = counts.sum()
    smooth = (counts + epsilon) / (total + counts.shape[0] * epsilon) * total
    return sums / smooth[:, None]


def codebook_usage(codes: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """(perplexity, share of the `count` codes that occur) in codes [...]; perplexity 1 to Q."""
    uses = jnp.zeros(count).at[codes.reshape(-1)].add(1.0)
    shares = uses / uses.sum()
    entropy = -jnp.sum(jnp.where(shares > 0, shares * jnp.log(jnp.maximum(shares, 1e-12)), 0.0))
    return jnp.exp(entropy), jnp.mean(uses > 0)
