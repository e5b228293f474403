"""Pairs hold what any batch can take: the training's batch size is not in them."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import zoo
from zoo import catalog
from zoo import experiment as experiments
from zoo.checkpoints.checksums import by_path
from zoo.runs import networks, pairs, trained

EMBEDDED = [
    entry.name
    for entry in catalog.entries()
    if entry.name.endswith("_score_render") and entry.smoke
]


def shapes(experiment, batch):
    """Path -> shape of what inference needs, as initialised with a batch of that size."""
    spec = experiment.data.spec(batch)
    found = jax.eval_shape(experiment.objective.init, jax.random.key(0), spec)
    kept = networks.for_inference(experiment.objective, found)
    return {path: leaf.shape for path, leaf in by_path(kept).items()}


@pytest.mark.parametrize("name", EMBEDDED)
def test_inference_weights_do_not_depend_on_the_batch(name):
    config = experiments.find_config(name)
    experiment = config.experiment(**config.entry.smoke)
    if trained.learns(experiment) and experiment.objective.turns:
        assert shapes(experiment, 2) == shapes(experiment, 1)


def test_what_draws_with_every_player_keeps_them_all():
    """MelNet's tiers; of a generator and its critics the generator stays."""
    players = {"melnet_score_render": {"tier_1", "tier_2"}, "melgan_score_render": {"generator"}}
    for name, wanted in players.items():
        config = experiments.find_config(name)
        kept = shapes(config.experiment(**config.entry.smoke), 1)
        assert {path.split("/")[1] for path in kept if path.startswith("params/")} == wanted


def test_a_run_with_carried_states_is_loaded_from_its_pair(tmp_path):
    """Trained with batches of two, and as an earlier zoo wrote it, with the states in the pair."""
    config = experiments.find_config("samplernn_score_render")
    made = zoo.create(config.name, **config.entry.smoke).trained
    spec = made.experiment.data.spec(2)
    of_two = jax.jit(made.experiment.objective.init)(jax.random.key(1), spec)
    assert "memory" in of_two.collections["model"]
    pairs.write_pair(replace(made, variables=of_two), tmp_path)
    found = zoo.load(tmp_path)
    (audio,) = found.sample(seconds=0.01)
    assert np.isfinite(audio).all() and np.abs(audio).max() > 0
    before = {**pairs.read_weights(tmp_path), "collections/model/memory/past": np.zeros((2, 1))}
    loaded = pairs.fill(made.experiment, before, tmp_path)
    assert by_path(loaded).keys() == pairs.read_weights(tmp_path).keys()
