"""Weights that others trained as a beginning: what fits, what is fresh, what stays."""

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest

import zoo
from zoo.errors import BadInput
from zoo.layers.norm import BatchNorm
from zoo.objectives.partly_frozen import PartlyFrozen
from zoo.objectives.supervised import Supervised
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
    build = partial(state.initial_state, experiment.objective, experiment.optimizers, ema, 0)
    return state.init_sharded(meshes.make_mesh(1), build, experiment.data.spec(2))[0]


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


class Part(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        x = BatchNorm(0.5, name="norm")(nn.Dense(4, name="dense")(x), train=train)
        return nn.Dropout(0.5, deterministic=not train)(x)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x, *, train=False):
        x = Part(name="front")(x, train=train)
        return Part(name="middle")(x, train=train).mean(1)


def test_frozen_parts_run_as_at_inference_and_stay():
    """No statistics move, no dropout; parameters stay bit for bit, while the rest learns."""
    objective = PartlyFrozen(Supervised(Net(), lambda y, t: ((y - t) ** 2).mean(-1)), ("front",))
    random = np.random.default_rng(0)
    batch = {"audio": random.normal(size=(3, 5, 1)).astype(np.float32), "tags": np.ones((3, 4))}
    variables = objective.init(jax.random.key(0), batch)
    optimizer = optimizers.freeze_parts(optax.sgd(0.1), ("front",))

    def loss(params):
        now = variables.replace(params={"model": params})
        return objective.turns[0].loss(now, batch, jax.random.key(1), 0)

    params = variables.params["model"]
    (_, (changed, _)), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    updates, _ = optimizer.update(slope, optimizer.init(params), params)
    before, after = (c["model"]["batch_stats"] for c in (variables.collections, changed))
    for name, stays in (("front", True), ("middle", False)):
        assert stays != any(np.any(leaf) for leaf in jax.tree.leaves(updates[name])), name
        same = jax.tree.map(np.array_equal, before[name], after[name])
        assert all(jax.tree.leaves(same)) == stays, name
    # What the middle's statistics saw is the front as at inference.
    front = {"params": params["front"], "batch_stats": before["front"]}
    dense = params["middle"]["dense"]
    seen = Part().apply(front, batch["audio"]) @ dense["kernel"] + dense["bias"]
    mean = 0.5 * before["middle"]["norm"]["mean"] + 0.5 * seen.mean((0, 1))
    np.testing.assert_allclose(after["middle"]["norm"]["mean"], mean, atol=1e-5)


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
