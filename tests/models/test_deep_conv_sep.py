"""DeepConvSep: both counts of its authors' code, a twin in PyTorch, shares, fades and the loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, dense, leaves

from zoo.errors import BadInput
from zoo.losses.waveform import dissimilar_squares
from zoo.models.separation.deep_conv_sep import ConvAutoencoder, DeepConvSep, fades

torch = pytest.importorskip("torch")
F = torch.nn.functional
SMALL = {"n_fft": 32, "hop": 16, "frames": 6, "overlap": 4, "filters": 3, "hidden": 5}


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def drawn(module, *args):
    rng = np.random.default_rng(1)
    start = jax.eval_shape(lambda: module.init(jax.random.key(0), *args))
    return jax.tree.map(lambda x: jnp.asarray(0.5 * rng.normal(size=x.shape), jnp.float32), start)


@pytest.mark.parametrize("heads, parameters", [(3, 475_482), (4, 578_682)])
def test_parameters_are_as_many_as_in_the_authors_code(heads, parameters):
    model = DeepConvSep(heads=heads)
    x = jax.ShapeDtypeStruct((1, model.crop(), 1), jnp.float32)
    y, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters
    assert y.shape == (1, model.crop(), 4, 1)


@pytest.mark.optimised
@pytest.mark.parametrize("heads", [3, 4])
def test_net_equals_the_twin_with_every_gradient(heads):
    net, x, target = ConvAutoencoder(4, heads, 3, 5), noise(2, 6, 17), noise(2, 6, 17, 4)
    params = drawn(net, x)["params"]

    def loss(params):
        y = net.apply({"params": params}, x)
        return jnp.sum(y * target), y

    (_, y), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    w = leaves(params)
    bins = w["bins_kernel"][:, 0].T[:, None, None]  # [D 1 1 N]
    frames = w["frames_kernel"].permute(2, 1, 0)[..., None]  # [D D k 1]
    h = F.conv2d(torch.tensor(x)[:, None], bins, w["bins_bias_1"] + w["bins_bias_2"])
    h = F.conv2d(h, frames, w["frames_bias_1"] + w["frames_bias_2"])
    flat = F.relu(dense(w, "hidden", h[..., 0].transpose(1, 2).flatten(1)))
    found = []
    for head in (0, 1, 2, 1) if heads == 3 else range(4):
        own = F.relu(dense(w, f"head_{head}", flat)).unflatten(1, (-1, 3)).transpose(1, 2)
        found.append(F.conv_transpose2d(F.conv_transpose2d(own[..., None], frames), bins)[:, 0])
    theirs = F.relu(torch.stack(found, -1) + w["output_bias"])
    np.testing.assert_allclose(y, theirs.detach(), atol=2e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)


def test_pieces_fade_as_the_authors_add_them():
    """Their overlapadd_multi: one piece after the other, faded in over what was there before."""
    pieces, frames, overlap = 5, 30, 25
    rng, ramp = np.random.default_rng(0), np.linspace(0, 1, 25)
    parts = rng.normal(size=(pieces, frames))
    whole = np.zeros((pieces - 1) * 5 + frames)
    whole[:frames] = parts[0]
    for number, part in enumerate(parts[1:], 1):
        at = 5 * number
        whole[at : at + 25] = ramp[::-1] * whole[at : at + 25] + ramp * part[:25]
        whole[at + 25 : at + 30] = part[25:]
    found = np.zeros_like(whole)
    for number, part in enumerate(parts * fades(pieces, frames, overlap)):
        found[5 * number : 5 * number + frames] += part
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_sources_share_the_mixture():
    model, x = DeepConvSep(**SMALL), noise(2, 333, 1)
    variables = drawn(model, x)
    y, estimates = jax.jit(
        lambda: (model.apply(variables, x), model.apply(variables, x, method="estimates"))
    )()
    assert y.shape == (2, 333, 4, 1)
    np.testing.assert_allclose(y.sum(2), x, atol=1e-4)
    assert np.abs(y[:, :, 0] - y[:, :, 1]).max() > 1e-2
    whole = np.abs(model.apply({}, x[:, :, None], method="targets"))[..., 0, :]
    np.testing.assert_allclose(estimates.sum(3), whole, atol=1e-4)
    stretch = model.apply({}, 2 * x[:, :, None], method="targets")[..., 0, :]
    np.testing.assert_allclose(stretch, 2 * whole, rtol=1e-4)


def test_loss_is_that_of_the_authors_script():
    p, t = noise(2, 3, 5, 4, 1), noise(2, 5, 3, 4, 1).swapaxes(1, 2)

    def apart(i, j):
        return np.square(p[:, :, :, i] - t[:, :, :, j]).sum((1, 2, 3))

    own = sum(apart(i, i) for i in range(3))
    among = sum(apart(i, j) for i in range(3) for j in range(3) if i != j)
    rest = 0.03 * apart(0, 3) + 0.01 * (apart(1, 3) + apart(2, 3))
    found = dissimilar_squares(0.001, 0.01, 0.03)(jnp.asarray(p), jnp.asarray(t))
    np.testing.assert_allclose(found, np.abs(own - 0.001 * among - rest), rtol=1e-5)
    found = dissimilar_squares(0.9, 0.9, 0.9)(jnp.asarray(p), jnp.asarray(t))
    assert (found > 0).all()  # of a sum below zero


def test_what_cannot_be_is_refused():
    for how, said in (
        ({"heads": 2}, "heads=2"),
        ({"overlap": 6}, "overlap=6"),
        ({}, "mono"),
    ):
        model = DeepConvSep(**{**SMALL, **how})
        with pytest.raises(BadInput, match=said):
            jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 200, 2)))
