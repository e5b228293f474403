"""Fitting in one go: what is saved, what a restored run has, and what a signal costs."""

from functools import partial
from types import SimpleNamespace

import flax.linen as nn
import jax
import numpy as np

from zoo import mesh as meshes
from zoo.checkpoints.store import Checkpoints
from zoo.objectives.fitted import Fitted
from zoo.objectives.shallow import LinearSVM
from zoo.runs import inference
from zoo.training import once, state
from zoo.training.loop import Hooks


class Random(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.relu(nn.Dense(6)(x[..., 0]))


def split(seed, sizes=(8, 8, 3)):
    draw = np.random.default_rng(seed)
    for rows in sizes:
        audio = draw.standard_normal((rows, 10, 1)).astype(np.float32)
        tags = (audio[:, :2, 0] > 0).astype(np.float32)
        yield {"audio": audio, "tags": tags, "known": np.ones_like(tags)}


def fit(stop=lambda step: False, begun=None):
    saved, scalars = [], []
    objective, mesh = Fitted(Random(), LinearSVM((1.0,))), meshes.make_mesh()
    build = partial(state.initial_state, objective, {}, 0.0, 0)
    if begun is None:
        begun, _ = state.init_sharded(mesh, build, next(split(0)))
    describe = inference.predictor(objective, mesh, "describe")(begun.variables)
    hooks = Hooks(
        batches=None,
        names=None,
        best=None,
        recalibrate=None,
        stop=stop,
        monitor=("pr_auc", "max"),
        evaluate=lambda variables, step: {"pr_auc": 0.5},
        save=lambda *told, force: saved.append((*told, force)),
    )
    log = SimpleNamespace(
        active=False, scalars=lambda *told: scalars.append(told), advance=lambda: None
    )
    now, complete = once.fit_once(objective, describe, begun, (split(1), split(2)), hooks, log)
    return SimpleNamespace(
        objective=objective,
        mesh=mesh,
        build=build,
        begun=begun,
        now=now,
        complete=complete,
        saved=saved,
        scalars=scalars,
    )


def test_what_is_restored_predicts_as_what_was_fitted(tmp_path):
    run = fit()
    assert run.complete and int(run.now.step) == 1
    ((step, kept, _, scores, force),) = run.saved
    assert (step, scores, force) == (1, {"pr_auc": 0.5}, True)
    assert run.scalars[0][1]["examples"] == 19
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(step, kept, {}, scores, force)
        checkpoints.wait()
        target = state.abstract(run.mesh, run.build, next(split(0)))
        _, restored, _ = checkpoints.restore(target)
    batch = next(split(3))
    one, two = (
        run.objective.predict(s.ema_variables(), batch, jax.random.key(0))["prediction"]
        for s in (run.now, restored)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - 0.5).max() > 0.01


def test_the_order_and_the_last_smaller_batch_are_kept():
    found = once.gather(lambda b: {"features": b["audio"][:, :4, 0]}, split(1), lambda *_: None)
    audio = np.concatenate([b["audio"] for b in split(1)])
    np.testing.assert_array_equal(found["features"], audio[:, :4, 0])
    assert set(found) == {"features", "tags", "known"} and len(found["tags"]) == 19


def test_a_signal_costs_the_fitting_and_a_fitted_run_is_left_alone():
    for moment in (1, 7):  # while describing; among the fits
        run = fit(stop=lambda asked, moment=moment: asked == moment)
        assert not run.complete and not run.saved and not int(run.now.step)
    done = fit()
    again = fit(begun=done.now)
    assert again.complete and again.now is done.now and not again.saved
