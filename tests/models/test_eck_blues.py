"""LSTM blues: its sums in NumPy, who feeds whom, twelve bars and what is made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.score_render.instrument import Instrument
from zoo.data.twelve_bars import BluesNotes, TwelveBars, chorus
from zoo.errors import BadInput
from zoo.models.generation.eck_blues import EckBlues, LSTMBlocks
from zoo.objectives.base import Composing, Request, Variables
from zoo.objectives.blues import Blues
from zoo.sampling.rule import SamplerRule

RATE = 8000
NET = EckBlues(blocks=3, cells=2)
OBJECTIVE = Blues(NET, steps=BluesNotes(), instrument=Instrument(0, RATE), rate=RATE)
RNG = np.random.default_rng(0)
ROLL = RNG.integers(0, 2, (2, 7, 25)).astype(np.float32)


def drawn():
    shapes = jax.eval_shape(NET.init, jax.random.key(0), ROLL)
    return jax.tree.map(lambda s: RNG.normal(0, 0.7, s.shape).astype(np.float32), shapes)


VARIABLES = drawn()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dense(w, x):
    return x @ w["kernel"] + w["bias"]


def blocks(w, cells, read):
    enter, keep, leave = np.split(sigmoid(dense(w["gates"], read)).repeat(2, 1), 3, 1)
    cells = keep * cells + enter * np.tanh(dense(w["cells"], read))
    return cells, leave * np.tanh(cells)


def logits(w, roll):
    cells = chord = own = tune = np.zeros((len(roll), 6))
    found = []
    for played in roll.swapaxes(0, 1):
        before = chord
        cells, chord = blocks(w["chords"], cells, np.concatenate([played[:, :12], chord], 1))
        own, tune = blocks(w["melody"], own, np.concatenate([played[:, 12:], before, tune], 1))
        units = dense(w["chord_units"], chord), dense(w["melody_units"], tune)
        found.append(np.concatenate(units, 1))
    return np.stack(found, 1)


def test_its_sums():
    found = NET.apply(VARIABLES, ROLL)
    np.testing.assert_allclose(found, logits(VARIABLES["params"], ROLL), atol=1e-4)


def test_forget_gates_begin_open():
    begin = jax.jit(LSTMBlocks(3, 2).init)
    variables = begin(jax.random.key(0), np.zeros((1, 6)), np.zeros((1, 4)))
    np.testing.assert_array_equal(variables["params"]["gates"]["bias"], np.repeat([0, 1, 0], 3))


def test_the_melody_does_not_reach_the_chords():
    reads = jax.jit(jax.jacobian(lambda roll: NET.apply(VARIABLES, roll).sum((0, 1))))(ROLL)
    reached = np.abs(reads).max((1, 2)) > 0  # [unit out, unit in]
    assert reached[:12, :12].all() and not reached[:12, 12:].any()
    assert reached[12:, 12:].all() and reached[12:, :12].all()


def test_two_melodies_a_bar_over_the_same_chords():
    one, other = chorus(0), chorus(0b100000000001)
    assert one.shape == (96, 25) and (one[:, 12:].sum(1) == 1).all()
    np.testing.assert_array_equal(one[:, :12], other[:, :12])
    different = (one != other).any(1).reshape(12, 8).any(1)
    assert np.flatnonzero(different).tolist() == [0, 11]
    assert np.flatnonzero(one[0, :12]).tolist() == [0, 4, 7, 10]
    source = TwelveBars()
    tracks = [{r["track"] for r in source.open(s)} for s in ("train", "validation", "test")]
    choruses = [{half for track in each for half in track.split("-")} for each in tracks]
    assert [len(each) for each in choruses] == [2048, 64, 128]
    assert len(set.union(*choruses)) == sum(map(len, choruses))
    record = source.open("test")[0]
    assert record["roll"].shape == source.blank()["roll"].shape and not record["roll"][0].any()


def test_steps_as_notes():
    notes = BluesNotes(0.5, 60).decode(chorus(0))
    low = notes["pitch"] < 60
    assert low.sum() == 48  # four notes in each of twelve bars
    assert notes["offset"].max() == 48.0
    tune = {key: value[~low][:4] for key, value in notes.items()}
    assert tune["pitch"].tolist() == [60, 63, 65, 67]
    np.testing.assert_allclose(tune["onset"], [0, 0.5, 1, 1.5])
    np.testing.assert_allclose(tune["offset"], [0.5, 1, 1.5, 2.5])  # 67 twice is one
    assert not len(BluesNotes().decode(np.zeros((8, 25)))["pitch"])


def test_it_decides():
    raw = np.full((1, 25), -9.0, np.float32)
    raw[0, [0, 4]] = 9
    raw[0, 15], raw[0, 17] = 0.2, 0.1
    none = NET.decide(jnp.asarray(raw), jnp.zeros((1, 14)), 0.0)
    assert np.flatnonzero(none[0]).tolist() == [0, 4, 15]
    raw[0, 12:] = -9
    assert np.flatnonzero(NET.decide(jnp.asarray(raw), jnp.zeros((1, 14)), 0.0)[0]).tolist() == [
        0,
        4,
    ]


def test_it_composes():
    assert isinstance(OBJECTIVE, Composing)
    variables = Variables({"model": VARIABLES["params"]})
    length = 41 * RATE // 8  # 20 steps and a half
    request = Request(length, 2, seed=1, chunk=RATE)
    one, other = OBJECTIVE.compose(variables, request)
    again = OBJECTIVE.compose(variables, Request(length, 1, seed=1))[0]
    for name, column in one.notes.items():
        np.testing.assert_array_equal(column, again.notes[name])
    assert one.notes["pitch"].tolist() != other.notes["pitch"].tolist()
    assert max(one.notes["offset"]) == length / RATE
    audio = np.concatenate(list(OBJECTIVE.generate(variables, request)), 1)
    assert audio.shape == (2, length, 1) and np.abs(audio).max() > 0.01
    with pytest.raises(BadInput, match="draws no symbols"):
        OBJECTIVE.compose(variables, Request(RATE, rule=SamplerRule(top_k=3)))
