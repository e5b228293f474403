"""GANSynth: the paper's sizes, both networks against PyTorch at any progress, growth."""

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.models.generation import gansynth
from zoo.runs.inference import count_parameters

KEY = jax.random.key(0, impl="unsafe_rbg")
SMALL = dict(pitches=3, start=(1, 2), resolutions=3, base=16, widest=5)


def shapes_of(module, *inputs, **named):
    return jax.eval_shape(lambda: module.init_with_output(KEY, *inputs, **named))


def drawn(module, *inputs, **named):
    random = np.random.default_rng(0)
    params = jax.tree.map(
        lambda s: random.normal(0, 1, s.shape).astype(np.float32),
        shapes_of(module, *inputs, **named)[1]["params"],
    )
    return params, flatten_dict(params, sep="/")


def test_sizes_of_the_paper():
    """Additions of the layers of the authors' code, with an output at every resolution."""
    z, pitch, image = (np.zeros(s, np.float32) for s in ((2, 256), (2, 61), (2, 128, 1024, 2)))
    for start, shape in (((2, 16), (128, 1024)), ((4, 8), (256, 512))):
        made, variables = shapes_of(gansynth.Generator(start=start), z, pitch)
        assert made.shape == (2, *shape, 2)
        assert count_parameters(variables["params"]) == 7_311_246
    (score, logits), variables = shapes_of(gansynth.Discriminator(), image)
    assert score.shape == (2,) and logits.shape == (2, 61)
    assert count_parameters(variables["params"]) == 6_831_230
    assert gansynth.widths(7, 4096, 256) == (256, 256, 256, 256, 256, 128, 64, 32)


def convolved(x, w, name, gain=2.0):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    kernel = torch.tensor(w[f"{name}/kernel"])
    scale = np.sqrt(gain / np.prod(kernel.shape[:-1]))
    moved = kernel.permute(3, 2, 0, 1) * scale
    return F.conv2d(x, moved, torch.tensor(w[f"{name}/bias"]), padding=kernel.shape[0] // 2)


def pixel_norm(x):
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0, 1.6, 2.0])
def test_generator_equals_torch(progress):
    """The first block is a convolution of the padded vector, as the authors write it."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = gansynth.Generator(latent=4, **SMALL)
    random = np.random.default_rng(1)
    z, pitch = random.normal(size=(2, 4)).astype(np.float32), np.eye(3, dtype=np.float32)[[2, 0]]
    params, w = drawn(model, z, pitch)
    x = pixel_norm(torch.tensor(np.concatenate([z, pitch], 1))[:, :, None, None])
    kernel = torch.tensor(w["block_1_begin/kernel"])
    scale = np.float32(np.sqrt(2 / np.prod(kernel.shape[:-1])))
    flipped = kernel.flip(0, 1).permute(3, 2, 0, 1) * scale  # ours by rows, theirs from the end
    x = F.conv2d(F.pad(x, (1, 1, 0, 0)), flipped, torch.tensor(w["block_1_begin/bias"]))
    x = pixel_norm(F.leaky_relu(x, 0.2))
    image = 0
    for number in (1, 2, 3):
        names = [f"block_{number}_conv_{i}" for i in (0, 1)][number == 1 :]
        x = x if number == 1 else F.interpolate(x, scale_factor=2, mode="nearest")
        for name in names:
            x = pixel_norm(F.leaky_relu(convolved(x, w, name), 0.2))
        seen = torch.tanh(convolved(x, w, f"block_{number}_to_image", 1.0))
        weight = max(0.0, 1 - abs(progress - (number - 1)))
        image = image + weight * F.interpolate(seen, scale_factor=2 ** (3 - number))
    wanted = image.permute(0, 2, 3, 1).numpy()
    made = jax.jit(model.apply)({"params": params}, z, pitch, progress)
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    some = jax.jit(lambda p: model.apply({"params": p}, z, pitch, progress, blocks=top(progress)))
    np.testing.assert_allclose(some(params), wanted, atol=1e-5)


def top(progress):
    """Blocks that are computed in the stage of that progress."""
    return int(np.ceil(progress)) + 1


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0, 1.6, 2.0])
def test_discriminator_equals_torch(progress):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    model = gansynth.Discriminator(**SMALL)
    image = np.random.default_rng(2).uniform(-1, 1, (2, 4, 8, 2)).astype(np.float32)
    params, w = drawn(model, image)
    whole = torch.tensor(image).permute(0, 3, 1, 2)

    def given(number):
        x = F.avg_pool2d(whole, 2 ** (3 - number))
        return F.leaky_relu(convolved(x, w, f"block_{number}_from_image"), 0.2)

    x = given(3)
    for number in (3, 2):
        for place in (0, 1):
            x = F.leaky_relu(convolved(x, w, f"block_{number}_conv_{place}"), 0.2)
        x = F.avg_pool2d(x, 2)
        kept = min(max(number - 1 - progress, 0), 1)
        x = kept * given(number - 1) + (1 - kept) * x
    spread = (x.var(0, unbiased=False) + 1e-6).sqrt().mean()
    x = torch.cat([x, spread.expand(2, 1, *x.shape[2:])], 1)
    x = F.leaky_relu(convolved(x, w, "block_1_conv_0"), 0.2).permute(0, 2, 3, 1).reshape(2, -1)
    kernel = w["block_1_end/kernel"]
    scale = np.float32(np.sqrt(2 / np.prod(kernel.shape[:-1])))
    kernel = kernel.reshape(-1, kernel.shape[-1]) * scale
    x = F.leaky_relu(x @ torch.tensor(kernel) + torch.tensor(w["block_1_end/bias"]), 0.2).numpy()
    heads = [
        x @ w[f"{name}/kernel"] / np.sqrt(x.shape[1]) + w[f"{name}/bias"]
        for name in ("score", "pitch")
    ]
    for blocks in (None, top(progress)):
        run = jax.jit(lambda p, b=blocks: model.apply({"params": p}, image, progress, blocks=b))
        score, logits = run(params)
        np.testing.assert_allclose(score, heads[0][:, 0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(logits, heads[1], rtol=1e-4, atol=1e-5)


def test_squares_have_a_floor_where_little_sounds():
    faint = np.full((2, 1, 1, 4), 1e-4, np.float32)
    np.testing.assert_allclose(gansynth._pixel_norm(faint), 0.5**0.5, rtol=1e-4)  # Karras: 1e-8
    np.testing.assert_allclose(gansynth._with_spread(faint)[..., 4], 1e-3, rtol=1e-4)


def test_other_shapes_are_refused():
    model = gansynth.Generator(latent=4, **SMALL)
    with pytest.raises(BadInput, match=r"takes latents \[B 4\] and pitches \[B 3\]"):
        shapes_of(model, np.zeros((1, 5), np.float32), np.zeros((1, 3), np.float32))
    with pytest.raises(BadInput, match=r"takes images \[B 4 8 2\]"):
        shapes_of(gansynth.Discriminator(**SMALL), np.zeros((1, 8, 8, 2), np.float32))


def test_patches_are_pixels_of_the_highest_block():
    """Both networks on squares of two: the size and the images stay, the convolutions are fewer."""
    z, pitch = np.ones((2, 4), np.float32), np.eye(3, dtype=np.float32)[[2, 0]]
    tone = np.random.default_rng(3).uniform(-1, 1, (2, 8, 16, 2)).astype(np.float32)
    model = gansynth.Generator(latent=4, patch=2, **SMALL)
    assert model.size == (8, 16)
    params, _ = drawn(model, z, pitch, tone=tone)
    image = model.apply({"params": params}, z, pitch, tone=tone)
    assert image.shape == (2, 8, 16, 2)
    assert 1e-3 < np.abs(image - tone).max() <= 1 + 1e-5
    with pytest.raises(BadInput, match="patch=2 do not grow: give growth=None or patch=1"):
        model.apply({"params": params}, z, pitch, blocks=2)
    discriminator = gansynth.Discriminator(patch=2, **SMALL)
    params, leaves = drawn(discriminator, image, tone=tone)
    assert leaves["block_3_from_image/kernel"].shape == (1, 1, 2 * 2 * (2 + 2), 2)
    score, _ = discriminator.apply({"params": params}, image, tone=tone)
    moved, _ = discriminator.apply({"params": params}, image, tone=tone[::-1])
    assert score.shape == (2,) and np.abs(score - moved).min() > 1e-4
