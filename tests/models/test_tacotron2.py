"""Tacotron 2 against the published net written again in PyTorch, its size, and how it speaks."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, conv, dense, inside, leaves

from zoo.layers.speaking import Memory
from zoo.models.generation.tacotron2 import Tacotron2

torch = pytest.importorskip("torch")
F = torch.nn.functional

pytestmark = pytest.mark.optimised
RNG = np.random.default_rng(0)
SMALL = dict(
    symbols=9,
    bands=5,
    width=6,
    convs=2,
    taps=3,
    prenet=(4, 3),
    attention_width=4,
    filters=3,
    location_taps=3,
    attention_lstm=5,
    lstm=4,
    postnet=6,
    postnet_convs=3,
)
TEXT = RNG.integers(1, 9, (2, 5))
LETTERS, LENGTHS = (5, 3), (4, 3)
TEXT_KNOWN = (np.arange(5) < np.array(LETTERS)[:, None]).astype(np.uint8)
KNOWN = (np.arange(4) < np.array(LENGTHS)[:, None]).astype(np.float32)
FRAMES = RNG.normal(size=(2, 4, 5)).astype(np.float32) * KNOWN[..., None]


def test_it_has_the_parameter_count_of_the_public_module():
    """NVIDIA/tacotron2 with its 148 symbols."""
    model, key = Tacotron2(), jax.random.key(0)
    given = jnp.zeros((1, 3), int), jnp.ones((1, 3)), jnp.zeros((1, 2, 80)), jnp.ones((1, 2))
    shapes = jax.eval_shape(model.init, {"params": key, "dropout": key}, *given)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 28_193_153


def drawn(model):
    key = jax.random.key(0)
    given = TEXT, TEXT_KNOWN, FRAMES, KNOWN
    shapes = jax.eval_shape(model.init, {"params": key, "dropout": key}, *given)
    fill = lambda s: (0.5 * RNG.normal(size=s.shape)).astype(np.float32)  # noqa: E731
    params = jax.tree.map(fill, shapes["params"])
    stats = jax.tree_util.tree_map_with_path(
        lambda path, s: np.abs(fill(s)) + 0.5 if path[-1].key == "var" else fill(s),
        shapes["batch_stats"],
    )
    return {"params": params, "batch_stats": stats}


@pytest.fixture(scope="module")
def never():
    """The pre-net drops nothing, and scales as if it did."""
    with pytest.MonkeyPatch.context() as patch:
        real = jax.random.uniform
        ones = lambda key, shape=(), *a, **k: jnp.ones_like(real(key, shape))  # noqa: E731
        patch.setattr(jax.random, "uniform", ones)
        yield


@pytest.fixture(scope="module", params=["dropout", "zoneout"])
def net(request, never):
    model = Tacotron2(**SMALL, held=request.param)
    return model, drawn(model)


def said(model, variables, params):
    own = {**variables, "params": params}
    return model.apply(own, TEXT, TEXT_KNOWN, FRAMES, KNOWN, rngs={"dropout": jax.random.key(0)})


def test_frames_ends_alignment_and_gradients_are_those_of_torch(net):
    model, variables = net
    weights = [RNG.normal(size=shape).astype(np.float32) for shape in ((2, 4, 5), (2, 4))]

    def loss(params):
        out = said(model, variables, params)
        total = (out.frames * weights[0]).sum() + (out.refined * weights[0] * 0.5).sum()
        return total + (out.stop * weights[1]).sum(), out

    w = leaves(variables["params"])
    theirs = twin(w, variables["batch_stats"], model.held)
    if model.held == "dropout":
        gradient, ours = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    else:
        ours = jax.jit(lambda p: said(model, variables, p))(variables["params"])
    for mine, other in zip(ours, theirs):
        np.testing.assert_allclose(mine, other.detach(), atol=2e-5)
    np.testing.assert_allclose(ours.alignment.sum(-1), 1, atol=1e-6)
    assert not np.any(np.asarray(ours.alignment)[1, :, LETTERS[1] :])
    if model.held == "zoneout":
        return
    wanted, (first, second) = theirs, map(torch.tensor, weights)
    total = (wanted[0] * first).sum() + (wanted[1] * first * 0.5).sum()
    (total + (wanted[2] * second).sum()).backward()
    agree(w, gradient, rtol=2e-3, atol=2e-4)


def twin(w, stats, held):
    rows = [encoded(w, stats, TEXT[b, :n]) for b, n in enumerate(LETTERS)]
    made = [decoded(w, held, row, FRAMES[b]) for b, row in enumerate(rows)]
    frames = torch.stack([m[0] for m in made])
    changes = []
    for row, count in zip(frames, LENGTHS):
        x = F.pad(row[:count].T[None], (0, 4 - count))
        for i in range(3):
            x = x * torch.tensor(np.arange(4) < count)
            x = normed(w, stats, f"postnets_{i}", x)
            x = torch.tanh(x) if i < 2 else x
        changes.append(x[0].T)
    pads = [F.pad(m[2], (0, 5 - m[2].shape[1])) for m in made]
    return (
        frames,
        frames + torch.stack(changes),
        torch.stack([m[1] for m in made]),
        torch.stack(pads),
    )


def normed(w, stats, name, x):
    """The convolution and batch norm of a block."""
    own = stats
    for part in name.split("/"):
        own = own[part]
    x = conv(w, f"{name}/conv", x, padding=1)
    mean, var = (torch.tensor(own["norm"][k])[None, :, None] for k in ("mean", "var"))
    x = (x - mean) / torch.sqrt(var + 1e-5)
    return x * w[f"{name}/norm/scale"][None, :, None] + w[f"{name}/norm/bias"][None, :, None]


def cell(w, name, x, state):
    names = "kernel", "recurrent_kernel", "bias", "recurrent_bias"
    kernel, recurrent, bias, second = (w[f"{name}/{n}"] for n in names)
    return torch.lstm_cell(x, state, kernel.T, recurrent.T, bias, second)


def encoded(w, stats, text):
    x = w["encoder/embedding/embedding"][torch.tensor(text)].T[None]
    for i in (1, 2):
        x = F.relu(normed(w, stats, f"encoder/conv_{i}", x))
    halves = []
    for name, order in (("ahead", 1), ("back", -1)):
        state, found = (torch.zeros(1, 3),) * 2, []
        for t in list(range(len(text)))[::order]:
            state = cell(w, f"encoder/{name}", x[:, :, t], state)
            found.append(state[0][0])
        halves.append(torch.stack(found[::order]))
    return torch.cat(halves, 1)


def decoded(w, held, values, frames):
    """(frames [F M], stops [F], weights [F L]) of one row, whose text lies without filling."""
    keys, d = dense(w, "keys", values), inside(w, "decoder")
    first, second = ((torch.zeros(1, n),) * 2 for n in (5, 4))
    weights, total, context = torch.zeros(1, len(values)), torch.zeros(1, len(values)), 0
    context = torch.zeros(1, values.shape[1])
    outputs = []
    for t in range(4):
        x = torch.tensor(frames[t - 1 : t] if t else np.zeros((1, 5), np.float32))
        for i in range(2):
            x = 2 * F.relu(dense(w, f"prenets_{i}", x))
        first = kept(held, cell(d, "attention_lstm", torch.cat([x, context], 1), first), first)
        both = torch.stack([weights, total], 1)
        place = conv(d, "attention/location", both, padding=1)[0].T
        place = dense(d, "attention/place", place)
        mixed = torch.tanh(dense(d, "attention/query", first[0]) + place + keys)
        weights = F.softmax(dense(d, "attention/energy", mixed).T, 1)
        total, context = total + weights, weights @ values
        second = kept(held, cell(d, "lstm", torch.cat([first[0], context], 1), second), second)
        read = torch.cat([second[0], context], 1)
        outputs.append((dense(d, "frame", read), dense(d, "stop", read)[:, 0], weights))
    return [torch.cat(parts) for parts in zip(*outputs)]


def kept(held, new, old):
    if held == "dropout":
        return new
    return tuple(0.1 * o + 0.9 * n for n, o in zip(new, old))


def test_zoneout_keeps_units_as_they_were_in_training():
    """With rate 1 the state stays zero, with rate 0 it is the cell's, else some are either."""
    memory = Memory(jnp.ones((64, 5, 6)), jnp.ones((64, 5, 4)), jnp.ones((64, 5)))
    variables = drawn(Tacotron2(**SMALL))

    def states(rate):
        model = Tacotron2(**SMALL, held="zoneout", rate=rate)
        step = nn.apply(
            lambda m: m.decoder(m.begin(memory), jnp.ones((64, 3)), memory, True)[0], model
        )
        return step(variables, rngs={"dropout": jax.random.key(1)}).attention[0]

    full, half, none = (np.asarray(states(rate)) for rate in (0.0, 0.5, 1.0))
    assert np.all(full != 0) and not np.any(none)
    same = np.isclose(half, full, atol=1e-6)
    assert np.all(same | (half == 0)) and 0.4 < same.mean() < 0.6
