"""Seeds trained together are what each is alone, turn by turn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from toys import TOYS, draws

from zoo.models.generation.tcn import TCN
from zoo.objectives.roll_likelihood import RollLikelihood
from zoo.training import ensemble, state, step

SEEDS = (3, 11, 4)


def rolls(number, seed):
    rng = np.random.default_rng((number, seed))
    roll = (rng.random((2, 9, 5)) < 0.3).astype(np.uint8)
    return {"roll": roll, "known": np.ones((2, 9), np.uint8)}


def noise(number, seed):
    return next(draws(100 * seed + number))


CASES = {
    "dropout": (RollLikelihood(TCN(5, 4, 1, 2, dropout=0.5)), rolls),
    "two players that draw noise": (TOYS["adversaries"], noise),
    "a codebook that moves": (TOYS["codebook"], noise),
}


@pytest.mark.parametrize("name", CASES)
def test_members_equal_separate_runs(name):
    objective, batch = CASES[name]
    optimizers = {turn.player: optax.adam(0.05) for turn in objective.turns}
    how = {"ema_decay": 0.9}
    firsts = ensemble.stack([batch(0, seed) for seed in SEEDS])
    together = ensemble.initial_ensemble(objective, optimizers, SEEDS, firsts, ema_decay=0.9)
    alone = [
        state.initial_state(objective, optimizers, 0.9, seed, batch(0, seed)) for seed in SEEDS
    ]
    turns = list(enumerate(objective.turns))
    steps = {
        place: [
            jax.jit(
                ensemble.make_ensemble_step(
                    turn, optimizers[turn.player], SEEDS, last=turn is turns[-1][1], **how
                )
            )
        ]
        + [
            jax.jit(
                step.make_step(
                    turn, optimizers[turn.player], seed=seed, last=turn is turns[-1][1], **how
                )
            )
            for seed in SEEDS
        ]
        for place, turn in turns
    }
    for number in range(3):
        for place, _ in turns:
            batches = [batch(number, seed) for seed in SEEDS]
            every, *single = steps[place]
            together, measured = every(together, ensemble.stack(batches), jnp.asarray(place))
            for i, run in enumerate(single):
                alone[i], own = run(alone[i], batches[i], jnp.asarray(place))
                assert measured["loss"][i] == pytest.approx(float(own["loss"]), rel=1e-5, abs=1e-6)
    for i in range(len(SEEDS)):
        ours = jax.tree.leaves(ensemble.member(together, i))
        for mine, theirs in zip(ours, jax.tree.leaves(alone[i]), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)
    first, second = (jax.tree.leaves(a.variables.params) for a in alone[:2])
    apart = [np.abs(a - b).max() for a, b in zip(first, second, strict=True)]
    assert max(apart) > 1e-2  # seeds differ, in the first place
