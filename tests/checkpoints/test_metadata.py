"""Metadata that anyone may have written and sealed anew: one line, no code, no traceback."""

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from resealed import resealed

from zoo.checkpoints import metadata
from zoo.checkpoints.metadata import Origin, Seal, Unfit
from zoo.checkpoints.store import Checkpoints
from zoo.errors import BadInput

STATE = {"a": jnp.arange(6.0).reshape(2, 3), "b": jnp.float32(1)}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pristine") / "run"
    with Checkpoints(directory) as checkpoints:
        checkpoints.save(1, STATE, {"config": "toy", "arguments": {}}, {"auc": 0.5})
        checkpoints.wait()
    return directory


@pytest.fixture
def run(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "run")


def put(*keys, value):
    def change(meta):
        place = meta
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def drop(*keys):
    def change(meta):
        place = meta
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


OURS = "checkpoint"
ARRAY = (OURS, "arrays", "a")
HASH = "0" * 64
HOSTILE = {
    **{
        f"no {key}": drop(OURS, key)
        for key in ("step", "format", "versions", "metrics", "monitor", "arrays")
    },
    **{f"no {key} of an array": drop(*ARRAY, key) for key in ("shape", "dtype", "pieces")},
    **{
        f"{key} is {value!r:.20}": put(OURS, key, value=value)
        for key in ("format", "versions", "metrics", "monitor", "arrays")
        for value in (None if key != "monitor" else 7, "x", [], [[[]]], True, -1, 1.5, 10**40)
    },
    **{
        f"array is {value!r:.20}": put(*ARRAY, value=value)
        for value in (None, [], "x", 3, {}, {"shape": [2, 3]}, [[]])
    },
    **{
        f"shape is {value!r:.20}": put(*ARRAY, "shape", value=value)
        for value in (
            None,
            "23",
            [2, -3],
            [2, "3"],
            [2.0, 3],
            [[2, 3]],
            [10**30],
            [2**40, 2**40],
            [True, 3],
            [1] * 100,
        )
    },
    **{
        f"pieces are {value!s:.40}": put(*ARRAY, "pieces", value=value)
        for value in (
            {},
            [],
            None,
            {"": HASH},
            {"0:2": HASH},
            {"0:1,0:3": HASH},
            {"0:2,0:2": HASH, "0:2,1:3": HASH},
            {"0:2,0:3": 5},
            {"0:2,0:3": "x"},
            {"0:2,0:3": [HASH]},
            {"../../etc": HASH},
            {"0:2,-1:3": HASH},
            {"0:٢,0:3": HASH},
            {"0:2,0:3,0:1": HASH},
            {"0:2,0:3\x1b[2J": HASH},
            {"0:2," + "9" * 5000: HASH},
            {"0:1,0:2": HASH, "1:2,2:3": HASH},
            {"2:0,0:3": HASH},
            {"0:99,0:3": HASH},
        )
    },
    **{
        f"dtype is {value!r:.20}": put(*ARRAY, "dtype", value=value)
        for value in (None, 4, [], "../x", "\x1b[31m", "f" * 1000)
    },
    "metric is a text": put(OURS, "metrics", value={"auc": "best"}),
    "metric is nested": put(OURS, "metrics", value={"auc": [1]}),
    "monitor is no direction": put(OURS, "monitor", value=["auc", "sideways"]),
    "versions are numbers": put(OURS, "versions", value={"jax": 1}),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_does_not_fit_counts_as_damaged(run, case, capfd, caplog):
    resealed(run, HOSTILE[case])
    reader = Checkpoints(run, read_only=True)
    for read in (reader.read_meta, lambda: reader.restore(STATE)):
        with pytest.raises(BadInput, match=r"no usable checkpoint|format") as caught:
            read()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert reader.best() is None


def test_an_array_of_another_name_or_without_one_is_another_model(run):
    for name in ("../../../etc/passwd", "", "\x1b[2J"):
        resealed(run, lambda meta, name=name: put(OURS, "arrays", name, value=record("f"))(meta))
        with pytest.raises(BadInput, match="of another model: unknown to the model"):
            Checkpoints(run, read_only=True).restore(STATE)
    resealed(run, put(OURS, "arrays", value={}))
    with pytest.raises(BadInput, match="of another model: missing from the checkpoint"):
        Checkpoints(run, read_only=True).restore(STATE)


def record(letter):
    return {"shape": [], "dtype": f"{letter}4", "pieces": {"": HASH}}


def test_no_piece_may_go_unverified(run):
    """An empty list of pieces let any array pass."""
    resealed(run, put(*ARRAY, "pieces", value={"0:2,0:3": HASH}))
    with pytest.raises(BadInput, match="damaged array a"):
        Checkpoints(run, read_only=True).restore(STATE)


@pytest.mark.parametrize("shape", [[], [5], [2, 3]])
def test_what_we_write_ourselves_fits(shape, tmp_path):
    kinds = ("rbg", "unsafe_rbg")
    keys = {kind: jax.random.split(jax.random.key(3, impl=kind), 2) for kind in kinds}
    state = {"x": jnp.ones(shape), "n": np.float32(3), "key": jax.random.key(3), **keys}
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {})
        checkpoints.wait()
        assert Seal.of(checkpoints.read_meta()[1]).step == 1


def test_pieces_of_many_devices_fit():
    pieces = {f"{a}:{a + 2},{b}:{b + 3}": HASH for a in (0, 2, 4) for b in (0, 3)}
    metadata.read_array_records({"x": {"shape": [6, 6], "dtype": "float32", "pieces": pieces}})
    pieces.popitem()
    with pytest.raises(Unfit, match="do not cover"):
        metadata.read_array_records({"x": {"shape": [6, 6], "dtype": "float32", "pieces": pieces}})


GOOD = {
    "config": "samplecnn_score_render",
    "config_file": None,
    "arguments": {"width": 8},
    "stage": {"best": 0.5, "since": 1, "stage": 0},
}


@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": ["a"]},
        {"config": "../evil"},
        {"config": "x/evil/config.py"},
        {"config": "/abs/evil.py"},
        {"config": ""},
        {"config": "a\n"},
        {"config": "n" * 300},
        {"config": "\x1b[2J"},
        {"config_file": 3},
        {"config_file": {}},
        {"arguments": None},
        {"arguments": []},
        {"arguments": {"a": {}}},
        {"arguments": {"a": [[[[[[1]]]]]]}},
        {"arguments": {"a": float("nan")}},
        {"arguments": {"a": 10**400}},
        {"stage": []},
        {"stage": {"best": "x"}},
        {"stage": {"since": -1}},
        {"stage": {"other": 1}},
        {"stage": {"recent": [1.0, "x"]}},
        {"stage": {"recent": [1.0] * 999}},
        {"stage": {"best": float("nan")}},
        {"stage": {"stage": 1.5}},
    ],
    ids=str,
)
def test_a_run_s_own_words(change):
    assert Origin.of(GOOD).config == "samplecnn_score_render"
    with pytest.raises(Unfit) as caught:
        Origin.of({**GOOD, **change})
    assert "\n" not in str(caught.value)
    for key in ("config", "arguments"):
        with pytest.raises(Unfit, match=f"'{key}' is missing"):
            Origin.of({k: v for k, v in GOOD.items() if k != key})
