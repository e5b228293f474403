"""Voice by vocoder parameters: its size, a twin in PyTorch, its reach, its ranges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, dense, leaves

from zoo.errors import BadInput
from zoo.models.separation.voice_vocoder import VoiceNet, VoiceVocoder

torch = pytest.importorskip("torch")
F = torch.nn.functional


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def drawn(module, x):
    start = jax.eval_shape(module.init, jax.random.key(0), x)["params"]
    rng = np.random.default_rng(1)
    draw = lambda leaf: jnp.asarray(0.4 * rng.standard_normal(leaf.shape), jnp.float32)  # noqa: E731
    return jax.tree.map(draw, start)


def test_parameters_are_those_of_the_authors_layers():
    """(taps, inputs, outputs) of every layer of `nr_wavenet`, each with a bias."""
    width = 256
    block = [(2, width, width)] * 4 + [(1, width, width)]
    heads = [(1, width, width)] * 4 + [(1, width, size) for size in (60, 4, 1, 1)]
    layers = [(1, 513, width), *block * 6, *heads]
    count = sum(taps * given * made + made for taps, given, made in layers)
    x = jax.ShapeDtypeStruct((1, 8960, 1), jnp.float32)
    y, variables = jax.eval_shape(VoiceVocoder().init_with_output, jax.random.key(0), x)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == count == 3_958_338
    assert y.shape == (1, 32, 66) and VoiceVocoder().receptive_field == 126 * 256 + 1024


def twin(w, x):
    """[B N F] -> [B P F]; either gate sums two convolutions, of a frame before and one behind."""
    first = dense(w, "first", x.mT).mT
    total = residual = first
    for number in range(3):
        reach, gates = 2**number, []
        for gate in ("sigmoid", "tanh"):
            sides = []
            for side, pad in (("back", (reach, 0)), ("ahead", (0, reach))):
                name = f"block_{number}/{gate}_{side}"
                kernel = w[f"{name}/kernel"].permute(2, 1, 0)
                bias = w[f"{name}/bias"]
                sides.append(F.conv1d(F.pad(residual, pad), kernel, bias, dilation=reach))
            gates.append(sum(sides))
        gated = torch.sigmoid(gates[0]) * torch.tanh(gates[1])
        skip = dense(w, f"block_{number}/skip", gated.mT).mT
        total, residual = total + skip, residual + skip
    total = F.relu(total).mT
    names = ("envelope", "bands", "pitch", "unvoiced")
    heads = [dense(w, name, dense(w, f"{name}_before", total)) for name in names]
    return torch.cat([*(F.relu(head) for head in heads[:3]), heads[3]], -1)


def test_as_the_twin():
    net, x, target = VoiceNet(6, 3, 5, 3), noise(2, 11, 9), noise(2, 11, 10, seed=2)
    params = drawn(net, x)

    def loss(params):
        y = net.apply({"params": params}, x)
        return jnp.sum(y * target), y

    (_, y), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    w = leaves(params)
    theirs = twin(w, torch.tensor(x).mT)
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-5)
    (theirs * torch.tensor(target)).sum().backward()
    agree(w, gradients, rtol=1e-3, atol=1e-4)
    # Seven frames to either side are read, and no more.
    moved = jax.jit(jax.grad(lambda x: net.apply({"params": params}, x)[0, 8].sum()))
    reads = np.abs(moved(jnp.asarray(noise(1, 17, 9)))).max((0, 2)) > 0
    np.testing.assert_array_equal(np.flatnonzero(reads), np.arange(1, 16))


def test_ranges_are_put_in_and_taken_out():
    model = VoiceVocoder(64, 32, 4, 1, 3, 2)
    x = noise(2, 32 * 4 + 64, 1)
    least, most = np.arange(7.0) - 9, np.arange(7.0) ** 2 + 1
    ranges = {"loudest": np.linspace(1, 3, 33), "least": least, "most": most}
    given = {"params": drawn(model, x), "ranges": jax.tree.map(jnp.float32, ranges)}
    methods = ("__call__", "normalised", "magnitudes")
    run = jax.jit(lambda given, x: [model.apply(given, x, method=name) for name in methods])
    found, raw, spectra = run(given, x)
    raw = np.array(raw, np.float64)
    raw[..., -1] = 1 / (1 + np.exp(-raw[..., -1]))
    np.testing.assert_allclose(found, raw * (most - least) + least, rtol=1e-4, atol=1e-4)
    back = model.apply(given, found, method="shares")
    np.testing.assert_allclose(back, np.clip(raw, 0, 1), atol=1e-5)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    np.testing.assert_allclose(spectra[1, 2], abs(np.fft.rfft(x[1, 64:128, 0] * window)), rtol=1e-3)
    louder = {**given, "ranges": {**given["ranges"], "loudest": 2 * given["ranges"]["loudest"]}}
    np.testing.assert_allclose(run(louder, 2 * x)[0], found, rtol=1e-3, atol=1e-3)
    with pytest.raises(BadInput, match="give mono mixtures"):
        model.apply(given, np.zeros((1, 40, 1)))
