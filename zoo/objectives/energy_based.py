"""An energy learnt by contrastive divergence, with chains that go on from a buffer of old ones.

Du, Mordatch 2019, algorithm 1 and openai/ebm_code_release (train.py): the energy of data is pushed
down, that of where Langevin dynamics leads is pushed up, and squares of both are held small. Chains
begin where old ones ended, one in twenty as noise. Here a step moves the chains that it drew in
their places, where the paper adds them to the buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from zoo.errors import BadInput
from zoo.network import Network
from zoo.objectives import clips, one_network
from zoo.objectives.base import Batch, LossOutput, Tree, Turn, Variables
from zoo.sampling import langevin


@dataclass(frozen=True)
class EnergyBased(clips.WindowGenerator):
    """Energies of batch[`audio`] [B T 1], divided by `scale`; one player, 'model'.

    model(audio, train=) -> energies [B]. step, noise: of Langevin dynamics, in those units; `steps`
    of them in training, `long` with drawn_noise where clips are drawn of noise, uniform in [-1, 1],
    in which range of units times `bound` chains stay. buffer: chains that are kept. fresh: share of
    the chains that begins as noise. square: weight of the squares.
    """

    model: Network
    scale: float = 0.1
    step: float = 1.0
    noise: float = 0.05
    drawn_noise: float = 0.005  # the released code's, whose data lie in [0, 1]
    steps: int = 20
    long: int = 200
    bound: float = 10.0
    buffer: int = 1024
    fresh: float = 0.05
    square: float = 1.0
    audio: str = "audio"

    named: ClassVar[str] = "an energy of windows"

    def init(self, rng: jax.Array, batch: Batch) -> Variables:
        one, other = jax.random.split(rng)
        begun = one_network.init_player(self.model, one, batch[self.audio])
        shape = (self.buffer, *batch[self.audio].shape[1:])
        chains = jax.random.uniform(other, shape, minval=-1.0)
        own = begun.collections.get("model", {})
        return begun.replace(collections={"model": {**own, "replay": {"chains": chains}}})

    @property
    def turns(self) -> tuple[Turn, ...]:
        return (Turn("model", self._loss),)

    def _loss(
        self, variables: Variables, batch: Batch, rng: jax.Array, step: jax.Array
    ) -> LossOutput:
        real = batch[self.audio] / self.scale
        replay = variables.collections["model"]["replay"]["chains"]
        if len(real) > len(replay):
            raise BadInput(f"a batch of {len(real)} windows: let the buffer keep as many or more")
        which, for_fresh, for_noise, for_walk = jax.random.split(rng, 4)
        places = jax.random.permutation(which, len(replay))[: len(real)]
        fresh = jax.random.uniform(for_fresh, (len(real), 1, 1)) < self.fresh
        noise = jax.random.uniform(for_noise, real.shape, minval=-1.0)
        begun = jnp.where(fresh, noise, replay[places])
        keys = jax.random.split(for_walk, len(real))
        frozen = jax.lax.stop_gradient(variables)
        fake = jax.lax.stop_gradient(self._walk(frozen, begun, keys, self.steps, self.noise))
        energies, changed = self._energies(variables, jnp.concatenate([real, fake]))
        low, high = jnp.split(energies, 2)
        squares = jnp.mean(low**2) + jnp.mean(high**2)
        value = jnp.mean(low) - jnp.mean(high) + self.square * squares
        changed = {**changed, "replay": {"chains": replay.at[places].set(fake)}}
        metrics = {
            "margin": jnp.mean(high) - jnp.mean(low),
            "level_db": 20 * jnp.log10(jnp.sqrt(jnp.mean(fake**2)) * self.scale + 1e-9),
        }
        return value, ({"model": changed}, metrics)

    def _energies(self, variables: Variables, x: jax.Array) -> tuple[jax.Array, Tree]:
        """(of points [B T 1] in units of `scale`, the model's changed collections)."""
        own = {k: v for k, v in variables.of("model").items() if k != "replay"}
        kept = [name for name in own if name != "params"]
        energies, changed = self.model.apply(own, x, train=True, mutable=kept)
        return energies, dict(changed)

    def _walk(
        self,
        variables: Variables,
        x: jax.Array,
        keys: jax.Array,
        steps: int,
        noise: jax.Array | float,
    ) -> jax.Array:
        """Where points [B T 1] get to, each by a key of its own."""
        own = {k: v for k, v in variables.of("model").items() if k != "replay"}
        return langevin.descend(
            jax.grad(lambda x: self.model.apply(own, x).sum()),
            x,
            langevin.by_key(keys, x.shape[1:]),
            steps=steps,
            step=self.step,
            noise=noise,
            bound=self.bound,
        )

    def predict(self, variables: Variables, batch: Batch, rng: jax.Array) -> Batch:
        """{'audio': [B T 1], drawn by batch['index'] where given; 'energy': [B] of the batch's}."""
        own = {k: v for k, v in variables.of("model").items() if k != "replay"}
        energy = self.model.apply(own, batch[self.audio] / self.scale)
        return {"audio": self._drawn_by_index(variables, batch, rng), "energy": energy}

    def _drawn(self, variables: Variables, keys: jax.Array, temperature: Any) -> jax.Array:
        """Audio [B T 1] of chains that begin as noise, as long as those of the buffer."""
        shape = variables.collections["model"]["replay"]["chains"].shape[1:]
        begin, walk = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        uniform = jax.vmap(lambda k: jax.random.uniform(k, shape, minval=-1.0))(begin)
        noise = self.drawn_noise * temperature
        x = self._walk(variables, temperature * uniform, walk, self.long, noise)
        return self.scale * x
