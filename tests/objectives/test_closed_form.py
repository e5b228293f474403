"""Systems without turns: what they need, and how evaluation hands it to them."""

import jax
import numpy as np
import pytest

from zoo import mesh as meshes
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.separation import Separation
from zoo.models.separation.masks import IdealMask
from zoo.objectives.base import Variables
from zoo.objectives.closed_form import ClosedForm
from zoo.runs import inference
from zoo.songs.oracle import separate_known
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

INFO = Info("noise", 1000, 1, ("low", "high"), "none", "here")
SEGMENTS = Segments(1024, 1024 - 256, key="mixture")


def records(count=3, length=2000):
    """One track of white noise and a slow tone, as int16."""
    draw = np.random.default_rng(0)
    tone = np.sin(np.arange(count * length) * 0.1)
    stems = np.stack([tone * 0.3, draw.uniform(-0.3, 0.3, count * length)])
    pcm = (stems * 32_767).astype(np.int16)[:, :, None]
    parts = np.split(pcm, count, 1)
    return [{"track": "one", "chunk": n, "stems": part} for n, part in enumerate(parts)]


def predictor(objective):
    return inference.predictor(objective, meshes.make_mesh(1))(Variables({}))


def score(objective, oracle=True, **how):
    separator = Separator(SEGMENTS, how.get("rate", 1000), 1, ("low", "high"))
    evaluation = Separation(separator, oracle=oracle)
    return evaluation.run(predictor(objective), records(), INFO)


def test_learns_nothing():
    objective = ClosedForm(IdealMask())
    batch = {"mixture": np.zeros((1, 4096, 1)), "stems": np.zeros((1, 4096, 2, 1))}
    assert objective.turns == ()
    assert not jax.tree.leaves(objective.init(jax.random.key(0), batch))


def test_oracles_are_scored_and_doing_nothing_is_worse():
    mask = score(ClosedForm(IdealMask("irm", 2.0, 128, 64)))
    nothing = score(ClosedForm(IdealMask("mixture")))
    name = "sdr_median_of_track_medians/low"
    assert mask.metrics[name] > nothing.metrics[name] + 5
    assert "given the references" in mask.protocol and mask.counts["frames"] == 6


def test_without_references_it_says_what_to_do():
    with pytest.raises(BadInput, match=r"evaluate\.py"):
        score(ClosedForm(IdealMask()), oracle=False)


def test_another_rate_is_refused():
    with pytest.raises(BadInput, match="let both be the same"):
        score(ClosedForm(IdealMask()), rate=2000)


def test_mixture_and_references_reach_the_system_in_the_same_segments():
    """A system that hands its references back is a perfect separator, to the last sample."""

    def echo(batch):
        np.testing.assert_allclose(batch["mixture"], batch["stems"].sum(2), atol=1e-6)
        return {"prediction": batch["stems"]}

    draw = np.random.default_rng(0)
    stems = draw.uniform(-1, 1, (2, 5001, 2)).astype(np.float32)
    pairs = [(part.sum(0), part) for part in np.array_split(stems, 4, 1)]
    how = Separator(SEGMENTS, 1000, 2, ("low", "high"))
    info = Info("noise", 1000, 2, ("low", "high"), "none", "here")
    result = np.concatenate(list(separate_known(echo, pairs, how, info)), 1)
    np.testing.assert_allclose(result, stems, atol=1e-6)
