"""Creation by refinement: stretches and their scores, a critic that stays, an input that climbs."""

import jax
import numpy as np
import pytest
from scipy.special import expit, softmax

from zoo.data.score_render.instrument import Instrument
from zoo.data.score_render.melodies import EighthSlices
from zoo.data.score_render.scored_melodies import Spoil, redraw_slices, stretches
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.critics import CriticScore
from zoo.models.generation.lewis import Lewis
from zoo.objectives.base import Composing, Request, Variables
from zoo.objectives.refinement import Refinement, decide_pitches, refine_logits, soft

RATE, LENGTH = 8000, 8
NET = Lewis(5)
OBJECTIVE = Refinement(NET, EighthSlices(), Instrument(0, RATE), LENGTH, rounds=100, rate=RATE)
RNG = np.random.default_rng(0)
SCALE = np.array([[i, 1, 60 + i % 7] for i in range(8)], float)  # a bar is 4 of them


def critic():
    slices = np.zeros((1, LENGTH, 15), np.float32)
    shapes = jax.eval_shape(NET.init, jax.random.key(0), slices)
    return jax.tree.map(lambda s: RNG.normal(0, 0.5, s.shape).astype(np.float32), shapes)


VARIABLES = critic()


def test_its_sums():
    w, x = VARIABLES["params"], RNG.uniform(0, 1, (3, LENGTH, 15)).astype(np.float32)
    hidden = 1 / (1 + np.exp(-(x.reshape(3, -1) @ w["enter"]["kernel"] + w["enter"]["bias"])))
    score = 1 / (1 + np.exp(-(hidden @ w["leave"]["kernel"] + w["leave"]["bias"])))
    np.testing.assert_allclose(NET.apply(VARIABLES, x), score[:, 0], rtol=1e-5)


def test_stretches_begin_at_bars_and_count_from_their_lowest_note():
    found = stretches(SCALE, 8)
    assert len(found) == 2 and found[0].shape == (8, 15)
    assert found[0][:, :-1].argmax(1).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found[0][:, -1].tolist() == [1, 0] * 4
    assert found[1][:, :-1].argmax(1).tolist() == [4, 4, 5, 5, 6, 6, 0, 0]
    assert not stretches(SCALE * [1, 1, 4], 16)  # too wide
    assert not stretches(SCALE[[0, 1, 2, 7]], 16)  # a rest


def test_scores_are_shares_of_what_is_as_written():
    slices = stretches(SCALE, 16)[0]
    shares = []
    for seed in range(40):
        made, score = redraw_slices(np.random.default_rng(seed), slices)
        assert (made[:, :-1].sum(1) == 1).all()
        same = (made == slices).all(1).mean()
        assert score <= same <= score + 0.35  # by chance one may be drawn as it was
        shares.append(score)
    assert min(shares) == 0 and max(shares) == 1 and 0.35 < np.mean(shares) < 0.65
    example = Spoil()(np.random.default_rng(3), {"slices": slices})
    made, score = redraw_slices(np.random.default_rng(3), slices)
    np.testing.assert_array_equal(example["slices"], made)
    assert example["score"] == np.float32(score)


def test_the_input_climbs_and_the_critic_stays():
    begun = OBJECTIVE.begun(Request(1, 4, seed=2), 0, np.float32(1))
    chances = np.append(softmax(begun[..., :-1], -1), expit(begun[..., -1:]), -1)
    np.testing.assert_allclose(soft(begun), chances, rtol=1e-5)
    before = jax.tree.map(np.copy, VARIABLES)
    found = refine_logits(NET, VARIABLES, begun, 100, 30.0)
    low, high = (np.asarray(NET.apply(VARIABLES, soft(x))) for x in (begun, found))
    assert (high > low).all() and high.min() > 0.9 * NET.apply(
        VARIABLES, decide_pitches(found)
    ).min()
    jax.tree.map(np.testing.assert_array_equal, before, VARIABLES)
    none = refine_logits(NET, VARIABLES, begun, 0, 30.0)
    np.testing.assert_array_equal(none, begun)
    assert set(np.unique(decide_pitches(found))) == {0.0, 1.0}


def test_it_composes():
    assert isinstance(OBJECTIVE, Composing)
    variables = Variables({"model": VARIABLES["params"]})
    request = Request(5 * RATE, 2, seed=1, chunk=RATE)
    one, other = OBJECTIVE.compose(variables, request)
    again = OBJECTIVE.compose(variables, Request(5 * RATE, 1, seed=1))[0]
    assert one.notes["pitch"].tolist() == again.notes["pitch"].tolist()
    assert one.notes["pitch"].tolist() != other.notes["pitch"].tolist()
    assert one.notes["offset"].max() == 5.0 and 60 <= one.notes["pitch"].min() < 74
    audio = np.concatenate(list(OBJECTIVE.generate(variables, request)), 1)
    assert audio.shape == (2, 5 * RATE, 1) and np.abs(audio).max() > 0.01
    with pytest.raises(BadInput, match="continues no notes"):
        OBJECTIVE.compose(variables, Request(RATE, notes={}))


def test_critics_are_scored_beside_a_constant():
    slices = stretches(SCALE, 16)[0]
    records = [{"track": str(i), "slices": slices} for i in range(6)]
    true = np.array([redraw_slices(np.random.default_rng(i), slices)[1] for i in range(6)])

    def mean(batch):
        return {"score": np.full(len(batch["slices"]), true.mean())}

    info = Info("toy", RATE, 1, (), "", "")
    metrics = CriticScore(4).run(mean, records, info).metrics
    assert metrics["score_error"] == pytest.approx(metrics["score_error_of_their_mean"])
    assert metrics["score_error"] == pytest.approx(np.std(true))
    with pytest.raises(BadInput, match="two melodies"):
        CriticScore().run(mean, records[:1], info)
