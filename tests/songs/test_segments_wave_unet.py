"""A context Wave-U-Net over a song in segments equals one pass over all of it."""

import jax
import numpy as np
import pytest

from zoo.models.separation.wave_unet import WaveUNet
from zoo.songs.segments import Segments, separate_blocks

NET = WaveUNet(levels=3, width=4, context=True, channels=1, output="difference")


@pytest.fixture(scope="module")
def predict():
    variables = NET.init(jax.random.key(0), np.zeros((1, NET.input_length(21), 1), np.float32))
    apply = jax.jit(NET.apply)
    return lambda batch: {"prediction": np.asarray(apply(variables, batch["mixture"]))}


def run(predict, song, output, hop):
    segments = Segments(NET.input_length(21), output, hop, batch=2)
    return np.concatenate(list(separate_blocks(predict, [song], segments, 1)), 1)


def test_segments_equal_one_pass_where_the_hop_is_a_multiple_of_the_stride(predict):
    song = np.random.default_rng(0).uniform(-0.3, 0.3, (150, 1)).astype(np.float32)
    length = NET.input_length(len(song))
    given = NET.output_length(length)
    before = (length - given) // 2
    padded = np.pad(song, ((before, length - before - len(song)), (0, 0)))
    whole = predict({"mixture": padded[None]})["prediction"][0].swapaxes(0, 1)[:, : len(song)]
    assert NET.output_length(NET.input_length(21)) == 21
    seamless = run(predict, song, 21, 16)
    np.testing.assert_allclose(seamless, whole, atol=1e-6)
    np.testing.assert_allclose(seamless.sum(0), song, atol=1e-6)
    assert np.abs(run(predict, song, 21, 21) - whole).max() > 1e-4
