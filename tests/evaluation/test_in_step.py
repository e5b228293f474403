"""Estimates that do not fit their references are refused in a line, whoever scores them."""

import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.separation import Separation, matched_blocks
from zoo.songs.segments import Segments, echo, shifted_blocks
from zoo.songs.separating import Separator

RATE = 100
INFO = Info("toy", RATE, 2, ("a", "b"), "", "")
HOW = Separator(Segments(64), RATE, 2, ("a", "b"))


def noise(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("ratios", ["sdr", "full"])
@pytest.mark.parametrize("length", [1, RATE - 1, RATE, 3 * RATE, 3 * RATE + 1])
@pytest.mark.parametrize("more", [-1, 1, -RATE, RATE])
def test_a_sample_more_or_less_is_refused(ratios, length, more):
    evaluation = Separation(HOW, ratios=ratios)
    estimate = noise(2, max(0, length + more), 2)
    with pytest.raises(BadInput, match="let both have the same stems, samples and channels"):
        evaluation.rows("t", [noise(2, length, 2)], [estimate], RATE)


@pytest.mark.parametrize("shape", [(1, 200, 2), (2, 200, 1), (2, 200, 3)])
def test_other_stems_or_channels_are_refused(shape):
    with pytest.raises(BadInput, match=f"estimates of {shape[0]} stems"):
        Separation(HOW).rows("t", [noise(2, 200, 2)], [noise(*shape)], RATE)


def test_a_residual_is_not_in_the_way():
    pairs = list(matched_blocks(iter([noise(2, 9, 1)]), iter([noise(3, 9, 1)])))
    assert [x.shape for x in pairs[0]] == [(2, 9, 1), (3, 9, 1)]


@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65])
@pytest.mark.parametrize("segments", [Segments(64), Segments(64, hop=16, window="fade")])
def test_ten_shifts_leave_songs_shorter_than_a_segment_alone(length, segments):
    song = noise(length, 2)
    made = shifted_blocks(echo(segments), [song], segments, 2, shifts=10, reach=50)
    np.testing.assert_allclose(np.concatenate([song[:0], *(x[0] for x in made)]), song, atol=1e-6)
