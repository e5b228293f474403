"""What cannot run here is refused in one line with the figures, before anything is compiled."""

import re
import time

import jax
import pytest

from zoo import arguments, catalog
from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.errors import BadInput
from zoo.report import listing
from zoo.runs import estimate, trained
from zoo.runs import train as training_runs

EVERY = list(catalog.config_files())
VAST = [
    ("wavenet_score_render", "batch=1000000"),
    ("samplecnn_score_render", "batch=1_000_000"),
    ("samplecnn_score_render", "widths=1000000,1000000,1000000"),
    ("crepe_score_render", "capacity=1000000"),
    ("musicnn_score_render", "batch=1e6"),
    ("wave_unet_score_render", "width=1000000"),
    ("wave_unet_score_render", "batch=1000000"),
    ("demucs_score_render", "width=1000000"),
    ("demucs_score_render", "samples=1000000000"),
    ("melgan_score_render", "width=1000000"),
    ("samplernn_score_render", "width=1000000"),
    ("wavegan_score_render", "batch=1000000"),
    ("onsets_frames_score_render", "dense=1000000"),
]


@pytest.mark.parametrize(("name", "word"), VAST)
def test_more_than_the_memory_is_refused_with_the_figures(name, word, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "host_memory", lambda: 16_000_000_000)
    config = experiments.find_config(name)
    began = time.monotonic()
    with pytest.raises(BadInput) as caught:
        arguments = config.parse([word])
        training_runs.train(config, arguments, tmp_path / "run", allow_change=False, board=False)
    said = str(caught.value)
    assert re.search(r"[\d,.]+ GB at the least, the memory has 16\.0 GB", said), said
    assert word.partition("=")[0] in said and "\n" not in said
    assert not list(tmp_path.iterdir()) and time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["wavenet_score_render", "waveglow_score_render"])
def test_more_layers_than_anybody_compiles_are_refused(name, monkeypatch):
    config = experiments.find_config(name)
    with pytest.raises(BadInput, match="layers=5000 is too much: at most 1024"):
        config.parse(["layers=5000"])
    monkeypatch.setattr(estimate, "LAYERS", 20)  # as many modules that each take long
    arguments = config.parse(["layers=10"])
    with pytest.raises(BadInput, match=r"layers=10: 21 layers after \d+ s .* 20 are the most"):
        listing.info(config, arguments)


def test_what_recurses_too_deep_is_refused():
    config = experiments.find_config("wavenet_score_render")

    def deep():
        return deep()

    too_deep = pytest.raises(BadInput, match="cannot be built: nested too deep")
    with too_deep, estimate.limit_layers(config, config.defaults):
        deep()


def test_a_fault_of_ones_own_config_keeps_its_traceback():
    config = experiments.find_config("wavenet_score_render")
    for given, kind in ((config.defaults, TypeError), ({"layers": 10}, BadInput)):
        with pytest.raises(kind), estimate.limit_layers(config, given):
            raise TypeError("shapes do not fit")


@pytest.mark.parametrize("name", EVERY)
def test_no_default_is_refused(name):
    """By the limits of single arguments, or by those of a machine of 64 GB."""
    config = experiments.find_config(name)
    for key, parameter in config.parameters.items():
        arguments.in_range(key, config.defaults[key], parameter)


def test_the_figures_are_those_of_the_arrays():
    config = experiments.find_config("samplecnn_score_render")
    experiment = config.experiment(**config.entry.smoke)
    build = trained.builder(experiment)
    needs = estimate.of_training(build, experiment.data.spec(experiment.batch))
    begun = jax.jit(build)(experiment.data.spec(experiment.batch))
    leaves = jax.tree.leaves(begun)
    assert needs.state == sum(leaf.nbytes for leaf in leaves)
    params = jax.tree.leaves(begun.variables.params)
    assert needs.gradients == sum(leaf.nbytes for leaf in params) == 4 * needs.parameters
    rows = experiment.data.spec(experiment.batch).values()
    assert needs.batch == sum(row.nbytes for row in rows)
    # Eight devices hold the state each, and an eighth of the rest.
    eighth = needs.each(8, 1, 1) - needs.state - needs.gradients
    assert eighth == (needs.batch + needs.largest) / 8 and needs.largest > 0
    assert needs.each(8, 8, 1) < needs.each(8, 1, 1)


def test_systems_without_training_are_asked_too(monkeypatch):
    config = experiments.find_config("nmf_score_render")
    with pytest.raises(BadInput, match="rank=10000000 is too much"):
        trained.untrained(config, ["rank=10_000_000"])
    monkeypatch.setattr(estimate, "host_memory", lambda: 1000)
    with pytest.raises(BadInput, match="GB at the least"):
        trained.untrained(config, [])


def test_a_machine_says_its_memory():
    assert 2**28 < estimate.host_memory() < 2**46
    assert estimate.memory(meshes.make_mesh(1)) <= estimate.host_memory()
