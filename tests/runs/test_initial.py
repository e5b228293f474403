"""Weights that others trained as a beginning: what fits, what is fresh, what stays."""

import jax
import numpy as np
import optax
import pytest

import zoo
from zoo.errors import BadInput
from zoo.runs import initial
from zoo.training import optimizers

TINY = {"timbral": 3, "temporal": 2, "middle": 4, "hidden": 5, "batch": 2, "weights": ""}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A tagger of three labels of one's own."""
    folder = tmp_path_factory.mktemp("songs")
    (folder / "labels.csv").write_text("file,calm,loud,odd\na.wav,1,0,0\n")
    return zoo.create("musicnn_finetune_folder", path=str(folder), **TINY)


def begun(system, ema=0.0):
    from functools import partial

    from zoo import mesh as meshes
    from zoo.training import state

    experiment = system.experiment
    build = partial(state.initial, experiment.objective, experiment.optimizers, ema, 0)
    return state.init_sharded(meshes.make(1), build, experiment.data.spec(2))[0]


def test_all_but_the_top_of_other_labels_fits_and_is_named(tuned):
    """As timm's num_classes: the body comes along, statistics and EMA too; the head is fresh."""
    arguments = {k: v for k, v in TINY.items() if k != "weights"}
    other = zoo.create("musicnn_score_render", size="tiny", seed=5, **arguments).trained
    said = []
    state = begun(tuned, ema=0.9)
    new = initial.begin_from(state, "model", other, said.append)
    theirs, ours = other.variables.params["model"], new.variables.params["model"]
    for name in ours.keys() - {"top"}:
        jax.tree.map(np.testing.assert_array_equal, ours[name], theirs[name])
    jax.tree.map(np.testing.assert_array_equal, new.ema["model"], ours)
    jax.tree.map(np.testing.assert_array_equal, ours["top"], state.variables.params["model"]["top"])
    assert len(said) == 1 and "fresh: top/bias [3] (there [20]), top/kernel [5, 3]" in said[0]


def test_frozen_parts_stay_and_the_rest_learns(tuned):
    """Parameters and moving statistics of frozen parts are bit for bit the same after a step."""
    experiment = tuned.experiment
    assert tuned.labels == ("calm", "loud", "odd")
    state = begun(tuned)
    variables, moments = state.variables, state.optimizers["model"]
    batch = {
        "audio": np.random.default_rng(0).uniform(-1, 1, (2, 47_872, 1)).astype(np.float32),
        "tags": np.array([[1, 0, 1], [0, 1, 0]], np.float32),
        "known": np.ones((2, 3), np.float32),
    }

    def loss(params):
        now = variables.replace(params={"model": params})
        return experiment.objective.turns[0].loss(now, batch, jax.random.key(0), 0)

    (_, (changed, _)), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(
        variables.params["model"]
    )
    # The schedule begins at zero: two updates.
    for _ in range(2):
        updates, moments = experiment.optimizers["model"].update(
            slope, moments, variables.params["model"]
        )
    stays = lambda name: "timbral" in name or "temporal" in name  # noqa: E731
    for name, update in updates.items():
        moved = any(np.any(leaf) for leaf in jax.tree.leaves(update))
        assert moved != stays(name), name
    before, after = variables.collections["model"]["batch_stats"], changed["model"]["batch_stats"]
    for name in before:
        same = jax.tree.leaves(jax.tree.map(np.array_equal, before[name], after[name]))
        assert all(same) == stays(name), name


def test_a_part_that_is_not_there_cannot_be_frozen():
    optimizer = optimizers.freeze_parts(optax.sgd(0.1), ("wings",))
    with pytest.raises(BadInput, match=r"freeze=wings: .* only body, top"):
        optimizer.init({"body": {"kernel": np.ones(2)}, "top": np.ones(2)})


def test_frozen_parts_have_no_moments_and_no_part_in_a_clip():
    params = {"body": np.full(2, 3.0, np.float32), "top": np.ones(2, np.float32)}
    optimizer = optimizers.freeze_parts(optimizers.adam(1.0, clip_norm=1.0), ("body",))
    state = optimizer.init(params)
    assert sum(leaf.size for leaf in jax.tree.leaves(state) if np.ndim(leaf)) == 4
    plain = optimizers.adam(1.0, clip_norm=1.0)
    slope = {"body": np.full(2, 1e6, np.float32), "top": np.array([0.3, -0.2], np.float32)}
    found, _ = optimizer.update(slope, state, params)
    alone, _ = plain.update({"top": slope["top"]}, plain.init({"top": params["top"]}))
    np.testing.assert_array_equal(found["body"], 0)
    np.testing.assert_allclose(found["top"], alone["top"])
