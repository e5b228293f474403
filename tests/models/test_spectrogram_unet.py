"""Spectrogram U-Nets: the papers' counts, exact lengths, sums to the mix, and torch's numbers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.models.separation.spectrogram_unet import SPLEETER, MaskUNet, SpectrogramUNet
from zoo.runs import inference
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator, separate

SMALL = {"widths": (2, 3, 4), "frames": 16}
SHARING = {
    **SMALL,
    "layout": "spleeter",
    "masks": "ratio",
    "n_fft": 256,
    "hop": 64,
    "bins": 128,
    "beyond": 0.5,
}


def noise(*shape):
    return jnp.asarray(np.random.default_rng(0).uniform(-0.5, 0.5, shape), jnp.float32)


def initial(model, x):
    return jax.jit(model.init)(jax.random.key(0), x)


def apply(model, variables, x):
    return jax.jit(model.apply)(variables, x)


def shapes(model):
    x = jax.ShapeDtypeStruct((1, model.length(), model.channels), jnp.float32)
    return jax.eval_shape(model.init, jax.random.key(0), x)


@pytest.mark.parametrize(
    "model, trained, statistics",
    [
        (SpectrogramUNet(sources=1), 9_821_809, 2 * 1504),
        (SpectrogramUNet(), 19_643_618, 4 * 1504),  # U7 and U7a
        (SpectrogramUNet(**{**SPLEETER, "sources": 1}), 9_823_749, 3010),
    ],
)
def test_counts(model, trained, statistics):
    found = shapes(model)
    assert inference.count_parameters(found["params"]) == trained
    assert inference.count_parameters(found["batch_stats"]) == statistics


@pytest.mark.parametrize("length", [1, 15 * 768 + 1])
def test_any_length_comes_back(length):
    model = SpectrogramUNet(**SMALL)
    x = noise(1, length, 1)
    variables = initial(model, x)
    y = apply(model, variables, x)
    assert y.shape == (1, length, 2, 1) and np.all(np.isfinite(y))


def saturated(variables, bias):
    """The same net with its last bias so far out that the mask is 0 or 1."""

    def push(path, leaf):
        last = "up_3" in jax.tree_util.keystr(path) and "bias" in jax.tree_util.keystr(path)
        return jnp.full_like(leaf, bias) if last else leaf

    return jax.tree_util.tree_map_with_path(push, variables)


def test_masks_of_one_give_the_mixture_and_of_zero_silence():
    """With a hop of three quarters of the window, which only the dual window inverts."""
    model = SpectrogramUNet(**SMALL, beyond=1.0)
    x = noise(1, 13_000, 1)
    variables = initial(model, x)
    y = apply(model, saturated(variables, 60.0), x)
    for source in range(2):
        np.testing.assert_allclose(y[:, :, source], x, atol=1e-4)
    silent = apply(model.clone(beyond=0.0), saturated(variables, -60.0), x)
    np.testing.assert_allclose(silent, 0, atol=1e-6)


def test_masks_lie_between_zero_and_one():
    net = MaskUNet((2, 3))
    x = noise(1, 8, 8, 1)
    y = apply(net, initial(net, x), x)
    assert y.shape == x.shape and 0 < y.min() < y.max() < 1


def test_shared_masks_sum_to_the_mixture():
    """A faint one, too, whose powers lie below what is added to them."""
    model = SpectrogramUNet(**SHARING)
    level = np.float32([[[1]], [[1e-6]]])
    x = noise(2, 3000, 1) * level
    y = apply(model, initial(model, x), x)
    np.testing.assert_allclose(y.sum(2) / level, x / level, atol=1e-5)
    assert np.abs(y[:, :, 0] - y[:, :, 1]).max() > 1e-3


def test_targets_and_magnitudes_are_of_one_kind():
    """The magnitudes of the mixture as its own target are an estimate through masks of one."""
    model = SpectrogramUNet(**SMALL)
    x = noise(1, model.crop(), 1)
    variables = saturated(initial(model, x), 60.0)
    estimate = model.apply(variables, x, method="estimates")
    target = model.apply({}, jnp.stack([x, x], 2), method="targets")
    assert estimate.shape == target.shape == (1, 16, 512, 2, 1)
    np.testing.assert_allclose(estimate, target, rtol=1e-5)


def test_jansson_trains_on_whole_frames_of_98_560_samples():
    """The port's input; its STFT does not reach over the ends, its batch norm's decay is 0.999."""
    assert SpectrogramUNet().crop() == 98_560 and SpectrogramUNet().momentum == 0.999
    spleeter = SpectrogramUNet(**SPLEETER)
    assert spleeter.crop() == spleeter.length() and spleeter.momentum == 0.99
    model, x = SpectrogramUNet(**SMALL), noise(1, SpectrogramUNet(**SMALL).crop(), 1)
    wanted = (
        np.abs(
            scipy.signal.stft(
                x[0, :, 0],
                window="hann",
                nperseg=1024,
                noverlap=256,
                boundary=None,
                padded=False,
                scaling="spectrum",
            )[2]
        ).T[None, :, :512, None, None]
        * 512
    )
    found = model.apply({}, x[:, :, None], method="targets")
    np.testing.assert_allclose(found, wanted, atol=2e-3)


@pytest.mark.parametrize("rate, channels, length", [(8192, 1, 30_001), (12_000, 2, 9_999)])
def test_whole_songs_of_any_rate_and_channels(rate, channels, length):
    model = SpectrogramUNet(**{**SHARING, "channels": 2})
    piece = model.length()
    variables = initial(model, jnp.zeros((1, piece, 2)))
    run = jax.jit(model.apply)
    how = Separator(
        Segments(piece, 13 * 64, 12 * 64, "fade"), 8192, 2, ("one", "two"), residual=True
    )
    song = np.asarray(noise(length, channels))
    parts = separate(
        lambda b: {"prediction": run(variables, b["mixture"])}, lambda: [song], rate, how
    )
    stems = np.concatenate(list(parts), 1)
    assert stems.shape == (3, length, channels)
    np.testing.assert_allclose(stems.sum(0), song, atol=1e-5)
    if rate == 8192:  # shared masks: without resampling, nothing is left over
        np.testing.assert_allclose(stems[2], 0, atol=1e-4)


def test_jansson_s_layout_equals_torch():
    torch = pytest.importorskip("torch")
    model, x = MaskUNet((3, 4)), noise(1, 12, 16, 1)
    variables = initial(model, x)
    # Random offsets and statistics, so that no norm is the identity.
    draw = np.random.default_rng(1)
    variables = jax.tree.map(
        lambda v: jnp.asarray(draw.uniform(0.3, 1, v.shape), v.dtype) if v.ndim == 1 else v,
        variables,
    )
    params, statistics = variables["params"], variables["batch_stats"]

    def tensor(x, *axes):
        return torch.from_numpy(np.array(x).transpose(axes) if axes else np.array(x))

    def norm(y, name):
        moving = statistics[f"{name}_norm"]
        return torch.nn.functional.batch_norm(
            y,
            tensor(moving["mean"]),
            tensor(moving["var"]),
            bias=tensor(params[f"{name}_norm"]["bias"]),
            eps=1e-3,
        )

    def down(y, name):
        y = torch.nn.functional.pad(y, (1, 2, 1, 2))
        kernel = tensor(params[name]["kernel"], 3, 2, 0, 1)
        y = torch.nn.functional.conv2d(y, kernel, tensor(params[name]["bias"]), 2)
        return torch.nn.functional.leaky_relu(norm(y, name), 0.2)

    def up(y, name):
        kernel = tensor(params[name]["kernel"], 2, 3, 0, 1)
        y = torch.nn.functional.conv_transpose2d(y, kernel, tensor(params[name]["bias"]), 2)
        return y[:, :, 1:-2, 1:-2]

    first = down(tensor(x, 0, 3, 1, 2), "down_1")
    y = torch.relu(norm(up(down(first, "down_2"), "up_1"), "up_1"))
    wanted = torch.sigmoid(up(torch.cat([first, y], 1), "up_2"))
    got = np.asarray(model.apply(variables, x)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(got, wanted.numpy(), atol=1e-5)
    assert wanted.std() > 0.01


def test_dropout_and_statistics_only_in_training():
    model = SpectrogramUNet(**SMALL)
    x = noise(1, model.length(), 1)
    variables = initial(model, x)

    @jax.jit
    def run(key):
        given = {"train": True, "rngs": {"dropout": key}, "mutable": ["batch_stats"]}
        return model.apply(variables, x, **given)

    (one, moved), (two, _) = run(jax.random.key(1)), run(jax.random.key(2))
    assert np.abs(one - two).max() > 1e-4
    kept = variables["batch_stats"]
    change = jax.tree.map(lambda a, b: np.abs(a - b).max(), kept, dict(moved)["batch_stats"])
    assert all(difference > 0 for difference in jax.tree.leaves(change))


@pytest.mark.parametrize(("layout", "widths"), [("jansson", [8, 6, 4]), ("spleeter", [4, 3, 2])])
def test_dropout_comes_before_the_skip_or_after_it(layout, widths):
    """On three levels, as Jansson et al. 2017, section 3.1, have it."""
    model, seen = MaskUNet((1, 2, 3, 4, 5), layout), []

    def watch(call, args, kwargs, context):
        if isinstance(context.module, nn.Dropout) and context.module.rate:
            seen.append(args[0].shape[-1])
        return call(*args, **kwargs)

    with nn.intercept_methods(watch):
        x = jax.ShapeDtypeStruct((1, 32, 32, 1), jnp.float32)
        jax.eval_shape(model.init, jax.random.key(0), x)
    assert seen == widths


def test_wrong_input_is_refused():
    with pytest.raises(BadInput, match=r"takes \[B T 1\]"):
        SpectrogramUNet(**SMALL).init(jax.random.key(0), jnp.zeros((1, 100, 2)))
    with pytest.raises(BadInput, match="multiples of 64"):
        SpectrogramUNet(frames=100).init(jax.random.key(0), jnp.zeros((1, 100, 1)))
