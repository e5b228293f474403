"""MelGAN: the paper's sizes, reach, and both networks against PyTorch written apart."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.models.generation import melgan
from zoo.runs.inference import count_parameters

KEY = jax.random.key(0, impl="unsafe_rbg")


def shape_of(module, shape):
    x = np.zeros(shape, np.float32)
    output, variables = jax.eval_shape(lambda: module.init_with_output(KEY, x))
    return output, count_parameters(variables["params"])


def drawn(module, x):
    """Weights drawn with NumPy, as Flax has them and by path."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(module.init, KEY, x)["params"]
    params = jax.tree.map(
        lambda s: random.normal(0, 1 / np.sqrt(max(np.prod(s.shape[:-1]), 4)), s.shape).astype(
            np.float32
        ),
        shapes,
    )
    return params, {k: v for k, v in flatten_dict(params, sep="/").items()}


def test_sizes_of_the_paper():
    audio, size = shape_of(melgan.Generator(), (2, 32, 80))
    assert audio.shape == (2, 8192, 1) and size == 4_266_050
    assert shape_of(melgan.Generator(weight_norm=False), (2, 32, 80))[1] == 4_260_257
    scales, size = shape_of(melgan.Discriminator(weight_norm=False), (2, 8192, 1))
    assert size == 3 * 5_637_953
    assert [score.shape for score, _ in scales] == [(2, n, 1) for n in (32, 16, 8)]
    assert [f.shape[-1] for f in scales[0][1]] == [16, 64, 256, 1024, 1024, 1024]


def test_sizes_of_multi_band_melgan():
    """The port's; the published one of 24 kHz, and its discriminator's three strides."""
    audio, size = shape_of(melgan.MultiBandGenerator(), (2, 32, 80))
    assert audio.shape == (2, 8192, 1) and size == 2_539_448
    published = melgan.MultiBandGenerator(upsampling=(3, 5, 5), weight_norm=False)
    audio, size = shape_of(published, (2, 32, 80))
    assert audio.shape == (2, 9600, 1) and size == 1_861_588
    scales, size = shape_of(melgan.Discriminator(most=512, strides=(4, 4, 4)), (2, 8192, 1))
    assert size == 4_354_998 and [score.shape[1] for score, _ in scales] == [128, 64, 32]


def test_weight_norm_starts_as_the_plain_layer():
    """torch: g is the norm of v at the start, so the normed and the plain network agree."""
    x = np.random.default_rng(0).normal(size=(1, 8, 4)).astype(np.float32)
    sizes = dict(bins=4, width=16, upsampling=(2, 2), dilations=(1,))
    params = drawn(melgan.Generator(**sizes, weight_norm=False), x)[0]

    @jax.jit
    def both(params):
        normed = melgan.Generator(**sizes)
        start = flatten_dict(normed.init(KEY, x)["params"])
        plain = flatten_dict(params)
        for path, kernel in plain.items():
            if path[-1] == "kernel":
                others = (0, 2) if path[-2].startswith("up") else (0, 1)
                start[(*path[:-1], "scale")] = (kernel**2).sum(others) ** 0.5
            start[path] = kernel
        from flax.traverse_util import unflatten_dict

        first = normed.apply({"params": unflatten_dict(start)}, x)
        return first, melgan.Generator(**sizes, weight_norm=False).apply({"params": params}, x)

    np.testing.assert_allclose(*both(params), atol=1e-5)


@pytest.mark.parametrize(
    "model, reach",
    [
        (melgan.Generator(bins=2, width=16, weight_norm=False), 6),
        (
            melgan.MultiBandGenerator(
                2, 16, (3, 5), (1, 3), padding="tensorflow", weight_norm=False
            ),
            7,
        ),
    ],
)
def test_an_output_depends_on_its_reach_and_no_further(model, reach):
    frames, middle = 31, 15
    x = np.random.default_rng(1).normal(size=(1, frames, 2)).astype(np.float32)
    params = drawn(model, x)[0]
    samples = slice(middle * model.hop, (middle + 1) * model.hop)
    gradient = jax.jit(jax.grad(lambda x: model.apply({"params": params}, x)[:, samples].sum()))(x)
    touched = np.flatnonzero(np.abs(gradient[0]).sum(-1))
    assert model.reach == reach
    assert touched.min() == middle - reach or touched.max() == middle + reach
    assert touched.min() >= middle - reach and touched.max() <= middle + reach


@pytest.mark.parametrize("padding", ["torch", "tensorflow"])
def test_generator_equals_torch(padding):
    """Outputs of four bands; TensorFlow's 'same' of stride 3 crops one sample at the front."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = melgan.Generator(
        bins=5,
        width=16,
        upsampling=(4, 3),
        weight_norm=False,
        mean=-2,
        std=3,
        features=4,
        padding=padding,
    )
    mel = np.random.default_rng(2).normal(size=(2, 12, 5)).astype(np.float32)
    params, flat = drawn(model, mel)
    w = {k: torch.tensor(np.ascontiguousarray(v.T)) for k, v in flat.items()}

    def conv(x, name, pad, dilation=1):
        x = F.pad(x, (pad, pad), mode="reflect") if pad else x
        return F.conv1d(x, w[f"{name}/kernel"], w[f"{name}/bias"], dilation=dilation)

    x = conv((torch.tensor(mel).mT + 2) / 3, "first", 3)
    for stage, factor in enumerate((4, 3), 1):
        kernel = torch.tensor(flat[f"up_{stage}/kernel"].transpose(1, 2, 0).copy())
        odd = factor % 2
        bare = F.conv_transpose1d(F.leaky_relu(x, 0.2), kernel, w[f"up_{stage}/bias"], factor)
        front = factor // 2 + (odd if padding == "torch" else 0)
        x = bare[..., front : front + factor * x.shape[-1]]
        for block, dilation in enumerate((1, 3, 9), 1):
            name = f"residual_{stage}_{block}"
            y = conv(F.leaky_relu(x, 0.2), f"{name}/dilated", dilation, dilation)
            y = conv(F.leaky_relu(y, 0.2), f"{name}/mix", 0)
            x = conv(x, f"{name}/shortcut", 0) + y
    x = torch.tanh(conv(F.leaky_relu(x, 0.2), "last", 3)).mT
    audio = jax.jit(model.apply)({"params": params}, mel)
    assert audio.shape == (2, 12 * 12, 4)
    np.testing.assert_allclose(audio, x, atol=1e-5)


def test_discriminator_equals_torch():
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = melgan.Discriminator(scales=2, width=8, most=32, strides=(4, 4), weight_norm=False)
    audio = np.random.default_rng(3).normal(size=(2, 256, 1)).astype(np.float32)
    params, flat = drawn(model, audio)
    w = {k: torch.tensor(np.ascontiguousarray(v.T)) for k, v in flat.items()}
    ours = jax.jit(model.apply)({"params": params}, audio)
    x = torch.tensor(audio).mT
    for scale, (score, features) in enumerate(ours, 1):
        if scale > 1:
            x = F.avg_pool1d(x, 4, 2, 1, count_include_pad=False)
        y, found = F.pad(x, (7, 7), mode="reflect"), []
        layers = (("first", 0, 1, 1), ("down_1", 20, 4, 2), ("down_2", 20, 4, 8), ("mix", 2, 1, 1))
        for name, pad, stride, groups in layers:
            name = f"scale_{scale}/{name}"
            how = dict(padding=pad, stride=stride, groups=groups)
            y = F.leaky_relu(F.conv1d(y, w[f"{name}/kernel"], w[f"{name}/bias"], **how), 0.2)
            found.append(y)
        name = f"scale_{scale}/score"
        y = F.conv1d(y, w[f"{name}/kernel"], w[f"{name}/bias"], padding=1)
        np.testing.assert_allclose(score, y.mT, atol=1e-5)
        assert len(features) == len(found)
        for one, other in zip(features, found):
            np.testing.assert_allclose(one, other.mT, atol=1e-5)


def test_inputs_that_do_not_fit():
    with pytest.raises(BadInput, match=r"\[B F 80\]"):
        shape_of(melgan.Generator(), (1, 32, 81))
    with pytest.raises(BadInput, match="reflected"):
        shape_of(melgan.Generator(), (1, 3, 80))
