"""SpecGAN: the paper's sizes, and both networks against PyTorch."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.models.generation import specgan
from zoo.runs.inference import count_parameters

KEY = jax.random.key(0, impl="unsafe_rbg")


def shapes_of(module, shape, *given):
    x = np.zeros(shape, np.float32)
    output, variables = jax.eval_shape(lambda: module.init_with_output(KEY, x, *given))
    return output, variables["params"]


def drawn(module, *given):
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda s: random.normal(0, 0.3, s.shape).astype(np.float32), shapes_of(module, *given)[1]
    )
    return params, {k: v for k, v in flatten_dict(params, sep="/").items()}


def test_sizes_of_the_paper():
    """The counts of WaveGAN, whose layers have as many taps and channels."""
    image, params = shapes_of(specgan.Generator(), (2, 100))
    assert image.shape == (2, 128, 128, 1) and count_parameters(params) == 19_065_345
    ((score, features),), params = shapes_of(specgan.Discriminator(), (2, 128, 128, 1))
    assert score.shape == (2,) and count_parameters(params) == 17_427_969
    assert [f.shape[1:] for f in features] == [
        (64, 64, 64),
        (32, 32, 128),
        (16, 16, 256),
        (8, 8, 512),
        (4, 4, 1024),
    ]


def test_images_of_other_proportions_have_as_many_parameters():
    size = (64, 256)
    image, params = shapes_of(specgan.Generator(size=size), (2, 100))
    assert image.shape == (2, *size, 1) and count_parameters(params) == 19_065_345
    ((_, features),), params = shapes_of(specgan.Discriminator(size=size), image.shape)
    assert features[-1].shape == (2, 2, 8, 1024) and count_parameters(params) == 17_427_969


def test_generator_equals_torch():
    """TensorFlow's 'same' of five taps at stride two crops one row before and two behind."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = specgan.Generator(dim=3, size=(16, 16), latent=7)
    z = np.random.default_rng(1).uniform(-1, 1, (2, 7)).astype(np.float32)
    params, w = drawn(model, z.shape)
    x = torch.tensor(z @ w["dense/kernel"] + w["dense/bias"]).relu()
    x = x.reshape(2, 4, 4, 6).permute(0, 3, 1, 2)
    for name, last in (("up_1", False), ("up_2", True)):
        kernel = torch.tensor(w[f"{name}/kernel"]).permute(2, 3, 0, 1)
        x = F.conv_transpose2d(x, kernel, torch.tensor(w[f"{name}/bias"]), 2)
        x = x[:, :, 1:-2, 1:-2]
        x = x.tanh() if last else x.relu()
    image = jax.jit(model.apply)({"params": params}, z)
    np.testing.assert_allclose(image, x.permute(0, 2, 3, 1), atol=1e-5)


@pytest.mark.parametrize("classes", [0, 3])
def test_discriminator_equals_torch(classes):
    """With classes, an embedding of the voice, times the mean of the features, is added."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = specgan.Discriminator(dim=3, size=(16, 16), classes=classes)
    image = np.random.default_rng(2).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
    given = (np.array([2, 0]),) if classes else ()
    params, w = drawn(model, image.shape, *given)
    x = torch.tensor(image).permute(0, 3, 1, 2)
    for name in ("down_1", "down_2"):
        kernel = torch.tensor(w[f"{name}/kernel"]).permute(3, 2, 0, 1)
        x = F.conv2d(F.pad(x, (1, 2, 1, 2)), kernel, torch.tensor(w[f"{name}/bias"]), 2)
        x = F.leaky_relu(x, 0.2)
    flat = x.permute(0, 2, 3, 1).reshape(2, -1).numpy()
    ((score, features),) = jax.jit(model.apply)({"params": params}, image, *given)
    wanted = (flat @ w["score/kernel"] + w["score/bias"])[:, 0]
    if classes:
        wanted += (w["classes/embedding"][[2, 0]] * x.mean((2, 3)).numpy()).sum(1)
    np.testing.assert_allclose(score, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(features[-1], x.permute(0, 2, 3, 1), atol=1e-5)


def test_inputs_that_do_not_fit():
    for size in ((96, 96), (64, 128), (2, 2), (2, 128)):
        with pytest.raises(BadInput, match=f"{size[0]} frames of {size[1]} bins: .*power of two"):
            shapes_of(specgan.Generator(size=size), (1, 100))
    with pytest.raises(BadInput, match=r"\[B 100\]"):
        shapes_of(specgan.Generator(), (1, 99))
    with pytest.raises(BadInput, match=r"\[B 128 128 1\]"):
        shapes_of(specgan.Discriminator(), (1, 128, 127, 1))
