"""Two separators as one: stems or weights mixed, by name, and what cannot be mixed."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import zoo
from zoo.errors import BadInput
from zoo.runs import inference
from zoo.songs import blending

TINY = {"size": "tiny", "levels": 2, "width": 2, "samples": 512}
SONG = np.random.default_rng(0).normal(0, 0.1, (1500, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def runs():
    return [zoo.create("wave_unet_score_render", seed=seed, **TINY).trained for seed in (1, 2)]


def stems(trained):
    predict = inference.predictor(trained.experiment.objective, trained.mesh)(trained.variables)
    evaluation = trained.experiment.evaluation
    return evaluation.stems(predict, lambda: iter([SONG]), 16_000)


def test_stems_are_mixed_by_their_names(runs):
    first, second = runs
    alone, other = map(stems, runs)
    # The other model gives its stems in another order: its first is named 'vocals'.
    evaluation = second.experiment.evaluation
    turned = replace(evaluation, how=replace(evaluation.how, sources=evaluation.how.sources[::-1]))
    second = replace(second, experiment=replace(second.experiment, evaluation=turned))
    mixed = stems(blending.blend_runs(first, second, 0.25, "outputs"))
    assert list(mixed) == list(alone)
    for name, opposite in zip(alone, reversed(alone)):
        wanted = 0.75 * alone[name] + 0.25 * other[opposite]
        np.testing.assert_allclose(mixed[name], wanted, atol=1e-6)
    assert np.abs(alone["drums"] - other["drums"]).max() > 1e-3


def test_weights_are_mixed_array_by_array(runs):
    mixed = blending.blend_runs(*runs, 0.25, "weights")
    trees = [jax.tree.leaves(run.variables) for run in (mixed, *runs)]
    for ours, one, other in zip(*trees, strict=True):
        np.testing.assert_allclose(ours, 0.75 * one + 0.25 * other, atol=1e-6)
    assert mixed.fingerprint() != runs[0].fingerprint()
    assert blending.suffix(mixed) == "_weights_0.75_and_0.25_wave_unet_score_render"
    assert blending.suffix(runs[0]) == ""


def test_what_cannot_be_mixed_is_said_in_a_line(runs):
    first = runs[0]
    wider = zoo.create("wave_unet_score_render", **{**TINY, "width": 3}).trained
    with pytest.raises(BadInput, match="--blend_of outputs"):
        blending.blend_runs(first, wider, 0.5, "weights")
    karaoke = zoo.create("mrcae_score_render", lengths="2,3", filters="2", samples=64).trained
    with pytest.raises(BadInput, match="gives vocals, accompaniment at 16,000 Hz and wave_unet"):
        blending.blend_runs(first, karaoke, 0.5, "outputs")
    tagger = zoo.create("samplecnn_score_render", size="tiny").trained
    with pytest.raises(BadInput, match="samplecnn_score_render does not separate"):
        blending.blend_runs(first, tagger, 0.5, "outputs")
    with pytest.raises(BadInput, match="share from 0 to 1"):
        blending.blend_runs(*runs, 1.5, "outputs")
    with pytest.raises(BadInput, match="name the other run"):
        blending.requested_blend(first, None, 0.3, "outputs")
