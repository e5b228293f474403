"""Ensembles of shifts, gains and checkpoints: their mean, their spread, and its curve on a page."""

import html
import json
import re
from dataclasses import dataclass, replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.pages import own
from zoo.songs import ensembles
from zoo.songs.ensembles import Members
from zoo.songs.segments import Segments
from zoo.songs.separating import Partner, Separator, separate
from zoo.songs.spreads import _BELOW, ABOVE, Spread

SEGMENTS = Segments(40, 32, 16, "fade", batch=2)
HOW = Separator(SEGMENTS, 8000, 1, ("near", "far"))
SONG = np.random.default_rng(0).normal(0, 0.3, (300, 1)).astype(np.float32)


@dataclass(frozen=True)
class Bent:
    """'near' knows of no level and no place; 'far' is bent, and knows where in its segment it is.

    [B T 1] -> [B T-4 2 1], as a net of unpadded filters; `variables` is a factor.
    """

    def predict(self, variables, batch, rng):
        x = batch["mixture"][:, 2:-2]
        place = 1 + jnp.arange(x.shape[1])[:, None] / 100
        return {"prediction": jnp.stack([0.5 * x, variables * jnp.tanh(x) * place], 2)}


def run(chosen, variables, how=HOW):
    predict = ensembles.ensemble_predictor(Bent(), variables, how.segments, chosen)
    how = ensembles.ensemble_separator(how, chosen)
    stems = np.concatenate(list(separate(predict, lambda: iter([SONG]), 8000, how)), 1)
    return stems, how.spread


def test_every_member_sees_its_own_shift_level_and_weights():
    chosen, factors = Members((0, 3, 5), (1.0, 0.5)), (jnp.float32(1.0), jnp.float32(2.0))
    window = SONG[: SEGMENTS.input + 5]
    predict = ensembles.ensemble_predictor(Bent(), factors, SEGMENTS, chosen)
    found = predict({"mixture": window[None]})["prediction"][0]
    parts = []
    for factor in (1.0, 2.0):
        for shift in chosen.shifts:
            for gain in chosen.gains:
                x = window[shift + 2 : shift + 38] * gain  # what a member reads and keeps
                place = 1 + np.arange(36)[:, None] / 100
                y = np.stack([0.5 * x, factor * np.tanh(x) * place], 1) / gain
                parts.append(y[2 + 5 - shift :][:27])  # the centre that all members share
    np.testing.assert_allclose(found[:, :2], np.mean(parts, 0), atol=1e-5)
    np.testing.assert_allclose(found[:, 2:], np.std(parts, 0), atol=1e-5)


def test_stems_are_in_place_and_what_matters_not_has_no_spread():
    stems, spread = run(Members((0, 3, 5)), [jnp.float32(1.0)])
    np.testing.assert_allclose(stems[0], 0.5 * SONG, atol=1e-5)
    curves = spread.curves(("near", "far"), 0.5)
    assert curves["seconds"] == 0.5
    assert curves["db"]["near"] == [ABOVE] and 5 < curves["db"]["far"][0] < 40


def test_a_single_member_is_the_network_itself():
    stems, spread = run(Members((0,), (1.0,)), [jnp.float32(1.0)])

    def predict(batch):
        return {"prediction": np.asarray(Bent().predict(1.0, batch, None)["prediction"])}

    alone = np.concatenate(list(separate(predict, lambda: iter([SONG]), 8000, HOW)), 1)
    np.testing.assert_allclose(stems, alone, atol=1e-6)
    assert spread.curves(("near", "far"), 1.0)["db"]["far"] == [ABOVE]


def test_curves_follow_the_song_and_silence_is_not_sure():
    spread = Spread()
    loud, soft, none = np.full((1, 10, 1), 1.0), np.full((1, 10, 1), 0.1), np.zeros((1, 10, 1))
    blocks = [np.concatenate(pair) for pair in ((loud, soft), (loud, loud), (none, none))]
    kept = np.concatenate(list(spread.taken(iter(blocks), 10)), 1)
    assert kept.shape == (1, 30, 1)
    curves = spread.curves(("voice",), 2.0)
    np.testing.assert_allclose(curves["db"]["voice"], [20, 0, _BELOW], atol=0.01)
    page = own.confidence(curves)
    assert "Confidence" in page and "voice" in page and "<path" in page
    page = own.confidence({"seconds": 0.34, "db": {"voice": [20.0, 0.0, -5.0]}})
    (lines,) = re.findall(r'data-lines="([^"]*)" data-read="% s"', page)
    points = json.loads(html.unescape(lines))[0][1]
    assert [second for _, second, _ in points] == [0, 0.34, 0.68]  # and no two at one place
    assert len({x for x, _, _ in points}) == 3


def test_shifts_lie_within_half_a_step():
    chosen = ensembles.members(SEGMENTS, 4)
    assert chosen.shifts == (0, 2, 4, 6) and chosen.gains == ensembles.LEVELS
    wider = ensembles.widened(SEGMENTS, chosen)
    assert (wider.input, wider.kept, wider.step) == (46, 26, 16)


def test_what_has_no_spread_is_refused():
    chosen = Members((0, 1))
    with pytest.raises(BadInput, match="of one network"):
        ensembles.ensemble_separator(
            replace(HOW, partners=(Partner(lambda b: b, HOW, 0.5),)), chosen
        )
    blind = replace(HOW, segments=replace(SEGMENTS, unordered=True))
    with pytest.raises(BadInput, match="named stems"):
        ensembles.ensemble_separator(blind, chosen)
    with pytest.raises(BadInput, match="one at least"):
        Members((), (1.0,))
    with pytest.raises(BadInput, match="101 shifts: 100 are the most"):
        ensembles.members(SEGMENTS, 101)
    with pytest.raises(BadInput, match=r"shifts=1001: .* 1000 at most"):
        replace(HOW, shifts=1001)
    published = SimpleNamespace(name="demucs_v1", directory=None, variables=None)
    with pytest.raises(BadInput, match="of a run's folder"):
        ensembles.checkpoints(published, 2)
