"""What the recipe of every config says is what happens: a table of numbers, each with its source.

tests/recipes/recipes.ini states them once, defaults.ini those that no config says. Optimisers are
probed: a toy's parameters move as those of the same recipe in NumPy, at the first steps and late
ones. All else is read off the experiment.
"""

import configparser
import re
import sys
from dataclasses import fields
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo import catalog
from zoo import experiment as experiments

HERE = Path(__file__).parent / "recipes"
sys.path.insert(0, str(HERE))
import expected_optimizers  # noqa: E402
from told import defaults_of, drops, fractions_of_modules, rates_of, told  # noqa: E402
from variants import VARIANTS  # noqa: E402

ROWS = [row.id for entry in catalog.entries() for row in entry.rows]
NAMES = list(catalog.config_files())
TABLE = configparser.RawConfigParser()
TABLE.read(HERE / "recipes.ini")
DEFAULTS = configparser.RawConfigParser()
DEFAULTS.optionxform = str  # names of classes
DEFAULTS.read(HERE / "defaults.ini")
BEGUN = (0, 1, 49, 1000, 123_456, 450_000)  # steps done before
RNG = np.random.default_rng(0)
PARTS = ("sinc", "top", "down", "timbral", "temporal")  # whose rates some configs change
PARAMS = {
    "layer": {"kernel": RNG.normal(size=(2, 3)), "bias": RNG.normal(size=3)},
    **{
        name: {"low": RNG.normal(size=4)} for name in ("sinc", "top", "down", "timbral", "temporal")
    },
}
# Large ones show a clip, small ones an epsilon, those between a penalty.
SIZES = (30.0, 1.0, 0.05, 1e-6)
GRADIENTS = [jax.tree.map(lambda w, s=s: s * RNG.normal(size=w.shape), PARAMS) for s in SIZES]


def normal(text: object) -> str:
    return " ".join(str(text).split())


def stated(row: str) -> dict[str, str]:
    """The table's words on a row: the config's own and what differs from its default.

    Nothing behind a key: the row has none of what its default has.
    """
    assert TABLE.has_section(row), f"say in tests/recipes/recipes.ini what {row} is trained by"
    name = row.partition(".")[0]
    return {k: normal(v) for k, v in {**TABLE[name], **TABLE[row]}.items() if normal(v)}


@cache
def made(row: str):
    return experiments.find_config(row).experiment()


@pytest.mark.parametrize("row", ROWS)
def test_a_config_is_what_the_table_says(row):
    found = {k: v for k, v in told(made(row)).items()}
    found = {k: normal(" ".join(v) if k == "stages" else v) for k, v in found.items()}
    wanted = stated(row)
    assert wanted.pop("source")
    wanted = {k: v for k, v in wanted.items() if k not in ("optimizer", "dropout")}
    assert found == wanted
    unsaid = defaults_of(made(row)).items() - dict(DEFAULTS["defaults"]).items()
    assert not unsaid, "tests/recipes/defaults.ini says otherwise, or nothing"


def test_the_table_has_no_rows_of_its_own():
    assert set(TABLE.sections()) == set(ROWS)


def test_fractions_of_modules_are_those_of_the_table():
    assert fractions_of_modules() == dict(DEFAULTS["modules"])


def path_of(optimizer: optax.GradientTransformation, begun: int) -> list:
    """The toy's parameters after every step; `begun` steps were done with gradients of zero."""
    params = jax.tree.map(jnp.float32, PARAMS)

    def late(leaf: jax.Array) -> jax.Array:
        counts = jnp.issubdtype(leaf.dtype, jnp.integer) and not leaf.ndim
        return jnp.full_like(leaf, begun) if counts else leaf

    state, path = jax.tree.map(late, optimizer.init(params)), []
    for gradient in GRADIENTS:
        updates, state = optimizer.update(jax.tree.map(jnp.float32, gradient), state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    return path


def optimizers_of(experiment) -> list[dict]:
    """Those that training begins with, and of every stage that has its own."""
    return [experiment.optimizers, *(s.optimizers for s in experiment.stages if s.optimizers)]


STATED = [row for row in ROWS if TABLE.has_option(row, "optimizer")]


@pytest.mark.parametrize("name", STATED)
def test_optimisers_step_as_the_table_says(name):
    words = stated(name)["optimizer"]
    found = optimizers_of(made(name))
    if words == "none":
        assert found == [{}]
        return
    wanted = [eval(word, dict(vars(expected_optimizers))) for word in words.split(" then ")]
    assert len(wanted) == len(found)
    for recipe, players in zip(wanted, found):
        assert set(players) == {turn.player for turn in made(name).objective.turns}
        of_each = recipe if isinstance(recipe, dict) else dict.fromkeys(players, recipe)
        assert set(of_each) == set(players)
        for player, optimizer in {id(o): (p, o) for p, o in players.items()}.values():
            for begun in BEGUN:
                compare(path_of(optimizer, begun), of_each[player].path(PARAMS, GRADIENTS, begun))


def compare(ours: list, theirs: list) -> None:
    """Step by step, by the length that a parameter went in it."""
    before = PARAMS
    for number, (a, b) in enumerate(zip(ours, theirs)):
        for x, y, start in zip(*map(jax.tree.leaves, (a, b, before))):
            went = np.abs(y - start).max()
            np.testing.assert_allclose(
                x, y, rtol=0, atol=2e-3 * went + 3e-7, err_msg=f"step {number}"
            )
        before = b


def test_all_rows_of_a_config_share_their_optimiser():
    """But for those of which the table states another."""
    assert set(NAMES) <= set(STATED)
    for row in set(ROWS) - set(STATED):
        own, usual = (optimizers_of(made(r)) for r in (row, row.partition(".")[0]))
        for one, other in zip(own, usual, strict=True):
            for mine, theirs in zip(one.values(), other.values(), strict=True):
                for x, y in zip(path_of(mine, 1000), path_of(theirs, 1000)):
                    jax.tree.map(np.testing.assert_array_equal, x, y)


DROPPING = [name for name in NAMES if made(name).objective.turns and drops(made(name))]


@pytest.mark.parametrize("name", DROPPING)
def test_dropout_drops_what_the_table_says(name):
    """Small, but with all its layers: every rate that a training step takes, in order."""
    config = experiments.find_config(name)
    smoke = {k: v for k, v in config.entry.smoke.items() if k != "layers"}
    assert rates_of(config.experiment(**smoke)) == stated(name).get("dropout", "")


def test_no_dropout_is_left_out():
    assert {name for name in NAMES if "dropout" in TABLE[name]} <= set(DROPPING)
    assert len(DROPPING) > 20


def text(experiment) -> str:
    """Everything of an experiment but its optimisers, without addresses."""
    kept = {f.name: getattr(experiment, f.name) for f in fields(experiment)}
    return re.sub(" at 0x[0-9a-f]+", "", repr(kept | {"optimizers": None}))


OPTIMISERS = {"learning_rate", "decay", "epochs", "with_muon"}
VARIED = [row for row in ROWS if "." in row and experiments.find_config(row).row.arguments]


@pytest.mark.parametrize("row", VARIED)
def test_every_argument_of_a_row_differs_and_reaches_what_is_made(row):
    """But for those of an optimiser that the table states: its steps are compared above."""
    config = experiments.find_config(row)
    usual = experiments.find_config(row.partition(".")[0]).defaults
    whole = text(made(row))
    idle = []
    for name, value in config.row.arguments.items():
        assert value != usual[name], f"{name} is the default: leave it out of the row"
        if text(config.experiment(**{name: usual[name]})) == whole:
            idle.append(name)
    assert not idle or (row in STATED and set(idle) <= OPTIMISERS), idle


@pytest.mark.parametrize("row", VARIANTS)
def test_published_variants_are_made_of_what_their_code_says(row):
    player, kind, facts = VARIANTS[row]
    network = getattr(made(row).objective, player)
    assert type(network).__name__ == kind
    assert {name: getattr(network, name) for name in facts} == facts
