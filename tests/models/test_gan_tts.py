"""GAN-TTS: sizes, windows, and the generator and a discriminator against PyTorch written apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quick_keys import QUICK
from torch_twin import inside, leaves

from zoo.errors import BadInput
from zoo.layers.spectral_norm import COLLECTION
from zoo.models.generation import gan_tts
from zoo.runs.inference import count_parameters

torch = pytest.importorskip("torch")
F = torch.nn.functional

KEY = jax.random.key(0, impl="unsafe_rbg")
RNG = np.random.default_rng(0)


def test_sizes_of_the_paper():
    """Counted from the paper's table of the generator, linguistic features and all."""
    model = gan_tts.Generator(bins=567)
    shapes = jax.ShapeDtypeStruct((2, 4, 567), "float32"), jax.ShapeDtypeStruct((2, 128), "float32")
    audio, variables = jax.eval_shape(lambda *x: model.init_with_output(KEY, *x), *shapes)
    assert audio.shape == (2, 480, 1) and model.hop == 120
    pairs = [(768, 768)] * 2 + [(768, 384)] + [(384, 384)] * 2 + [(384, 192), (192, 96)]
    blocks = sum(
        3 * a * b + 3 * 3 * b * b + 2 * b + (a * b + b) * (a != b) + 2 * (a + 3 * b) * (128 + 1)
        for a, b in pairs
    )
    assert (
        count_parameters(variables["params"])
        == 567 * 3 * 768 + 768 + blocks + 96 * 3 + 1
        == 25_543_489
    )


def test_every_window_ends_with_as_many_frames_as_it_sees():
    """Ten discriminators, windows of 240 to 3,600 samples, all folded to a length of 240."""
    windows = gan_tts.discriminator_windows(120, (1, 2, 4, 8, 15))
    assert [2 * 120 * w.fold for w in windows[:5]] == [240, 480, 960, 1920, 3600]
    for window in windows[5:]:
        assert np.prod(window.factors) * window.fold == 120 and window.widths[-1] == 512
    for fold in (1, 2, 4, 8, 16):
        assert np.prod(gan_tts.discriminator_windows(128, (fold,))[1].factors) * fold == 128
    with pytest.raises(BadInput, match="3 samples a channel"):
        gan_tts.discriminator_windows(120, (3,))


def test_pieces_of_sound_and_frames_are_of_one_place():
    """What a conditional window sees begins with a frame; each example has its own."""
    frames = jnp.broadcast_to(jnp.arange(40.0)[None, :, None], (6, 40, 1))
    audio = jnp.repeat(frames, 120, 1) + jnp.tile(jnp.arange(120.0) / 1000, 40)[None, :, None]
    model = gan_tts.Discriminator(folds=(2,))

    def cut(module, conditional):
        return module._cut(audio, frames, gan_tts.discriminator_windows(120, (2,))[conditional])

    x, given = model.apply({}, True, method=cut, rngs={"window": KEY})
    assert x.shape == (6, 240, 2) and given.shape == (6, 4, 1)
    np.testing.assert_allclose(x[:, 0, 0], given[:, 0, 0])
    np.testing.assert_allclose(x[:, 0, 1] - x[:, 0, 0], 0.001, atol=1e-6)  # neighbours, folded
    assert len(set(np.asarray(given[:, 0, 0]).tolist())) > 2
    free, none = model.apply({}, False, method=cut, rngs={"window": KEY})
    assert none is None and len({round(float(v) % 1 * 1000) for v in free[:, 0, 0]}) > 2


def test_an_output_depends_on_its_reach_and_no_further():
    model = gan_tts.Generator(bins=2, latent=2, widths=(4, 4), upsampling=(2, 3))
    x, z = RNG.uniform(1e-7, 2e-7, (1, 41, 2)).astype(np.float32), np.zeros((1, 2), np.float32)
    samples = slice(20 * 6, 21 * 6)

    @jax.jit
    def slope(x):
        # Nothing below zero: no ReLU ends a path.
        variables = jax.tree.map(jnp.abs, model.init(jax.random.key(0, impl=QUICK), x, z))
        return jax.grad(lambda x: model.apply(variables, x, z)[:, samples].sum())(x)

    touched = np.flatnonzero(np.abs(slope(x)[0]).sum(-1))
    assert touched.min() >= 20 - model.reach and touched.max() <= 20 + model.reach
    assert touched.min() == 20 - model.reach or touched.max() == 20 + model.reach


def normed(w, name):
    """A kernel in torch's layout, after a step of the power iteration from the kept vector."""
    kernel = w[f"{name}/kernel"]
    matrix, u = kernel.detach().reshape(-1, kernel.shape[-1]), w[f"{name}_norm/u"].detach()
    v = F.normalize(matrix @ u, dim=0)
    u = F.normalize(v @ matrix, dim=0)
    return kernel / (v @ kernel.reshape(-1, kernel.shape[-1]) @ u)


def conv(w, name, x, dilation=1):
    kernel = normed(w, name).permute(2, 1, 0)
    pad = (kernel.shape[-1] - 1) * dilation // 2
    return F.conv1d(x, kernel, w.get(f"{name}/bias"), dilation=dilation, padding=pad)


def gblock(w, x, z, factor):
    def layer(y, n, factor=1):
        noise = F.linear(z, normed(w, f"norm_{n}/noise").T, w[f"norm_{n}/noise/bias"])
        scale, shift = noise[..., None].chunk(2, 1)
        y = F.relu(F.batch_norm(y, None, None, training=True) * (1 + scale) + shift)
        y = F.interpolate(y, scale_factor=factor, mode="nearest") if factor > 1 else y
        return conv(w, f"conv_{n}", y, 2 ** (n - 1))

    y = layer(layer(x, 1, factor), 2)
    x = F.interpolate(x, scale_factor=factor, mode="nearest") if factor > 1 else x
    x = (conv(w, "shortcut", x) if "shortcut/kernel" in w else x) + y
    return x + layer(layer(x, 3), 4)


def dblock(w, x, factor=1, frames=None):
    y = conv(w, "conv_1", F.relu(F.avg_pool1d(x, factor)))
    y = y if frames is None else y + conv(w, "frames", frames)
    return conv(w, "conv_2", F.relu(y), 2) + F.avg_pool1d(conv(w, "shortcut", x), factor)


def scattered(module, *given, **how):
    """(leaves of random parameters and vectors for torch, variables, names of what moves)."""
    shapes = jax.eval_shape(lambda: module.init(KEY, *given, **how))
    random = np.random.default_rng(1)
    params = jax.tree.map(
        lambda s: random.normal(0, 0.4, s.shape).astype(np.float32), shapes["params"]
    )
    vectors = jax.tree.map(
        lambda s: random.normal(size=s.shape).astype(np.float32), shapes[COLLECTION]
    )
    vectors = jax.tree.map(lambda u: u / np.linalg.norm(u), vectors)
    rest = {name: jax.tree.map(jnp.zeros_like, own) for name, own in shapes.items()}
    variables = {**rest, "params": params, COLLECTION: vectors}
    return leaves(params) | leaves(vectors), variables, [n for n in rest if n != "params"]


def test_generator_equals_torch():
    """In training: statistics of the batch, vectors of the norms moved by one round."""
    model = gan_tts.Generator(bins=3, latent=2, widths=(4, 6), upsampling=(2, 1))
    x, z = RNG.normal(size=(2, 5, 3)).astype(np.float32), RNG.normal(size=(2, 2)).astype(np.float32)
    w, variables, kept = scattered(model, x, z)
    ours, _ = jax.jit(lambda v: model.apply(v, x, z, train=True, mutable=kept))(variables)
    noise = torch.tensor(z)
    y = conv(w, "first", torch.tensor(x).mT)
    for name, factor in (("block_1", 2), ("block_2", 1)):
        y = gblock(inside(w, name), y, noise, factor)
    theirs = torch.tanh(conv(w, "last", F.relu(y)))
    assert "block_2/shortcut/kernel" in w and "block_1/shortcut/kernel" not in w
    np.testing.assert_allclose(ours, theirs.detach().mT, atol=2e-5)


def test_conditional_discriminator_equals_torch():
    window = gan_tts.discriminator_windows(120, (8,))[1]
    model = gan_tts.WindowDiscriminator(window, 32)
    x = RNG.normal(size=(2, 240, 8)).astype(np.float32)
    frames = RNG.normal(size=(2, 16, 3)).astype(np.float32)
    w, variables, kept = scattered(model, x, frames)
    ours, _ = jax.jit(lambda v: model.apply(v, x, frames, train=True, mutable=kept))(variables)
    y = dblock(inside(w, "block_0"), torch.tensor(x).mT)
    y = dblock(inside(w, "block_1"), y, 5)
    y = dblock(inside(w, "block_2"), y, 3, torch.tensor(frames).mT)
    for name in ("end_1", "end_2"):
        y = dblock(inside(w, name), y)
    theirs = F.relu(y).mean(-1) @ normed(w, "score") + w["score/bias"]
    np.testing.assert_allclose(ours, theirs[:, 0].detach(), rtol=1e-4, atol=1e-4)
    parts = {"block_0", "block_1", "block_2", "end_1", "end_2", "score"}
    assert {path.partition("/")[0].removesuffix("_norm") for path in w} == parts


def test_what_does_not_fit_is_said():
    model = gan_tts.Discriminator(folds=(15,))
    with pytest.raises(BadInput, match="3,600 samples or more"):
        jax.eval_shape(
            lambda: model.init(
                {"params": KEY, "window": KEY}, jnp.zeros((1, 1200, 1)), jnp.zeros((1, 10, 80))
            )
        )
    with pytest.raises(BadInput, match="frames"):
        jax.eval_shape(
            lambda: gan_tts.Generator().init(KEY, jnp.zeros((1, 4, 79)), jnp.zeros((1, 128)))
        )
