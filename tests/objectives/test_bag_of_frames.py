"""A codebook of training frames, its words counted in every clip, a classifier of the counts."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from sklearn.cluster import MiniBatchKMeans

from zoo.errors import BadInput
from zoo.objectives.bag_of_frames import BagOfFrames
from zoo.objectives.fitted import Fitted
from zoo.objectives.shallow import LinearSVM

CLIPS, FRAMES, WORDS = 40, 30, 5


class Pairs(nn.Module):
    """Neighbours as frames of two, [B T 1] -> [B T/2 2]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        return x[..., 0].reshape(len(x), -1, 2)


def clips(seed):
    """Frames near five points; a tag says whether more than a fifth are near the first."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(WORDS, 2)) * 10
    share = draw.uniform(0, 0.4, CLIPS)
    word = np.where(
        draw.random((CLIPS, FRAMES)) < share[:, None], 0, draw.integers(1, WORDS, (CLIPS, FRAMES))
    )
    frames = centres[word] + 0.1 * draw.normal(size=(CLIPS, FRAMES, 2))
    tags = ((word == 0).mean(1) > 0.2).astype(np.float32)[:, None]
    audio = frames.reshape(CLIPS, -1, 1).astype(np.float32)
    return {"audio": audio, "tags": tags, "known": np.ones_like(tags)}, word


def fitted(words=WORDS, **how):
    objective = BagOfFrames(Pairs(), LinearSVM((1.0,)), words=words, **how)
    splits = [clips(seed)[0] for seed in (1, 2)]
    variables = jax.jit(objective.init)(jax.random.key(0), splits[0])
    found = [
        {**part, **jax.device_get(objective.describe(variables, part, None))} for part in splits
    ]
    return objective, variables, objective.fit(variables, *found, lambda *_: None), splits


def test_words_are_those_of_the_nearest_centre_and_counted_per_clip():
    objective, before, learnt, (_, held) = fitted()
    book = learnt.collections["classifier"]["codebook"]
    found = np.asarray(objective.embed(learnt, held, jax.random.key(0))["embedding"])
    frames = held["audio"][..., 0].reshape(-1, 2)
    oracle = MiniBatchKMeans(WORDS).fit(np.random.default_rng(0).normal(size=(50, 2)))
    oracle.cluster_centers_ = np.asarray(book["centres"], np.float64)
    scaled = (frames - book["mean"]) / book["deviation"]
    words = oracle.predict(scaled.astype(np.float64)).reshape(CLIPS, FRAMES)
    np.testing.assert_allclose(found, np.eye(WORDS)[words].mean(1), atol=1e-6)
    assert jax.tree.map(np.shape, before) == jax.tree.map(np.shape, learnt)
    assert len(np.unique(words)) == WORDS


def test_a_tag_of_how_often_is_learnt_where_means_hardly_tell_it():
    objective, _, learnt, (_, held) = fitted()
    predicted = np.asarray(objective.predict(learnt, held, jax.random.key(0))["prediction"])
    assert ((predicted > 0.5) == held["tags"]).mean() > 0.9


def test_the_codebook_is_of_training_frames_alone():
    objective, variables, learnt, (train, held) = fitted()
    part = {**train, **jax.device_get(objective.describe(variables, train, None))}
    other = {**held, "features": 100 + np.asarray(part["features"])}
    again = objective.fit(variables, part, other, lambda *_: None)
    one, two = (v.collections["classifier"]["codebook"] for v in (learnt, again))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert np.abs(one["mean"] - part["features"].mean((0, 1))).max() < 1e-4


def test_what_makes_no_codebook_is_refused():
    with pytest.raises(BadInput, match="words=9999: give fewer"):
        fitted(words=9999)

    class Whole(nn.Module):
        @nn.compact
        def __call__(self, x, *, train=False):
            return x[..., 0]

    with pytest.raises(BadInput, match="a bag is of frames"):
        BagOfFrames(Whole(), LinearSVM()).init(jax.random.key(0), clips(1)[0])
    assert issubclass(BagOfFrames, Fitted)
