"""A config of one's own, over seeds and over folds: trained, scored, and told with its spread."""

import statistics

import numpy as np
import pytest

from zoo.cli import main
from zoo.errors import BadInput
from zoo.experiment import find_config
from zoo.report import repeat, stored

CONFIG = '''"""A linear tagger of made-up clips."""

from dataclasses import dataclass

import flax.linen as nn
import numpy as np
import optax

from zoo.data.folds import Folded
from zoo.data.pipeline import Data
from zoo.data.source import Info
from zoo.data.transforms import Keep
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.losses.tagging import binary_cross_entropy
from zoo.objectives.supervised import Supervised, sigmoid


@dataclass(frozen=True)
class Clips:
    info: Info = Info("clips", 8, 1, ("a", "b"), "none", "none")

    def record(self, number):
        rng = np.random.default_rng(number)
        tags = np.arange(2) == number % 2
        audio = rng.normal(size=(8, 1)).astype(np.float32) + 0.3 * tags[0]
        tags = tags.astype(np.float32)
        return {"track": str(number), "chunk": 0, "audio": audio, "tags": tags,
                "known": np.ones_like(tags)}

    def blank(self):
        return self.record(0)

    def prepare(self):
        pass

    def open(self, split):
        numbers = {"train": range(20), "validation": range(20, 30), "test": range(30, 40)}
        return [self.record(number) for number in numbers[split]]


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.Dense(2)(x[..., 0])


def config(fold: int = 0, folds: int = 0, steps: int = 2, seed: int = 0) -> Experiment:
    source = Folded(Clips(), fold, folds, 0) if folds else Clips()
    return Experiment(
        data=Data(source, (Keep("audio", "tags", "known"),)),
        objective=Supervised(Net(), binary_cross_entropy, mask="known", link=sigmoid),
        optimizers={"model": optax.sgd(0.01)},
        evaluation=Tagging(8),
        batch=4, steps=steps, seed=seed, evaluate_every=2, save_every=2,
    )
'''


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CONFIG)
    return str(path)


@pytest.mark.parametrize("what", ["seed", "fold"])
def test_members_are_trained_scored_and_shown_as_one_row(config, tmp_path, capsys, what):
    words = ["repeat", config, f"--{what}s", "3", "--workdir", str(tmp_path / "runs")]
    words += ["--results", str(tmp_path / "results"), "steps=3"]
    assert main.main(words) == 0
    shown = capsys.readouterr().out
    (row,) = stored.read_measured(tmp_path / "results").values()
    assert len(row.runs) == 3
    assert sorted(run["arguments"][what] for run in row.runs) == [0, 1, 2]
    ordered = sorted(row.runs, key=lambda run: run["arguments"][what])
    values = [run["metrics"]["roc_auc"] for run in ordered]
    assert all(run["arguments"]["steps"] == 3 for run in ordered)
    assert len(set(values)) > 1
    mean, deviation = statistics.fmean(values), statistics.stdev(values)
    assert f"{mean:8.4f} ± {deviation:.4f}" in shown and f"over 3 {what}s" in shown
    names = []
    for number in range(3):
        scores = tmp_path / f"runs/{what}{number}/evaluation/test/scores.npz"
        names.append(set(np.load(scores)["names"].tolist()))
    if what == "fold":
        assert len(set().union(*names)) == sum(map(len, names)) == 40
    else:
        assert names[0] == names[1] == names[2] and len(names[0]) == 10
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")}
    assert main.main(words) == 0  # nothing is trained or scored again
    assert f"{mean:8.4f} ± {deviation:.4f}" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")}


@pytest.mark.parametrize(
    "words",
    [
        ["repeat", "toy", "a=1", "--seeds", "3", "b=2"],
        ["repeat", "--seeds", "3", "toy", "a=1", "b=2"],
        ["repeat", "toy", "--seeds", "3", "--workdir", "x=y", "a=1", "b=2"],
    ],
)
def test_arguments_may_stand_anywhere(words):
    found = main.gathered(words)
    at = found.index("toy")
    assert found[at + 1 : at + 3] == ["a=1", "b=2"] and sorted(found) == sorted(words)
    assert ("x=y" in words) == ("x=y" in found[found.index("--seeds") :])


def test_what_cannot_be_repeated(config, tmp_path):
    found = find_config("wavenet_score_render")
    with pytest.raises(BadInput, match="has no folds: --seeds"):
        repeat.repeat_runs(found, {}, "fold", 3, tmp_path, tmp_path)
    with pytest.raises(BadInput, match="give 2 or more"):
        repeat.repeat_runs(found, {}, "seed", 1, tmp_path, tmp_path)


def test_only_metrics_that_all_have_are_printed():
    (line,) = repeat.deviation_lines([{"a": 1.0, "b": 2.0}, {"a": 2.0}])
    assert line.split() == ["a", "1.5000", "±", "0.7071", "(1.0000", "2.0000)"]
