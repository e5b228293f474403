import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.signal import framing

AUDIO = np.random.default_rng(0).normal(size=(2, 103, 3)).astype(np.float32)


@pytest.mark.parametrize(("size", "hop"), [(16, 4), (16, 5), (7, 7), (5, 8), (103, 10)])
def test_frames_are_librosas(size, hop):
    ours = framing.frame(jnp.asarray(AUDIO), size, hop)
    theirs = librosa.util.frame(AUDIO, frame_length=size, hop_length=hop, axis=1)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.shape[1] == framing.frame_count(103, size, hop)


@pytest.mark.parametrize(("size", "hop"), [(16, 4), (16, 5), (7, 7), (5, 8)])
def test_overlap_add_is_the_transpose_of_frame(size, hop):
    frames = framing.frame(jnp.asarray(AUDIO), size, hop)
    other = np.random.default_rng(1).normal(size=frames.shape).astype(np.float32)
    joined = framing.overlap_add(jnp.asarray(other), hop)
    length = joined.shape[1]
    assert length == (frames.shape[1] - 1) * hop + size
    left = float((frames * other).sum())
    right = float((AUDIO[:, :length] * joined).sum())
    assert left == pytest.approx(right, rel=1e-4)


def test_end_padding_gives_a_frame_for_every_started_hop():
    for length in (1, 63, 64, 65, 1000):
        pad = framing.end_padding(length, 256, 64)
        assert framing.frame_count(length + sum(pad), 256, 64) == -(-length // 64)


@pytest.mark.parametrize(("count", "size", "hop"), [(1, 8, 4), (2, 8, 4), (5, 9, 5), (6, 12, 3)])
def test_windows_sum_to_one_with_edges(count, size, hop):
    windows = framing.crossfade_windows(count, size, hop)
    total = framing.overlap_add(jnp.asarray(windows)[None, :, :, None], hop)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    assert windows.min() > 0


@pytest.mark.parametrize("shape", ["hann", "linear"])
@pytest.mark.parametrize(("size", "hop"), [(8, 4), (9, 6), (8, 8)])
def test_streamed_windows_sum_to_one_with_edges(shape, size, hop):
    windows = [
        framing.crossfade_window(size, hop, first=i == 0, last=i == 3, shape=shape)
        for i in range(4)
    ]
    total = framing.overlap_add(jnp.asarray(np.stack(windows))[None, :, :, None], hop)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    among = scipy.signal.windows
    whole = {"hann": among.cosine(2 * (size - hop)) ** 2, "linear": among.triang(2 * (size - hop))}
    np.testing.assert_allclose(windows[1][: size - hop], whole[shape][: size - hop], atol=1e-6)


def test_bad_sizes_are_named():
    with pytest.raises(BadInput, match="pad to 200"):
        framing.frame(jnp.asarray(AUDIO), 200, 4)
    with pytest.raises(BadInput, match="use 4 to 8"):
        framing.crossfade_window(8, 3)
    with pytest.raises(BadInput, match="gaps"):
        framing.crossfade_windows(3, 4, 5)
