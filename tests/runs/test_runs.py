"""What a run begins with: data on every host, another's weights, its own arguments."""

import json
import os
import re
import signal
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import soundfile
from flax import linen as nn

from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.checkpoints import processes
from zoo.checkpoints.metadata import Origin
from zoo.checkpoints.store import Checkpoints
from zoo.data.score_render.source import ScoreRender
from zoo.data.sets.folder import Folder
from zoo.errors import BadInput
from zoo.objectives.base import Variables
from zoo.objectives.supervised import Supervised
from zoo.runs import changed_arguments, hooks, initial, trained
from zoo.runs import train as training_runs
from zoo.runs.trained import Trained
from zoo.training import state
from zoo.training.stages import Stage, StageState, by_steps


class Net(nn.Module):
    width: int = 3

    @nn.compact
    def __call__(self, x, *, train=False):
        x = nn.Dense(self.width)(x)
        return nn.BatchNorm(use_running_average=not train)(x).mean(1)


def begin(width=3):
    objective = Supervised(Net(width), lambda y, t: ((y - t) ** 2).mean(-1))
    batch = {"audio": np.ones((2, 5, 1), np.float32), "tags": np.zeros((2, width), np.float32)}
    build = partial(state.initial_state, objective, {"model": optax.adam(0.1)}, 0.9, 0)
    return state.init_sharded(meshes.make_mesh(), build, batch)[0]


def origin(variables):
    return Trained(None, {}, None, variables, {}, meshes.make_mesh(), "elsewhere")


def moved(variables):
    add = partial(jax.tree.map, lambda x: x + 1.0)
    return Variables(add(variables.params), add(variables.collections))


def test_weights_statistics_and_ema_come_along():
    begun = begin()
    other = moved(begun.variables)
    new = initial.begin_from(begun, "model", origin(other), print)
    for mine, theirs in (
        (new.variables.params, other.params),
        (new.variables.collections, other.collections),
        (new.ema, other.params),
    ):
        jax.tree.map(np.testing.assert_array_equal, mine, theirs)


def test_a_frozen_part_takes_the_only_player_there_is():
    begun = begin()
    other = moved(begun.variables)
    frozen = replace(begun.variables, frozen={"teacher": begun.variables.params["model"]})
    new = initial.begin_from(begun.replace(variables=frozen), "teacher", origin(other), print)
    jax.tree.map(
        np.testing.assert_array_equal, new.variables.frozen["teacher"], other.params["model"]
    )


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="do not fit"):
        initial.begin_from(begin(3), "model", origin(begin(4).variables), print)
    with pytest.raises(BadInput, match="no part 'discriminator'; it has model"):
        initial.begin_from(begin(), "discriminator", origin(begin().variables), print)


def test_an_argument_that_a_config_got_later_was_at_its_default():
    config = experiments.find_config("samplecnn_score_render")
    told = {"config": config.name, "arguments": json.loads(json.dumps(config.defaults))}
    del told["arguments"]["bfloat16"]
    told = Origin.of(told)
    assert changed_arguments.check_changed_arguments(config, config.defaults, told, False, 1) == []
    with pytest.raises(BadInput, match="bfloat16: False -> True"):
        changed_arguments.check_changed_arguments(
            config, {**config.defaults, "bfloat16": True}, told, False, 1
        )


@pytest.mark.parametrize(
    ("name", "changed", "step", "says"),
    [
        ("samplecnn_score_render", {"evaluate": 1}, 0, ""),
        ("wavenet_score_render", {"steps": 2000}, 999, "learning rate of 'model' becomes .* times"),
        ("wavenet_score_render", {"steps": 2000}, 1000, "of 'model' rises from zero"),
        ("wavenet_score_render", {"learning_rate": 1e-4}, 100, "'model' becomes 0.1 times"),
        ("wavenet_score_render", {"seed": 5}, 100, ""),
    ],
)
def test_a_changed_argument_says_what_it_does_to_the_learning_rate(name, changed, step, says):
    config = experiments.find_config(name)
    began = {**config.defaults, "steps": 1000, "learning_rate": 1e-3}
    changed = {k: v for k, v in changed.items() if k in began}
    told = Origin.of({"config": name, "arguments": json.loads(json.dumps(began))})
    lines = changed_arguments.check_changed_arguments(
        config, {**began, **changed}, told, True, step
    )
    assert len(lines) == len(changed)
    for line in lines:
        assert re.search(says, line) if says else "learning rate of" not in line


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("wavenet_score_render", {"steps": 2000, "learning_rate": 1e-4}),
        ("wavenet_score_render", {"learning_rate": 1e-2, "steps": 1500, "seed": 5}),
        ("conv_tasnet_score_render", {"steps": 3000, "learning_rate": 3e-4}),
    ],
)
@pytest.mark.parametrize("step", [600, 999, 1000])
def test_changes_together_say_the_learning_rate_before_and_after(name, changed, step):
    config = experiments.find_config(name)
    began = {**config.defaults, "steps": 1000, "learning_rate": 1e-3}
    told = Origin.of({"config": name, "arguments": json.loads(json.dumps(began))})
    lines = changed_arguments.check_changed_arguments(
        config, {**began, **changed}, told, True, step
    )
    assert len(lines) == len(changed) + 1
    said = re.fullmatch(
        rf"([a-z_, ]+) together: at step {step} the learning rate of 'model' "
        r".* \(a step of (\S+) before, (\S+) now\)",
        lines[-1],
    )
    assert set(said[1].split(", ")) == set(changed)
    for words, value in ((began, said[2]), ({**began, **changed}, said[3])):
        optimizer = config.experiment(**words).optimizers["model"]
        params = {"layer": {"kernel": jnp.zeros([1])}}
        state, ones = optimizer.init(params), jax.tree.map(jnp.ones_like, params)
        step_of = jax.jit(optimizer.update)
        for _ in range(step + 1):  # as training does: a steady gradient's step is Adam's rate
            updates, state = step_of(ones, state, params)
        taken = abs(float(updates["layer"]["kernel"][0]))
        assert float(value) == pytest.approx(taken, rel=0.02, abs=1e-10)


STANDING = [  # stage of the self-attention tagger, its first step, what becomes of the rate there
    (0, 0, "becomes 0.1 times as large (a step of 0.0001 before, 1e-05 now)"),
    (1, 900, ""),  # SGD by now, whose rate no argument changes
    (2, 950, ""),
]


@pytest.mark.parametrize(("number", "begun", "says"), STANDING)
def test_a_later_stage_has_a_learning_rate_of_its_own(number, begun, says):
    config = experiments.find_config("self_attention_magnatagatune")
    stage = {"stage": number, "begun": begun}
    began = {"config": config.name, "arguments": dict(config.defaults), "stage": stage}
    changed = {**config.defaults, "learning_rate": 1e-5}
    (line,) = changed_arguments.check_changed_arguments(
        config, changed, Origin.of(began), True, 1000
    )
    assert says in line if says else "learning rate of" not in line
    then = config.experiment(**config.defaults)
    rate = {0: 1e-4, 1: 1.9e-3, 2: 1.9e-4}[number]  # Nesterov's first step is 1.9 rates
    at = StageState(stage=number, begun=begun)
    assert changed_arguments.paces(then, 1000, at)["model"] == pytest.approx(rate, rel=1e-3)


def test_a_schedule_begins_with_its_stage():
    """An optimiser that a stage brings, or begins anew, is at the step that it has made itself."""
    falling = optax.sgd(optax.linear_schedule(1.0, 0.0, 100))
    parts = by_steps((300, Stage()), (50, Stage(optimizers={"model": falling})), (0, Stage()))
    experiment = SimpleNamespace(stages=parts, optimizers={"model": optax.sgd(3.0)})
    for number, begun, step, rate in ((0, 0, 10, 3.0), (1, 300, 310, 0.9), (2, 350, 370, 0.3)):
        at = StageState(stage=number, begun=begun)
        assert changed_arguments.paces(experiment, step, at)["model"] == pytest.approx(rate)


def test_a_stage_that_is_no_more_is_refused():
    config = experiments.find_config("samplecnn_score_render")
    began = {"config": config.name, "arguments": {}, "stage": {"stage": 2}}
    with pytest.raises(BadInput, match=r"stands in stage 3 .* there are 0: give another"):
        changed = {**config.defaults, "seed": 1}
        changed_arguments.check_changed_arguments(config, changed, Origin.of(began), True, 100)


@pytest.mark.parametrize(("batch", "said"), [(23, False), (24, False), (25, True), (4096, True)])
def test_a_batch_larger_than_the_data_is_said(batch, said, capsys):
    counted = SimpleNamespace(count=lambda: 24)
    training_runs.say_small(SimpleNamespace(batch=batch, data=counted))
    line = f"batch={batch} is more than the 24 examples of the training split"
    assert (line in capsys.readouterr().out) == said


TOY = '''"""A toy."""
import flax.linen as nn
import optax

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.objectives.supervised import Supervised


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.Dense(20)(x).mean(1)


def config(batch: int = 2):
    data = Data(ScoreRender(size="tiny"), (Crop(8), ToFloat(), Keep("audio", "tags", "known")))
    objective = Supervised(Net(), binary_cross_entropy, mask="known")
    return Experiment(data, objective, {"model": optax.sgd(0.1)}, Tagging(8), batch, 2)
'''


def test_a_damaged_best_checkpoint_gives_way_to_the_next_best(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    config = experiments.find_config(str(tmp_path / "toy.py"))
    experiment, arguments = config.experiment(), config.defaults
    build, spec = training_runs.builder(experiment), experiment.data.spec(2)
    begun, _ = state.init_sharded(meshes.make_mesh(), build, dict(spec))
    meta = training_runs.run_metadata(config, arguments, experiment)
    with Checkpoints(tmp_path / "checkpoints", monitor=("pr_auc", "max")) as checkpoints:
        for step, score in ((1, 0.3), (2, 0.9), (3, 0.5)):
            checkpoints.save(step, begun, meta, {"pr_auc": score})
        checkpoints.wait()
    load = partial(trained.load_trained, tmp_path, config=str(config.path))
    assert [load(step=step).meta["step"] for step in ("best", "latest", 2)] == [2, 3, 2]
    for file in (tmp_path / "checkpoints/2/state").rglob("d/*"):
        file.write_bytes(b"")
    assert load().meta["step"] == 3
    with pytest.raises(BadInput, match=r"no usable checkpoint .*step 2"):
        load(step=2)


@pytest.mark.parametrize("number", [0, 1])
def test_every_host_prepares_its_data_the_first_alone(monkeypatch, number):
    """On two hosts with a disk each: the turns, and that one's refusal is everybody's."""
    done = []

    def exchange(fault):
        done.append("told")
        return [fault, None] if number == 0 else [None, fault]

    monkeypatch.setattr(processes, "gather_values", exchange)
    monkeypatch.setattr(processes.jax, "process_index", lambda: number)
    processes.in_turn(lambda: done.append("prepared"))
    assert done == (["prepared", "told", "told"] if number == 0 else ["told", "prepared", "told"])

    def refuse():
        raise BadInput("no such folder")

    with pytest.raises(BadInput, match="no such folder"):
        processes.in_turn(refuse)
    monkeypatch.setattr(processes, "gather_values", lambda fault: ["no room", None])
    with pytest.raises(BadInput, match="no room"):
        processes.in_turn(lambda: None)


def test_a_signal_ends_what_prepares_data_at_once(tmp_path, monkeypatch):
    def prepare(source):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        raise AssertionError("went on")

    monkeypatch.setattr(ScoreRender, "prepare", prepare)
    config = experiments.find_config("samplecnn_score_render")
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            training_runs.train(
                config, config.entry.smoke, tmp_path, allow_change=False, board=False
            )
    finally:
        signal.signal(signal.SIGINT, former)


def test_too_few_files_for_a_validation_are_reported_before_the_first_step(tmp_path):
    (tmp_path / "music").mkdir()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30_000)
    soundfile.write(tmp_path / "music" / "one.wav", noise, 8000)
    source = Folder(str(tmp_path / "music"), 8000, chunk_seconds=1.0, data_dir=str(tmp_path))
    source.prepare()
    experiment = SimpleNamespace(
        data=SimpleNamespace(source=source), evaluation=None, objective=None
    )
    run = SimpleNamespace(experiment=experiment, mesh=None)
    with pytest.raises(BadInput, match=r"no split 'validation': .* give three files or more"):
        hooks.connect(run, None, None, None)
