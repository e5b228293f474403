"""A whole recipe in a run: a pass before step 0, stages, selection by loss, a test protocol."""

import json
from dataclasses import dataclass, field, fields, replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo import catalog
from zoo import mesh as meshes
from zoo.checkpoints.store import Checkpoints
from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import Report
from zoo.experiment import Config, Experiment
from zoo.objectives.supervised import Supervised
from zoo.report import results
from zoo.runs import contract, trained
from zoo.runs import train as training_runs
from zoo.training.stages import Stage, by_steps

INFO = Info("toys", 8000, 1, ("a", "b"), "none", "none")


def record(number):
    rng = np.random.default_rng(number)
    tags = np.array([number % 2, 1 - number % 2], np.float32)
    audio = rng.normal(3.0, 2.0, (16, 1)).astype(np.float32) * (1 + tags[0])
    return {"audio": audio, "tags": tags, "track": str(number)}


@dataclass(frozen=True)
class Toys:
    """Ten records to train on, five held out."""

    info: Info = INFO

    def blank(self):
        return record(0)

    def prepare(self):
        pass

    def open(self, split):
        return [record(n) for n in (range(10) if split == "train" else range(100, 105))]


class Net(nn.Module):
    """A tagger whose front end standardises by statistics of the training split."""

    @nn.compact
    def __call__(self, x, *, train=False):
        mean = self.variable("statistics", "mean", lambda: jnp.zeros(()))
        scale = self.variable("statistics", "scale", lambda: jnp.ones(()))
        x = (x[..., 0] - mean.value) / scale.value
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(x))
        return nn.Dense(2)(nn.relu(x))


@dataclass(frozen=True)
class Standardised(Supervised):
    """As Open-Unmix: mean and scale of the training split, found before step 0."""

    def initialize(self, variables, batches):
        heard = np.concatenate([batch["audio"].ravel() for batch in batches])
        own = dict(variables.collections["model"])
        own["statistics"] = {"mean": jnp.asarray(heard.mean()), "scale": jnp.asarray(heard.std())}
        return variables.replace(collections={**variables.collections, "model": own})


@dataclass(frozen=True)
class Counted:
    """Says which protocol it is."""

    name: str
    monitor: tuple[str, str] = ("score", "max")

    def run(self, predict, records, info, *, limit=None, progress=None):
        return Report({"score": 1.0}, self.name, {"clips": len(records)})


def squared(output, target):
    return jnp.mean((output - target) ** 2, -1)


def experiment(steps: int = 12, batch: int = 4, seed: int = 0) -> Experiment:
    return Experiment(
        data=Data(Toys(), ()),
        objective=Standardised(Net(), squared),
        optimizers={"model": optax.adam(0.01)},
        evaluation=Counted("cheap"),
        test=Counted("the paper's"),
        test_source=Toys(replace(INFO, name="songs")),
        batch=batch,
        steps=steps,
        seed=seed,
        ema_decay=0.9,
        standing_batches=2,
        stages=by_steps(
            (5, Stage()), (0, Stage(optimizers={"model": optax.sgd(0.01)}, start="best"))
        ),
        monitor=("loss", "min"),
        evaluate_every=3,
        save_every=3,
    )


@dataclass
class Module:
    __doc__ = "Toys."
    config: object = field(default=experiment)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "toy.py"
    path.write_text('"""Toys."""\n')
    row = catalog.PaperRow("toy", "default")
    entry = catalog.Entry("toy", path, "own", "Toys.", (row,), {}, {})
    return Config("toy", path, "own", Module(), entry, row)


@pytest.fixture
def run(config, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.experiment.find_config", lambda name: config)
    training_runs.train(config, config.defaults, tmp_path / "run", allow_change=False, board=False)
    return tmp_path / "run"


def scores(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {x["step"]: x["validation/loss"] for x in lines if "validation/loss" in x}


def test_a_recipe_of_all_parts(run, config):
    found = scores(run)
    assert list(found) == [3, 6, 9, 12]
    best = trained.load_trained(run, config=str(config.path))
    assert best.meta["step"] == min(found, key=found.get)
    statistics = best.variables.collections["model"]["statistics"]
    everything = np.concatenate([record(n)["audio"].ravel() for n in range(10)])
    np.testing.assert_allclose(statistics["mean"], everything.mean(), rtol=1e-5)
    np.testing.assert_allclose(statistics["scale"], everything.std(), rtol=1e-5)
    assert trained.load_trained(run, config=str(config.path), step=12).meta["stage"]["stage"] == 1

    # The loss that chose is that of the weights which were kept, over the whole held-out split.
    held_out = [record(n) for n in range(100, 105)]
    logits = best.experiment.objective.model.apply(
        best.variables.of("model"), np.stack([r["audio"] for r in held_out])
    )
    wanted = np.mean((np.asarray(logits) - np.stack([r["tags"] for r in held_out])) ** 2)
    assert found[best.meta["step"]] == pytest.approx(wanted, rel=1e-5)

    assert results.evaluate(best, "test").protocol == "the paper's"
    assert results.evaluate(best, "validation").protocol == "cheap"


def test_what_is_loaded_is_what_was_averaged(run, config):
    made = experiment()
    mesh = meshes.make_mesh(1)
    with Checkpoints(run / "checkpoints", read_only=True) as checkpoints:
        _, kept, _ = checkpoints.restore(trained.restore_target(made, mesh), 12)
    found = trained.load_trained(run, config=str(config.path), step=12).variables
    for ours, averaged, raw in zip(
        *(jax.tree.leaves(p) for p in (found.params, kept.ema, kept.variables.params)), strict=True
    ):
        np.testing.assert_array_equal(ours, averaged)
        assert np.abs(np.asarray(ours) - raw).max() > 1e-6
    statistics = found.collections["model"]["batch_stats"]
    jax.tree.map(
        np.testing.assert_array_equal, statistics, kept.ema_collections["model"]["batch_stats"]
    )


def test_what_an_experiment_says_of_its_training_reaches_the_loop():
    """Every field of the loop's schedule, none at its default."""
    told = dict(
        steps=7,
        seed=3,
        ema_decay=0.5,
        accumulate=2,
        log_every=4,
        evaluate_every=5,
        stages=by_steps((2, Stage())),
        early_stopping=6,
        standing_batches=8,
        remat=True,
    )
    made = replace(experiment(), **told)
    data = replace(made.data, on_device=(ToFloat(),))
    schedule = training_runs.schedule(replace(made, data=data))
    told["augment"] = data.augment
    assert {f.name: getattr(schedule, f.name) for f in fields(schedule)} == told
    assert all(f.default != told[f.name] for f in fields(schedule))
    assert training_runs.schedule(made).augment is None


def test_it_resumes_across_the_border_of_stages(config, tmp_path, run):
    for part in (5, 7, 12):  # ends in the first stage, in the second, and where it should
        arguments = {**config.defaults, "steps": part}
        training_runs.train(config, arguments, tmp_path / "parts", allow_change=True, board=False)
    whole, parts = (
        trained.load_trained(tmp_path / name, config=str(config.path), step=12)
        for name in ("run", "parts")
    )
    for a, b in zip(jax.tree.leaves(whole.variables), jax.tree.leaves(parts.variables)):
        np.testing.assert_array_equal(a, b)


def test_an_objective_without_a_loss_to_select_by_is_refused():
    class Silent(Standardised):
        held_out_loss = property()

    made = experiment()
    contract.check_experiment("toy", made)
    with pytest.raises(BadInput, match="Silent has no held_out_loss"):
        contract.check_experiment("toy", replace(made, objective=Silent(Net(), squared)))
