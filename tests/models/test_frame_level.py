import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.classification.frame_level import (
    _PAIRS,
    FrameLevel,
    LearntFrames,
    compress,
    mel_spec,
)
from zoo.signal.mel import log_mel

TINY = FrameLevel(16, 8, filters=4, features=3, hidden=5, labels=2, samples=600)


def noise(*shape):
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32)


def shapes(model):
    x = jax.ShapeDtypeStruct((2, model.samples, 1), jnp.float32)
    return jax.eval_shape(
        lambda key, x: model.init_with_output(
            key, x, mutable=["params", "batch_stats", "intermediates"]
        ),
        jax.random.key(0),
        x,
    )


def count(variables):
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


FRAMES = (46, 92, 93, 186, 187)
LAST = (1, 3, 3, 9, 9)  # frames behind both pools


@pytest.mark.parametrize("pair, frames, last", list(zip(_PAIRS, FRAMES, LAST, strict=True)))
@pytest.mark.parametrize("kind", ["raw", "spectrogram"])
def test_every_row_of_the_table(kind, pair, frames, last):
    model = FrameLevel(*pair, kind)
    output, variables = shapes(model)
    seen = variables["intermediates"]
    assert output.shape == (2, 50) and model.frames == frames
    assert seen["frames"][0].shape == (2, frames, 128)
    assert seen["level_2"]["output"][0].shape == (2, last, 32)
    convolutions = (8 * 128 + 1) * 32 + (8 * 32 + 1) * 32 + (kind == "raw") * (pair[0] + 1) * 128
    assert count(variables) == convolutions + (last * 32 + 1) * 100 + 101 * 50


@pytest.mark.parametrize(
    "model, parameters",
    [
        (FrameLevel(256, 256, "spectrogram", 96), 66_782),  # the 66k of Pons's reimplementation
        (FrameLevel(256, 256, "spectrogram"), 74_974),
        (FrameLevel(1024, 512), 186_974),
        (FrameLevel(512, 256), 140_638),
        (FrameLevel(256, 256), 107_870),
    ],
)
def test_sizes_that_are_published_or_were_counted_elsewhere(model, parameters):
    assert count(shapes(model)[1]) == parameters


@pytest.mark.filterwarnings("ignore:Empty filters")  # a window of 256 has hardly 128 frequencies
@pytest.mark.parametrize("window, hop", _PAIRS)
def test_spectrogram_is_librosas(window, hop):
    x = noise(8192)
    power = librosa.feature.melspectrogram(
        y=x, sr=16_000, n_fft=window, hop_length=hop, n_mels=128, center=False
    )
    ours = log_mel(jnp.asarray(x)[None, :, None], mel_spec(window, hop))[0, :, :, 0]
    np.testing.assert_allclose(ours, np.log1p(10_000 * power.T), atol=1e-3)


@pytest.mark.parametrize("response", ["relu", "log"])
@pytest.mark.parametrize("group, grouping", [(1, "max"), (3, "max"), (3, "l2")])
def test_raw_front_end_is_frames_times_filters(response, group, grouping):
    x = noise(2, 90, 1)
    front = LearntFrames(16, 8, 4, response, group, grouping)
    variables = front.init(jax.random.key(0), x)
    kernel, bias = variables["params"]["filters"]["kernel"], noise(4 * group)
    variables["params"]["filters"]["bias"] = bias
    frames = np.stack([x[:, i * 8 : i * 8 + 16, 0] for i in range(10)], 1)
    wanted = frames @ np.asarray(kernel)[:, 0] + bias
    wanted = np.maximum(wanted, 0) if response == "relu" else np.log1p(10_000 * wanted**2)
    if group > 1:
        parts = [wanted[..., i::group] for i in range(group)]
        squares = np.sqrt(sum(part**2 for part in parts))
        wanted = np.maximum.reduce(parts) if grouping == "max" else squares
    np.testing.assert_allclose(front.apply(variables, x), wanted, rtol=1e-4, atol=1e-5)


def test_whole_net_equals_torch():
    torch = pytest.importorskip("torch")
    x = noise(2, 600, 1)
    variables = TINY.init(jax.random.key(0), x)
    params = jax.tree.map(lambda leaf: noise(*leaf.shape), variables["params"])
    found = TINY.apply({"params": params}, x)

    def conv(x, layer, stride=1):
        kernel = torch.from_numpy(np.transpose(layer["kernel"], (2, 1, 0)).copy())
        return torch.conv1d(x, kernel, torch.from_numpy(layer["bias"]), stride).relu()

    def dense(x, layer):
        return x @ torch.from_numpy(layer["kernel"]) + torch.from_numpy(layer["bias"])

    y = torch.from_numpy(x).transpose(1, 2) / TINY.level
    y = conv(y, params["front"]["filters"], stride=8)
    for name in ("level_1", "level_2"):
        y = torch.max_pool1d(conv(y, params[name]["conv"]), 4)
    y = dense(y.transpose(1, 2).flatten(1), params["hidden"]).relu()
    wanted = dense(y, params["top"]).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_a_shift_by_one_hop_shifts_the_frames():
    x = noise(1, 608, 1)
    variables = TINY.init(jax.random.key(0), x[:, :600])
    frames = [
        TINY.apply(variables, part, mutable=["intermediates"])[1]["intermediates"]["frames"][0]
        for part in (x[:, :600], x[:, 8:])
    ]
    np.testing.assert_allclose(frames[0][:, 1:], frames[1][:, :-1], atol=1e-6)


def test_pooled_squares_of_silence_have_a_gradient():
    front = LearntFrames(16, 8, 4, group=2, grouping="l2")
    x = jnp.zeros((1, 64, 1))
    variables = front.init(jax.random.key(0), x)
    gradient = jax.grad(lambda variables: front.apply(variables, x).sum())(variables)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_the_learnt_filters_are_found_for_their_figure():
    """By the tool that draws first layers, under the name of their module; a mel bank is not."""
    from zoo.interpret.layers import AudioNetwork, convolutions

    for kind, wanted in (("raw", ["front/filters"]), ("spectrogram", [])):
        model = TINY.clone(input=kind)
        variables = jax.eval_shape(model.init, jax.random.key(0), noise(1, 600, 1))
        found = convolutions(AudioNetwork(model, variables, (600, 1), 16_000, kind))
        assert [layer.name for layer in found if layer.waves and layer.inputs == 1] == wanted


def test_precision_and_what_is_refused():
    x = noise(1, 600, 1)
    variables = TINY.init(jax.random.key(0), x)
    low = TINY.clone(dtype=jnp.bfloat16).apply(variables, x)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, TINY.apply(variables, x), atol=0.1)
    assert compress(jnp.float32(0)) == 0
    with pytest.raises(BadInput, match=r"takes \[B 600 1\]"):
        TINY.apply(variables, x[:, :599])
    with pytest.raises(BadInput, match="input=mel: choose raw or spectrogram"):
        TINY.clone(input="mel").apply(variables, x)
    least = 16 + 8 * (7 + 31)
    for samples in (least, least - 1):
        model, x = TINY.clone(samples=samples), jnp.zeros((1, samples, 1))
        if samples == least:
            assert model.init_with_output(jax.random.key(0), x)[0].shape == (1, 2)
        else:
            with pytest.raises(BadInput, match=f"give {least} or more"):
                model.init(jax.random.key(0), x)
