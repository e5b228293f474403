"""Parts that would fail late are refused early, by name; test_zoo.py asks it of every config."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import optax
import pytest

from zoo import experiment as experiments
from zoo.errors import BadInput
from zoo.runs import contract


@pytest.fixture(scope="module")
def made():
    config = experiments.find_config("samplecnn_score_render")
    return config.experiment(**config.entry.smoke)


def test_a_config_must_return_an_experiment():
    with pytest.raises(BadInput, match=r"mine: config\(...\) gives NoneType, not an Experiment"):
        contract.check_experiment("mine", None)


def test_what_a_part_lacks_is_named(made):
    source = SimpleNamespace(info=made.data.source.info, prepare=print, open=print)
    with pytest.raises(BadInput, match=r"SimpleNamespace lacks blank: see Source in zoo\.data"):
        contract.check_experiment("mine", replace(made, data=replace(made.data, source=source)))
    with pytest.raises(BadInput, match=r"lacks monitor, run: see Evaluation in zoo\.eval"):
        contract.check_experiment("mine", replace(made, evaluation=SimpleNamespace()))


@dataclass(frozen=True)
class Bare:
    monitor = ("error", "min")

    def run(self, predict, records, info): ...


@dataclass(frozen=True)
class Wide:
    monitor = ("error", "min")

    def run(self, predict, records, info, **rest): ...


def test_an_evaluation_takes_limit_and_progress(made):
    with pytest.raises(BadInput, match=r"Bare\.run takes no limit and no progress: write run"):
        contract.check_experiment("mine", replace(made, evaluation=Bare()))
    contract.check_experiment("mine", replace(made, evaluation=Wide()))


def test_players_and_optimizers_have_the_same_names(made):
    wrong = replace(made, optimizers={"net": optax.sgd(0.1)})
    with pytest.raises(BadInput, match="trains 'model', the optimizers are for 'net'"):
        contract.check_experiment("mine", wrong)
