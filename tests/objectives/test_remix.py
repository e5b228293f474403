from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.objectives.base import Turn, Variables
from zoo.objectives.remix import Remix, permute_sources


def numbered(batch=8, sources=3):
    """Stems [B 5 S 2] whose samples say which example and source they come from."""
    names = jnp.arange(batch)[:, None] * 10 + jnp.arange(sources)
    return jnp.broadcast_to(names[:, None, :, None], (batch, 5, sources, 2)).astype(jnp.float32)


def test_sources_change_places_within_their_groups_and_nothing_is_lost():
    stems = numbered()
    mixed = jax.jit(permute_sources, static_argnums=2)(jax.random.key(0), stems, 4)
    assert mixed.shape == stems.shape
    example, source = np.divmod(np.asarray(mixed), 10)
    np.testing.assert_array_equal(source, np.asarray(stems) % 10)
    np.testing.assert_array_equal(example // 4, np.asarray(stems) // 10 // 4)
    for s in range(3):
        np.testing.assert_array_equal(np.sort(example[:, 0, s, 0]), np.arange(8))
    # A song's samples and channels stay together; its sources do not.
    assert (example == example[:, :1, :, :1]).all()
    assert (example != example[:, :, :1]).any()


def test_every_order_is_as_likely():
    keys = jax.random.split(jax.random.key(0), 2000)
    stems = numbered(4, 2)[:, :1, :, :1]
    mixed = jax.jit(jax.vmap(lambda key: permute_sources(key, stems, 4)))(keys)
    places = np.asarray(mixed)[:, :, 0, :, 0] // 10
    for example in range(4):
        share = (places == example).mean(0)
        np.testing.assert_allclose(share, 0.25, atol=0.05)
    meet = (places[..., 0] == places[..., 1]).mean()
    np.testing.assert_allclose(meet, 0.25, atol=0.05)


def test_a_batch_that_is_no_multiple_is_refused():
    with pytest.raises(BadInput, match="groups of 4: batch=6"):
        permute_sources(jax.random.key(0), numbered(6), 4)


@dataclass(frozen=True)
class Echo:
    """Its loss is what it was given, weighted."""

    @property
    def turns(self):
        return (Turn("model", self.loss, 2),)

    def loss(self, variables, batch, rng, step):
        gap = jnp.abs(batch["stems"].sum(2) - batch["mixture"]).max()
        return batch["stems"][0].sum() * variables.params["model"], ({}, {"gap": gap})

    def predict(self, variables, batch, rng):
        return batch


def test_training_reads_the_new_mixture_and_evaluation_the_old():
    objective = Remix(Echo())
    (turn,) = objective.turns
    assert (turn.player, turn.repeat) == ("model", 2)
    batch = {"stems": numbered(4), "mixture": jnp.zeros((4, 5, 2))}
    variables = Variables({"model": jnp.ones(())})
    losses = set()
    for seed in range(4):
        value, (_, metrics) = turn.loss(variables, batch, jax.random.key(seed), 0)
        assert metrics["gap"] == 0
        losses.add(float(value))
    assert len(losses) > 1
    same = turn.loss(variables, batch, jax.random.key(0), 0)[0]
    assert same == turn.loss(variables, batch, jax.random.key(0), 0)[0]
    assert objective.predict(variables, batch, jax.random.key(0)) is batch
