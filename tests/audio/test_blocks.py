"""Streams of blocks against the same operation on the whole array."""

import numpy as np
import pytest
import soundfile
import soxr

from zoo.audio.blocks import (
    fit_length,
    open_song,
    read_blocks,
    reblock,
    remix,
    resample_blocks,
    skip,
)
from zoo.errors import BadInput


def song(length, channels=2):
    return np.random.default_rng(1).uniform(-0.5, 0.5, (length, channels)).astype(np.float32)


def cut(array, size):
    return [array[..., at : at + size, :] for at in range(0, array.shape[-2], size)]


def join(blocks):
    return np.concatenate(list(blocks), -2)


def test_reblock_skip_fit_keep_every_sample():
    stems = np.stack([song(1000), -song(1000)])
    blocks = list(reblock(cut(stems, 70), 128))
    assert [block.shape[1] for block in blocks] == [128] * 7 + [104]
    np.testing.assert_array_equal(join(blocks), stems)
    np.testing.assert_array_equal(join(skip(cut(stems, 70), 333)), stems[:, 333:])
    np.testing.assert_array_equal(join(fit_length(cut(stems, 70), 555)), stems[:, :555])
    longer = join(fit_length(cut(stems, 70), 1200))
    np.testing.assert_array_equal(longer[:, :1000], stems)
    assert longer.shape == (2, 1200, 2) and not longer[:, 1000:].any()


@pytest.mark.parametrize("source,target", [(44_100, 22_050), (48_000, 44_100), (16_000, 44_100)])
@pytest.mark.parametrize("length", [10, 4999, 30_001])
def test_resampling_in_blocks_equals_soxr_on_the_whole(source, target, length):
    audio = song(length)
    result = join(resample_blocks(cut(audio, 777), source, target))
    assert len(result) == round(length * target / source)
    whole = soxr.resample(audio, source, target)[: len(result)]
    np.testing.assert_allclose(result[: len(whole)], whole, atol=1e-4)


def test_resampling_stems_keeps_each_channel_in_place():
    stems = np.stack([song(3000), 0 * song(3000)])
    result = join(resample_blocks(cut(stems, 500), 44_100, 22_050))
    assert result.shape == (2, 1500, 2) and not result[1].any() and result[0].any()


def test_remix():
    stereo = song(10)
    np.testing.assert_allclose(join(remix([stereo], 1))[:, 0], stereo.mean(1), atol=1e-7)
    assert join(remix([song(10, 1)], 2)).shape == (10, 2)
    assert join(remix([song(10, 6)], 2)).shape == (10, 2)  # the usual downmix of surround sound
    with pytest.raises(BadInput, match="2 channels cannot become 6"):
        list(remix([song(10, 2)], 6))


def test_files_are_read_or_refused_in_one_line(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, song(1000), 8000, subtype="FLOAT")
    facts = open_song(path)
    assert (facts.rate, facts.channels, facts.length) == (8000, 2, 1000)
    np.testing.assert_array_equal(join(read_blocks(facts, 300)), song(1000))
    with pytest.raises(BadInput, match="no such file"):
        open_song(tmp_path / "b.wav")
    (tmp_path / "c.mp3").write_bytes(b"no music at all")
    with pytest.raises(BadInput, match="cannot be read as audio"):
        open_song(tmp_path / "c.mp3")
    soundfile.write(path, np.full((50, 1), np.nan, np.float32), 8000, subtype="FLOAT")
    with pytest.raises(BadInput, match="NaN or infinity"):
        list(read_blocks(open_song(path)))
