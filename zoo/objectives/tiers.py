"""Maximum likelihood of spectrograms, tier by tier: MelNet's.

Reads `audio` [B T 1], whose image [B F M] is divided into tiers; each is a player of its own,
'tier_1', 'tier_2', ..., which learns its bins given the tiers below. The density of an image is the
product of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.network import Network
from zoo.objectives import clips
from zoo.objectives.base import Batch, LossOutput, Tree, Turn, Variables
from zoo.signal.mel_images import MelImage
from zoo.signal.tiers import merge_tier, split_tiers


@dataclass(frozen=True)
class Tiers(clips.WindowGenerator):
    """Mean negative log-likelihood per bin of each tier, in nats.

    tiers: as zoo/models/generation/melnet.py has them. frames: of an image that is
    drawn; images follow one another without a bridge.
    """

    tiers: tuple[Network, ...]
    image: MelImage
    frames: int
    audio: str = "audio"

    uses_all: ClassVar[bool] = True
    named: ClassVar[str] = "MelNet"

    @property
    def model(self) -> Network:
        """The first tier: what stands for the system where one network is asked for."""
        return self.tiers[0]

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        parts = self._parts(batch, rng)
        params: dict[str, Tree] = {
            self._player(number): tier.init(key, own, below)["params"]
            for number, (tier, (below, own), key) in enumerate(
                zip(self.tiers, parts, jax.random.split(rng, len(parts)))
            )
        }
        return Variables(params)

    @property
    def turns(self) -> tuple[Turn, ...]:
        count = len(self.tiers)
        return tuple(Turn(self._player(n), partial(self._loss, n)) for n in range(count))

    def _player(self, number: int) -> str:
        return f"tier_{number + 1}"

    def _parts(self, batch: Batch, rng: jax.Array) -> list[tuple[jax.Array | None, jax.Array]]:
        return split_tiers(self.image.of(batch[self.audio], rng), len(self.tiers))

    def _nats(
        self, number: int, variables: Variables, part: tuple[jax.Array | None, jax.Array]
    ) -> jax.Array:
        """Of every bin of a tier, [B F' M']."""
        tier, (below, own) = self.tiers[number], part
        raw: Any = tier.apply(variables.of(self._player(number)), own, below)
        return -tier.distribution.log_prob(raw, own[..., None])

    def _loss(
        self, number: int, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        nats = jnp.mean(self._nats(number, variables, self._parts(batch, rng)[number]))
        return nats, ({}, {"nats_per_bin": nats})

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'nats': [B]}: the mean per bin of an image; 'tier_nats' [B tiers], of each tier's."""
        parts = self._parts(batch, rng)
        every = [self._nats(n, variables, part) for n, part in enumerate(parts)]
        total = jnp.stack([nats.sum((1, 2)) for nats in every], 1)
        sizes = jnp.array([nats[0].size for nats in every])
        return {"nats": total.sum(1) / sizes.sum(), "tier_nats": total / sizes}

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        """The sound [B T 1] of images that are drawn tier by tier, bin by bin."""
        image, _ = self.drawn(variables, keys, temperature)
        return self.image.sound(image)

    def drawn(
        self, variables: Variables, keys: jax.Array, temperature: jax.Array
    ) -> tuple[jax.Array, list[jax.Array]]:
        """(images [B F M], the tiers that they are made of); keys: one for each image."""
        bands = self.image.front.spec.bins
        blank = jax.eval_shape(
            partial(split_tiers, tiers=len(self.tiers)), jnp.zeros((1, self.frames, bands))
        )
        below, found = None, []
        for number in range(len(self.tiers)):
            shape = blank[number][1].shape[1:]
            draw = partial(jax.random.uniform, shape=(*shape, 2), minval=1e-7)
            noise = jax.vmap(lambda k, n=number, draw=draw: draw(jax.random.fold_in(k, n)))(keys)
            own = self._tier(number, variables, below, noise, temperature)
            found.append(own)
            below = own if below is None else merge_tier(below, own, number + 1)
        return jnp.asarray(below), found

    def _tier(
        self,
        number: int,
        variables: Variables,
        below: jax.Array | None,
        noise: jax.Array,
        temperature: jax.Array,
    ) -> jax.Array:
        """A tier's bins [B F M] of noise [B F M 2], with the states of its nets carried on."""
        tier = self.tiers[number]
        run = partial(tier.apply, variables.of(self._player(number)))
        rows, _, bands, _ = noise.shape
        times, downs = tier.begin(rows, bands)
        z = None if below is None else run(below, method="features")

        def bin(state: Any, given: Any) -> Any:
            value, carry = state
            frames, own, chance = jax.tree.map(lambda x: x[:, None], given)
            raw, carry = run(value, frames, own, carry, method="bins")
            value = tier.distribution.sample(raw, chance, temperature)[..., 0]
            value = jnp.clip(value, *self.image.bounds)  # else a net that is fed it may run away
            return (value, carry), value[:, 0]

        def frame(state: Any, given: Any) -> Any:
            before, carry = state
            own, chance = jax.tree.map(lambda x: x[:, None], given)
            frames, carry = run(before[:, None], own, carry, method="frames")
            along = [f[:, 0].swapaxes(0, 1) for f in frames]  # bins first
            own, chance = jax.tree.map(lambda x: x[:, 0].swapaxes(0, 1), (own, chance))
            _, values = jax.lax.scan(bin, (jnp.zeros((rows, 1)), downs), (along, own, chance))
            return (values.T, carry), values.T

        start = jnp.zeros((rows, bands)), times
        first = jax.tree.map(lambda x: x.swapaxes(0, 1), (z, noise))  # frames first
        _, image = jax.lax.scan(frame, start, first)
        return image.swapaxes(0, 1)
