"""Stages: when one ends, what the next begins with, and that they resume exactly."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from toy_runs import begin, same, train
from toys import TOYS, draws

from zoo.training.log import read_metrics
from zoo.training.stages import (
    Stage,
    StageState,
    by_steps,
    fall_when_worst,
    falling,
    reduce_on_plateau,
)


def scales(saved):
    return {step: float(kept[0].learning_rate_scale) for step, kept in saved.items()}


def test_a_plateau_lowers_the_learning_rate_and_ends(tmp_path):
    parts, saved = falling(2, (1.0, 0.1), start="last"), {}
    scores = [1.0, 0.5, 0.5, 0.9, 0.9, 2.0]
    final, complete = train(
        tmp_path, TOYS["student"], 50, evaluate_every=1, stages=parts, saved=saved, scores=scores
    )
    assert complete and int(final.step) == 5
    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5]
    assert scales(saved) == {
        1: 1,
        2: 1,
        3: pytest.approx(0.1),
        4: pytest.approx(0.1),
        5: pytest.approx(0.1),
    }


@pytest.mark.parametrize(
    "factors, choices, scores, end",
    [
        ((1.0,), {}, [1.0, 0.5, 2.0, 0.9, 0.8], 5),  # a better score begins the count anew
        ((1.0,), {"cumulative": True}, [1.0, 0.5, 2.0, 0.9, 0.8], 4),
        ((1.0, 0.1), {}, [9.0, 5.0, 5.0, 6.0, 7.0, 6.0, 6.0], 5),  # the best of all
        ((1.0, 0.1), {"own_best": True}, [9.0, 5.0, 5.0, 6.0, 7.0, 6.0, 6.0], 7),
    ],
    ids=str,
)
def test_when_patience_ends(tmp_path, factors, choices, scores, end):
    parts = falling(2, factors, start="last", **choices)
    final, complete = train(
        tmp_path, TOYS["student"], 50, evaluate_every=1, stages=parts, scores=scores
    )
    assert complete and int(final.step) == end


def test_a_stage_keeps_the_optimiser_s_state_where_asked(tmp_path):
    counts = []
    for keep in (False, True):
        parts, saved = falling(1, (1.0, 0.1), start="last", keep_optimizer=keep), {}
        train(
            tmp_path,
            TOYS["student"],
            50,
            evaluate_every=1,
            stages=parts,
            saved=saved,
            scores=[3.0, 2.0, 1.0],
        )
        counts.append(
            [int(optax.tree_utils.tree_get(saved[n][0].optimizers, "count")) for n in (1, 2, 3)]
        )
    assert counts == [[1, 0, 1], [1, 2, 3]]


def test_reduce_on_plateau_is_torch_s(tmp_path):
    """The learning rates of torch's scheduler over the same scores, step by step."""
    torch = pytest.importorskip("torch")
    scores = [5.0, 4.0, 4.5, 4.2, 4.1, 4.3, 4.4, 3.9, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0]
    weight = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        torch.optim.SGD([weight], 1.0), "min", 0.3, 2, threshold=0.0, cooldown=1, min_lr=0.05
    )
    wanted = []
    for score in scores:
        theirs.step(score)
        wanted.append(theirs.optimizer.param_groups[0]["lr"])
    parts, saved = reduce_on_plateau(2, 0.3, 0.05, cooldown=1), {}
    final, _ = train(
        tmp_path,
        TOYS["student"],
        len(scores),
        evaluate_every=1,
        stages=parts,
        saved=saved,
        scores=[-score for score in scores],
    )
    assert int(final.step) == len(scores)  # at its floor it goes on
    assert list(scales(saved).values()) == pytest.approx(wanted)


def test_a_rate_falls_as_the_tcn_s_authors_let_it(tmp_path):
    """A tenth where a score is worse than the worst of the last three, after so many epochs."""
    losses = [5.0, 4.0, 6.0, 3.0, 3.5, 3.2, 3.1, 3.6, 3.7, 2.0, 2.5, 2.1, 2.2, 2.4, 2.6, 2.0, 3.0]
    begin, rate, seen, wanted = 4, 1.0, [], []
    for epoch, loss in enumerate(losses, 1):
        if epoch > begin and loss > max(seen[-3:]):
            rate /= 10
        seen.append(loss)
        wanted.append(rate)
    parts, saved = fall_when_worst(3, 0.1, 9, begin=begin), {}
    train(
        tmp_path,
        TOYS["student"],
        len(losses),
        evaluate_every=1,
        stages=parts,
        saved=saved,
        scores=[-loss for loss in losses],
    )
    assert list(scales(saved).values()) == pytest.approx(wanted, rel=1e-5)
    assert wanted[-1] == pytest.approx(1e-4)
    counts = [int(optax.tree_utils.tree_get(saved[n][0].optimizers, "count")) for n in (8, 17)]
    assert counts == [8, 17]  # the optimiser's moments go on
    short, complete = train(
        tmp_path,
        TOYS["student"],
        len(losses),
        evaluate_every=1,
        stages=fall_when_worst(3, 0.1, 1, begin=begin),
        scores=[-loss for loss in losses],
    )
    assert complete and int(short.step) == 1 + next(i for i in range(17) if wanted[i] < 0.011)


def two_optimizers(start="last"):
    """Adam for three steps, then SGD from the last weights or the best, then half its steps."""
    sgd = {"student": optax.sgd(0.1)}
    return by_steps(
        (3, Stage()),
        (2, Stage(optimizers=sgd, start=start)),
        (0, Stage(learning_rate_scale=0.5)),
    )


def test_a_stage_has_an_optimiser_of_its_own(tmp_path):
    """From step 3 on, an update is minus 0.1 (then 0.05) of the gradient at the weights before."""
    objective, saved = TOYS["student"], {}
    train(tmp_path, objective, 7, stages=two_optimizers(), saved=saved)
    for done, rate in ((4, 0.1), (5, 0.1), (6, 0.05), (7, 0.05)):
        before, after = (saved[n][0].variables for n in (done - 1, done))
        batch = next(draws(done - 1))

        def loss(params, before=before, batch=batch):
            return objective.loss(before.replace(params=params), batch, None, None)[0]

        gradient = jax.grad(loss)(before.params)
        expected = jax.tree.map(lambda w, g, r=rate: w - r * g, before.params, gradient)
        for a, b in zip(jax.tree.leaves(after.params), jax.tree.leaves(expected)):
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("pause", [2, 3, 4, 5, 6])
def test_stages_resume_exactly(tmp_path, pause):
    objective, whole, first = TOYS["student"], {}, {}
    train(tmp_path, objective, 8, stages=two_optimizers(), saved=whole)
    train(
        tmp_path,
        objective,
        8,
        stages=two_optimizers(),
        saved=first,
        stop=lambda step: step == pause,
    )
    kept, at = first[pause][:2]
    rest, _ = train(
        tmp_path, objective, 8, stages=two_optimizers(), begun=kept, at=StageState(**at)
    )
    assert same(whole[8][0], rest)


def test_a_stage_begins_with_the_best_weights_where_asked(tmp_path):
    objective, saved = TOYS["student"], {}
    best = jax.tree.map(jnp.ones_like, begin(objective)[1].variables)
    choices = dict(evaluate_every=1, saved=saved, best=lambda: best)
    train(tmp_path, objective, 3, stages=two_optimizers("best"), scores=[3, 1, 1], **choices)
    assert same(saved[3][0].variables, best)
    train(tmp_path, objective, 3, stages=two_optimizers("best"), scores=[1, 2, 3], **choices)
    assert not same(saved[3][0].variables, best)  # the last were the best, and not on the disk yet
    train(tmp_path, objective, 3, stages=two_optimizers("last"), scores=[3, 1, 1], **choices)
    assert not same(saved[3][0].variables, best)


def test_a_stage_has_an_objective_of_its_own(tmp_path):
    """Other loss weights: here the margin is trained the other way round."""
    from toys import Student

    class Away(Student):
        def loss(self, variables, batch, rng, step):
            value, rest = super().loss(variables, batch, rng, step)
            return -value, rest

    parts = by_steps((20, Stage()), (0, Stage(objective=Away())))
    train(tmp_path, TOYS["student"], 40, stages=parts)
    losses = [line["loss"] for line in read_metrics(tmp_path / "metrics.jsonl") if "loss" in line]
    assert losses[19] < losses[0] and losses[20] < 0 and losses[39] < losses[20]


def test_early_stopping_counts_over_all_stages(tmp_path):
    parts, scores = falling(2, (1.0, 0.5, 0.25), start="last", own_best=True), [9.0] + [5.0] * 20
    final, complete = train(
        tmp_path,
        TOYS["student"],
        50,
        evaluate_every=1,
        stages=parts,
        scores=scores,
        early_stopping=1,
    )
    assert complete and int(final.step) == 2
    final, _ = train(
        tmp_path, TOYS["student"], 50, evaluate_every=1, scores=scores, early_stopping=4
    )
    assert int(final.step) == 5
