"""Every file of weights/: small, described, with its stored scores and its stored sample."""

import importlib.metadata
import math
import subprocess
import sys

import pytest

import zoo
from zoo import catalog, machine
from zoo.errors import BadInput
from zoo.front import finding, keeping, own_weights
from zoo.runs import pairs

pytestmark = pytest.mark.optimised

OWN = finding.own_names()
DRAWN = {"in_tune"}  # of audio drawn sample by sample, which another processor's last bits change


@pytest.mark.parametrize("name", OWN)
def test_weights_give_the_scores_and_the_sample_that_they_were_kept_with(name):
    folder = finding.own_weights_folder(name)
    facts = pairs.read_facts(folder)
    kept = pairs.kept_of(facts)
    assert facts["name"] == name and facts["commit"] and facts["licence"]
    found = zoo.load(name).trained
    try:
        scores = keeping.score_excerpt(found, kept.records)
    except BadInput as error:  # real data, which this machine may not have
        pytest.skip(f"{name} loads; its data are not here: {error}")
    wanted = kept.excerpt
    if kept.sample and machine.processor() != kept.sample.processor:
        scores, wanted = (
            {metric: value for metric, value in each.items() if metric not in DRAWN}
            for each in (scores, wanted)
        )
    assert keeping.near(scores, wanted)
    audio = keeping.sample(found)
    assert (audio is None) == (kept.sample is None)
    if audio is None:
        return
    assert len(audio) == kept.sample.samples and math.isfinite(abs(audio).sum())
    jax = facts["versions"]["jax"]
    if (now := importlib.metadata.version("jax")) != jax:
        pytest.skip(f"{name} scores as it did; its sample was drawn with JAX {jax}, this is {now}")
    if (now := machine.processor()) != kept.sample.processor:
        pytest.skip(f"{name} scores as it did; sampled on {kept.sample.processor}, not on {now}")
    # This process has a flag of XLA's for tests, whose last bits Griffin-Lim's rounds enlarge.
    digest = keeping.sample_digest(audio)
    assert digest == kept.sample or as_users_have_it(name) == kept.sample.sha256


def as_users_have_it(name):
    code = "import zoo; from zoo.front.keeping import sample, sample_digest\n"
    code += f"print(sample_digest(sample(zoo.load({name!r}).trained)).sha256)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def test_files_are_small_and_nothing_else_lies_there():
    folder = finding.weights_folder()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.parent.parent for path in files} <= {folder}
    assert {path.name for path in files} <= {pairs.WEIGHTS, pairs.FACTS}
    sizes = [path.stat().st_size for path in files]
    assert all(size <= keeping.LARGEST for size in sizes) and sum(sizes) <= keeping.TOGETHER


def test_each_is_of_a_row_that_stands_in_the_results():
    for row in own_weights.list_own_weights():
        assert row["config"] in catalog.config_files() and row["score"], row["name"]
        task, config = row["task"], row["config"]
        assert list((catalog.results_folder() / task).glob(f"{config}*.json")), row["name"]
