"""Todd's network: its sums in NumPy, playing as it was taught, three melodies without a mistake."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from zoo.data.score_render.instrument import Instrument
from zoo.data.score_render.melodies import EighthSlices, sliced
from zoo.data.score_render.scores import Piece
from zoo.errors import BadInput
from zoo.evaluation.melodies import MelodyRecall
from zoo.models.generation.todd import Todd, decide_units
from zoo.objectives.base import Composing, Request, Variables
from zoo.objectives.planned_melodies import PlannedMelodies
from zoo.sampling.rule import SamplerRule

RATE = 8000
NET = Todd(outputs=4, hidden=8, decay=0.7)
OBJECTIVE = PlannedMelodies(NET, EighthSlices(), Instrument(0, RATE), 3, RATE)
TUNES = ([0, 1, 2, 2, 1, 0], [2, 2, 1, 0, 0, 1], [1, 0, 1, 2, 0, 2])


def melodies():
    slices = np.zeros((3, 6, 4), np.float32)
    for melody, tune in zip(slices, TUNES):
        melody[np.arange(6), tune] = 1
        melody[:, 3] = np.append(1, np.diff(tune) != 0)
    return {"plan": np.eye(3, dtype=np.float32), "slices": slices}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_state_is_what_was_played_fading():
    batch, rng = melodies(), np.random.default_rng(0)
    shapes = jax.eval_shape(NET.init, jax.random.key(0), batch["plan"], batch["slices"])
    variables = jax.tree.map(lambda s: rng.normal(size=s.shape).astype(np.float32), shapes)
    w = variables["params"]
    found = NET.apply(variables, batch["plan"], batch["slices"])
    for t in range(6):
        state = sum(
            (0.7 ** (t - 1 - k) * batch["slices"][:, k] for k in range(t)), np.zeros((3, 4))
        )
        read = np.concatenate([batch["plan"], state], 1)
        hidden = sigmoid(read @ w["enter"]["kernel"] + w["enter"]["bias"])
        units = sigmoid(hidden @ w["leave"]["kernel"] + w["leave"]["bias"])
        np.testing.assert_allclose(found[:, t], units, rtol=1e-4)


def test_decisions():
    units = jnp.array([[0.6, 0.9, 0.2, 0.4], [0.3, 0.4, 0.1, 0.8]])
    np.testing.assert_array_equal(decide_units(units), [[0, 1, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def learnt():
    batch = melodies()
    optimizer = optax.adam(0.05)
    begun = OBJECTIVE.init(jax.random.key(1), batch)
    (turn,) = OBJECTIVE.turns

    def step(carry, _):
        params, state = carry
        slope = jax.grad(lambda p: turn.loss(Variables({"model": p}), batch, None, 0)[0])(params)
        updates, state = optimizer.update(slope, state, params)
        return (optax.apply_updates(params, updates), state), None

    start = begun.params["model"], optimizer.init(begun.params["model"])
    (params, _), _ = jax.jit(lambda s: jax.lax.scan(step, s, length=1500))(start)
    return Variables({"model": params})


def test_three_melodies_are_learnt_without_a_mistake(learnt):
    batch = melodies()
    records = [
        {"track": str(i), **{key: value[i] for key, value in batch.items()}} for i in range(3)
    ]
    report = MelodyRecall().run(lambda b: OBJECTIVE.predict(learnt, b, None), records, None)
    assert report.metrics == {"slice_errors": 0.0}
    silent = MelodyRecall().run(lambda b: {"slices": 0 * b["slices"]}, records, None)
    assert silent.metrics == {"slice_errors": 1.0} and silent.counts == {"melodies": 3}


def test_it_plays_what_it_learnt_and_plans_between(learnt):
    assert isinstance(OBJECTIVE, Composing)
    request = Request(length=round(1.5 * RATE), count=3, chunk=5000)
    for tune, performance in zip(TUNES, OBJECTIVE.compose(learnt, request)):
        kept = np.append(True, np.diff(tune) != 0)
        assert performance.notes["pitch"].tolist() == (60 + np.array(tune)[kept]).tolist()
        assert performance.notes["offset"].max() == 1.5
    audio = np.concatenate(list(OBJECTIVE.generate(learnt, request)), 1)
    assert audio.shape == (3, request.length, 1) and 0.01 < np.abs(audio).max() < 1
    plans = [OBJECTIVE._plan(5, voice) for voice in range(4)]
    assert all(np.isclose(plan.sum(), 1) and 0 < plan.max() < 1 for plan in plans)
    assert len({tuple(plan) for plan in plans}) == 4
    with pytest.raises(BadInput, match="draws no symbols"):
        OBJECTIVE.compose(learnt, Request(RATE, rule=SamplerRule(top_k=3)))
    with pytest.raises(BadInput, match="continues no notes"):
        OBJECTIVE.compose(learnt, Request(RATE, notes={}))


def test_slices_of_a_part_and_back():
    soprano = np.array([[0, 1, 72], [1, 0.5, 72], [1.5, 0.5, 74], [2.5, 1.5, 76]], float)
    bass = np.array([[0, 8, 40]], float)
    slices = sliced(Piece("a", "chorale", "", (bass, soprano), np.zeros((0, 2))), 8)
    assert slices[:, -1].tolist() == [1, 0, 1, 1, 0, 1, 0, 0]
    notes = EighthSlices(72, 0.25).decode(slices)
    assert notes["pitch"].tolist() == [72, 72, 74, 76]
    assert notes["onset"].tolist() == [0, 0.5, 0.75, 1.25]
    assert notes["offset"].tolist() == [0.5, 0.75, 1.0, 2.0]
    assert sliced(Piece("a", "chorale", "", (soprano,), np.zeros((0, 2))), 9) is None
    wide = soprano + np.array([[0, 0, 0], [0, 0, 14], [0, 0, 0], [0, 0, 0]])
    assert sliced(Piece("a", "chorale", "", (wide,), np.zeros((0, 2))), 8) is None
