"""The segment engine against one pass over the whole song."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.songs.segments import (
    Segments,
    echo,
    identity_error,
    regroup_blocks,
    separate_blocks,
    shifted_blocks,
)

KERNEL = np.hanning(33)[1:-1].astype(np.float32)
SIDE = len(KERNEL) // 2


def noise(length, channels=2, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (length, channels)).astype(np.float32)


def pieces(song, sizes):
    edges = np.cumsum([0, *sizes, len(song)])
    return [song[a:b] for a, b in pairwise(edges.clip(0, len(song)))]


def valid_filter(batch):
    """An unpadded convolution, and the centre of its input as a second source."""
    audio = batch["mixture"]
    first = np.apply_along_axis(np.convolve, 1, audio, KERNEL, "valid")
    return {"prediction": np.stack([first, audio[:, SIDE:-SIDE]], 2).astype(np.float32)}


def decimating(batch):
    """Unpadded, and bound to a grid of 4 samples like a strided network: holds each fourth."""
    audio = batch["mixture"]
    held = np.repeat(audio[:, ::4], 4, 1)[:, : audio.shape[1]]
    return {"prediction": held[:, 8:-8, None]}


def whole(predict, song, context):
    padded = np.pad(song, ((context, context), (0, 0)))
    return predict({"mixture": padded[None]})["prediction"][0][: len(song)].swapaxes(0, 1)


def run(predict, song, segments, blocks=None):
    blocks = [song] if blocks is None else blocks
    return np.concatenate(list(separate_blocks(predict, blocks, segments, song.shape[1])), 1)


@pytest.mark.parametrize("length", [1, 99, 100, 101, 1000, 1234])
@pytest.mark.parametrize("window,hop", [("none", None), ("none", 64), ("fade", 50), ("fade", 77)])
def test_context_model_in_segments_equals_one_pass(length, window, hop):
    song = noise(length)
    segments = Segments(100 + 2 * SIDE, 100, hop, window, batch=3)
    result = run(valid_filter, song, segments, pieces(song, [1, 7, 300, 0, 2]))
    assert result.shape == (2, length, 2)
    np.testing.assert_allclose(result, whole(valid_filter, song, SIDE), atol=2e-5)


def test_hop_at_a_multiple_of_the_stride_is_seamless_and_another_is_not():
    song = noise(500)
    expected = whole(decimating, song, 8)
    seamless = run(decimating, song, Segments(118, 102, 100))
    np.testing.assert_array_equal(seamless, expected)
    assert np.abs(run(decimating, song, Segments(118, 102)) - expected).max() > 0.1


@pytest.mark.parametrize(
    "segments",
    [
        Segments(64),
        Segments(64, window="fade", hop=16),
        Segments(64, window="fade", hop=48, batch=4),
        Segments(65, 32, 20, "fade"),
        Segments(1474, 164, batch=2),
        Segments(64, 40, key="song", time_axis=2),
    ],
)
def test_identity_comes_back_aligned_with_exact_length(segments):
    for length in (1, 63, 64, 65, 129, 5000):
        assert identity_error(segments, length) < 1e-6


def test_identity_check_sees_a_shift_by_one_sample(monkeypatch):
    segments = Segments(64, 40)

    def late(segments):
        right = echo(segments)
        return lambda batch: {"prediction": np.roll(right(batch)["prediction"], 1, 1)}

    monkeypatch.setattr("zoo.songs.segments.echo", late)
    assert identity_error(segments) > 0.1


def test_padded_model_with_cropped_output_discards_its_edges():
    song = noise(400)

    def padded(batch):  # full length, wrong within 8 samples of the edges
        output = batch["mixture"].copy()
        output[:, :8], output[:, -8:] = 9, 9
        return {"prediction": output[:, :, None]}

    for segments in (Segments(64, 48), Segments(64, 47), Segments(65, 48)):
        np.testing.assert_array_equal(run(padded, song, segments)[0], song)
    assert np.abs(run(padded, song, Segments(64))[0] - song).max() > 5


def test_fade_averages_where_segments_disagree_and_none_jumps():
    calls = iter(range(100))

    def constant(batch):
        return {"prediction": np.full((1, 64, 1, 1), next(calls) % 2, np.float32)}

    faded = run(constant, noise(640, 1), Segments(64, hop=32, window="fade"))[0, :, 0]
    assert np.abs(np.diff(faded)).max() < 0.07
    rise = np.arange(1, 33)  # Demucs' weight of a segment: cat(1..n/2, n/2..1)
    triangle, total = np.concatenate([rise, rise[::-1]]), np.zeros((2, 640))
    for number in range(19):
        total[:, 32 * number :][:, :64] += np.stack([triangle * (number % 2), triangle])
    np.testing.assert_allclose(faded, total[0] / total[1], atol=1e-6)
    calls = iter(range(100))
    jumpy = run(constant, noise(640, 1), Segments(64))[0, :, 0]
    assert np.abs(np.diff(jumpy)).max() == 1


def test_one_batch_shape_whatever_the_length():
    shapes = set()

    def spy(batch):
        shapes.add(batch["mixture"].shape)
        return {"prediction": batch["mixture"][:, :, None]}

    for length in (1, 100, 777):
        run(spy, noise(length), Segments(64, hop=32, window="fade", batch=5))
    assert shapes == {(5, 64, 2)}


def test_shifts_repeat_with_their_seed_and_leave_the_identity_alone():
    song, segments = noise(700), Segments(64, 40)

    def shifted(predict, seed):
        blocks = shifted_blocks(predict, [song], segments, 2, shifts=3, reach=50, seed=seed)
        return np.concatenate(list(blocks), 1)

    np.testing.assert_allclose(shifted(echo(segments), 1)[0], song, atol=1e-6)

    def edgy(batch):  # depends on where the segment lies
        ramp = np.linspace(0, 1, 40, dtype=np.float32)[:, None]
        return {"prediction": (batch["mixture"][:, 12:52] * ramp)[:, :, None]}

    np.testing.assert_array_equal(shifted(edgy, 1), shifted(edgy, 1))
    assert np.abs(shifted(edgy, 1) - shifted(edgy, 2)).max() > 0.05
    least = shifted_blocks(edgy, [song], segments, 2, shifts=2, reach=0)  # as in Demucs, inclusive
    np.testing.assert_allclose(np.concatenate(list(least), 1), run(edgy, song, segments), atol=1e-6)


def test_memory_does_not_grow_with_the_song():
    segments = Segments(2048, 1024, 512, "fade", batch=4)

    def peak(blocks):
        stream = (np.zeros((1000, 2), np.float32) for _ in range(blocks))
        tracemalloc.start()
        count = sum(
            block.shape[1]
            for block in shifted_blocks(echo(segments), stream, segments, 2, shifts=2, reach=4000)
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count == 1000 * blocks
        return most

    peak(20)  # lazy imports and caches
    assert peak(1000) < 1.3 * peak(100)


def test_empty_song_and_impossible_settings():
    assert list(separate_blocks(echo(Segments(8)), [], Segments(8), 1)) == []
    with pytest.raises(BadInput, match="hop <= output <= input"):
        Segments(100, 120)
    with pytest.raises(BadInput, match="set output=64"):
        run(lambda batch: {"prediction": batch["mixture"][:, :64, None]}, noise(99), Segments(80))


@pytest.mark.parametrize(
    "asked, wanted",
    [
        ({}, (600, 500, 400, "fade")),
        ({"seconds": 0.2125}, (1800, 1700, 1600, "fade")),
        ({"seconds": 0.037}, (400, 300, 200, "fade")),
        ({"seconds": 0.001}, (225, 125, 25, "fade")),
        ({"overlap": 0.0}, (600, 500, 500, "none")),
        ({"overlap": 0.5}, (600, 500, 200, "fade")),
        ({"overlap": 0.999}, (600, 500, 100, "fade")),
        ({"seconds": 0.1125, "overlap": 0.25}, (1000, 900, 700, "fade")),
    ],
)
def test_segments_of_other_lengths(asked, wanted):
    """Whole hops of 50 ms more, or the half, quarter, ... of one; never another context."""
    found = regroup_blocks(Segments(600, 500, 400, "fade"), 8000, **asked)
    assert (found.input, found.kept, found.step, found.window) == wanted
    assert identity_error(found) < 1e-5


@pytest.mark.parametrize("asked", [{"seconds": 0.0}, {"overlap": 1.0}, {"overlap": -0.1}])
def test_segments_that_cannot_be(asked):
    with pytest.raises(BadInput, match="give "):
        regroup_blocks(Segments(600, 500, 400, "fade"), 8000, **asked)


@pytest.mark.parametrize("name", ["wave_unet", "spleeter_unet", "demucs", "conv_tasnet"])
def test_models_take_segments_of_their_own_hops(name):
    """By shapes alone: twice as long, and half where the hop is even."""
    import jax

    from zoo.experiment import find_config
    from zoo.runs.networks import find_network

    made = find_config(f"{name}_score_render").module.config()
    how, objective = made.evaluation.how, made.objective
    batch = made.data.spec(1)
    key = jax.random.key(0)
    variables = jax.eval_shape(objective.init, key, batch)
    for seconds in (2 * how.segments.kept / how.rate, how.segments.kept / how.rate / 2):
        lengths = getattr(find_network(objective, variables)[0], "input_length", None)
        segments = regroup_blocks(how.segments, how.rate, seconds, lengths=lengths)
        shape = (1, segments.input, how.channels)
        batch = {segments.key: jax.ShapeDtypeStruct(shape, np.float32)}
        given = jax.eval_shape(objective.predict, variables, batch, key)["prediction"]
        assert given.shape[segments.time_axis] >= segments.kept
