"""Multi-resolution autoencoder: a twin of PyTorch's layers, its lengths, its field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, leaves

from zoo.errors import BadInput
from zoo.models.separation.mrcae import MRCAE

torch = pytest.importorskip("torch")
F = torch.nn.functional
TINY = MRCAE(lengths=(2, 3, 8), filters=(3, 2), channels=2)


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def drawn(model, x):
    """Every parameter away from where it starts."""
    rng = np.random.default_rng(1)
    start = jax.eval_shape(lambda: model.init(jax.random.key(0), x))
    return jax.tree.map(lambda s: jnp.asarray(0.4 * rng.standard_normal(s.shape), s.dtype), start)


def sets(w, name, x, transposed, summed=False):
    """Each length by a layer of its own, [B C T]."""
    outputs = []
    for length in TINY.lengths:
        kernel = w[f"{name}/kernel_{length}"]
        if transposed:  # as the gradient of a padded convolution has it, cut to the length
            long = F.conv_transpose1d(x, kernel.permute(1, 2, 0))
            start = (length - 1) // 2
            outputs.append(long[..., start : start + x.shape[-1]])
        else:
            padded = F.pad(x, ((length - 1) // 2, length // 2))
            outputs.append(F.conv1d(padded, kernel.permute(2, 1, 0)))
    y = sum(outputs) if summed else torch.cat(outputs, 1)
    return y + w[f"{name}/bias"][:, None]


def layer(w, name, x, transposed):
    scale, bias = w[f"{name}_norm/scale"], w[f"{name}_norm/bias"]
    y = sets(w, name, x, transposed)
    return F.elu(F.batch_norm(y, None, None, scale, bias, training=True, eps=1e-3))


@pytest.mark.optimised
def test_output_and_gradients_equal_the_twin():
    x, target = noise(2, 21, 2), noise(2, 21, 2, 2)
    variables = drawn(TINY, x)

    def loss(params):
        given = {**variables, "params": params}
        y, _ = TINY.apply(given, x, train=True, mutable=["batch_stats"])
        return jnp.sum(y * target), y

    run = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (_, y), gradients = run(variables["params"])
    w, mix = leaves(variables["params"]), torch.tensor(x).mT
    hidden = layer(w, "encoder_2", layer(w, "encoder_1", mix, False), False)
    voice = sets(w, "decoder_1", layer(w, "decoder_2", hidden, True), True, summed=True)
    theirs = torch.stack([voice, mix - voice], 1).permute(0, 3, 1, 2)
    np.testing.assert_allclose(y, theirs.detach(), atol=2e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients, rtol=2e-3, atol=3e-4)


def test_the_papers_segment_goes_through_five_lengths():
    x = jax.ShapeDtypeStruct((1, 1025, 2), jnp.float32)
    y, variables = jax.eval_shape(MRCAE().init_with_output, jax.random.key(0), x)
    assert y.shape == (1, 1025, 2, 2)
    layer = variables["params"]["encoder_1"]
    assert [layer[f"kernel_{n}"].shape for n in (5, 50, 256, 512, 1025)] == [
        (n, 2, 20) for n in (5, 50, 256, 512, 1025)
    ]


def test_sources_sum_to_the_mixture_and_the_field_is_what_the_gradient_reaches():
    model = TINY.clone(channels=1)
    x = noise(1, 81, 1)
    variables = drawn(model, x)
    variables["batch_stats"] = jax.tree.map(jnp.ones_like, variables["batch_stats"])

    @jax.jit
    def run(x):
        y = model.apply(variables, x)
        return y.sum(2), jax.grad(lambda x: model.apply(variables, x)[0, 40, 0, 0])(x)

    mixture, slope = run(x)
    np.testing.assert_allclose(mixture, x, atol=1e-5)
    # Round-off of the FFT is not a path.
    reached = np.flatnonzero(np.abs(slope[0, :, 0]) > 1e-6 * np.abs(slope).max())
    assert reached[-1] - reached[0] + 1 == model.receptive_field == 29


def test_channels_are_refused_in_a_line():
    with pytest.raises(BadInput, match="this autoencoder takes"):
        jax.eval_shape(TINY.init, jax.random.key(0), jnp.zeros((1, 21, 1)))
