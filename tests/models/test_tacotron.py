"""Tacotron's decoder and CBHG against the nets written again in PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from torch_twin import agree, conv, dense, inside, leaves

from zoo.errors import BadInput
from zoo.models.generation.tacotron import CBHG, Tacotron

torch = pytest.importorskip("torch")
F = torch.nn.functional

pytestmark = pytest.mark.optimised
RNG = np.random.default_rng(0)
SMALL = dict(
    symbols=9,
    bands=3,
    bins=4,
    together=2,
    embedding=5,
    prenet=(4, 3),
    bank=2,
    post_bank=2,
    filters=3,
    width=6,
    post_projection=4,
)
LETTERS, LENGTHS = (5, 3), (6, 4)
TEXT = RNG.integers(1, 9, (2, 5))
TEXT_KNOWN = (np.arange(5) < np.array(LETTERS)[:, None]).astype(np.uint8)
KNOWN = (np.arange(6) < np.array(LENGTHS)[:, None]).astype(np.float32)
FRAMES = RNG.normal(size=(2, 6, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def net():
    """A model with random variables, whose pre-net drops nothing but scales as if it did."""
    model, key = Tacotron(**SMALL), jax.random.key(0)
    given = TEXT, TEXT_KNOWN, FRAMES, KNOWN
    shapes = jax.eval_shape(model.init, {"params": key, "dropout": key}, *given)
    fill = lambda s: (0.5 * RNG.normal(size=s.shape)).astype(np.float32)  # noqa: E731
    stats = jax.tree.map(lambda s: np.abs(fill(s)) + 0.5, shapes["batch_stats"])
    with pytest.MonkeyPatch.context() as patch:
        real = jax.random.uniform
        ones = lambda key, shape=(), *a, **k: jnp.ones_like(real(key, shape))  # noqa: E731
        patch.setattr(jax.random, "uniform", ones)
        yield model, {"params": jax.tree.map(fill, shapes["params"]), "batch_stats": stats}


def test_frames_alignment_and_gradients_are_those_of_torch(net):
    model, variables = net
    mel, linear = (RNG.normal(size=(2, 6, n)).astype(np.float32) for n in (3, 4))

    def loss(params):
        own, given = {**variables, "params": params}, (TEXT, TEXT_KNOWN, FRAMES, KNOWN)
        out = model.apply(own, *given, rngs={"dropout": jax.random.key(0)})
        return (out.frames * mel).sum() + (out.refined * linear).sum(), out

    gradient, ours = jax.jit(jax.grad(loss, has_aux=True))(variables["params"])
    w = leaves(variables["params"])
    theirs = [twin(w, variables["batch_stats"], b) for b in range(2)]
    for b, (frames, refined, weights) in enumerate(theirs):
        np.testing.assert_allclose(ours.frames[b], frames.detach(), atol=2e-5)
        np.testing.assert_allclose(ours.refined[b], refined.detach(), atol=2e-5)
        found = np.asarray(ours.alignment[b])
        np.testing.assert_allclose(found[:, : LETTERS[b]], weights.detach(), atol=1e-5)
        assert not np.any(found[:, LETTERS[b] :])
        total = (frames * torch.tensor(mel[b])).sum() + (refined * torch.tensor(linear[b])).sum()
        total.backward(retain_graph=True)
    agree(w, gradient, rtol=2e-3, atol=3e-4)


def twin(w, stats, b):
    """(mel frames [F M], linear frames [F N], weights [S L]) of a row without its filling."""
    x = w["table/embedding"][torch.tensor(TEXT[b, : LETTERS[b]])]
    for i in range(2):
        x = F.relu(dense(w, f"first_{i}", x))
    values = cbhg(inside(w, "encoder"), stats["encoder"], x, 2)
    keys, d = dense(w, "keys", values), inside(w, "decoder")
    attention, states = torch.zeros(1, 6), [torch.zeros(1, 6)] * 2
    context, frames, looks = torch.zeros(1, 6), [], []
    for step in range(3):
        x = torch.tensor(FRAMES[b, 2 * step - 1][None] if step else np.zeros((1, 3), np.float32))
        for i in range(2):
            x = 2 * F.relu(dense(w, f"prenets_{i}", x))
        attention = gru(inside(d, "attention_gru"), torch.cat([x, context], 1), attention)
        mixed = torch.tanh(dense(d, "query", attention) + keys)
        looks.append(F.softmax(dense(d, "energy", mixed).T, 1))
        context = looks[-1] @ values
        x = dense(d, "mix", torch.cat([attention, context], 1))
        for i in (1, 2):
            states[i - 1] = gru(inside(d, f"gru_{i}"), x, states[i - 1])
            x = x + states[i - 1]
        frames.append(dense(d, "frames", x).reshape(2, 3))
    mel, count = torch.cat(frames), LENGTHS[b]
    post = cbhg(inside(w, "post"), stats["post"], mel[:count], 2)
    post = torch.cat([post, torch.zeros(6 - count, 6)])
    return mel, dense(w, "linear", post), torch.cat(looks)


def gru(w, x, h):
    names = "kernel", "recurrent_kernel", "bias", "recurrent_bias"
    kernel, recurrent, bias, second = (w[n] for n in names)
    return torch.gru_cell(x, h, kernel.T, recurrent.T, bias, second)


def cbhg(w, stats, given, bank):
    """[T C] -> [T 2H]."""
    x = given.T[None]
    parts = [normed(w, stats, f"bank_{k}", x, k) for k in range(1, bank + 1)]
    x = torch.cat(parts, 1)
    x = torch.maximum(x, torch.cat([x[..., 1:], x[..., -1:]], -1))
    x = normed(w, stats, "project_1", x, 3)
    x = normed(w, stats, "project_2", x, 3, relu=False)[0].T + given
    x = dense(w, "fit", x) if "fit/kernel" in w else x
    for i in range(1, 5):
        gate = torch.sigmoid(dense(w, f"gate_{i}", x))
        x = F.relu(dense(w, f"highway_{i}", x)) * gate + x * (1 - gate)
    halves = []
    for name, order in (("ahead", 1), ("back", -1)):
        h, found = torch.zeros(1, 3), []
        for row in list(x)[::order]:
            h = gru(inside(w, name), row[None], h)
            found.append(h[0])
        halves.append(torch.stack(found[::order]))
    return torch.cat(halves, 1)


def normed(w, stats, name, x, taps, relu=True):
    """Convolution of the same length, ReLU, then the norm."""
    x = conv(w, f"{name}/conv", F.pad(x, ((taps - 1) // 2, taps // 2)))
    x = F.relu(x) if relu else x
    mean, var = (torch.tensor(stats[name]["norm"][k])[None, :, None] for k in ("mean", "var"))
    x = (x - mean) / torch.sqrt(var + 1e-3)
    return x * w[f"{name}/norm/scale"][None, :, None] + w[f"{name}/norm/bias"][None, :, None]


def test_frames_that_are_no_whole_steps_are_refused(net):
    model, variables = net
    with pytest.raises(BadInput, match="5 frames: give a multiple of 2"):
        model.apply(variables, TEXT, TEXT_KNOWN, FRAMES[:, :5], KNOWN[:, :5])


def test_highways_begin_by_letting_their_input_through():
    layer, x = CBHG(1, 1, 1, 2, highways=1), jnp.ones((1, 2, 2))
    made = jax.jit(layer.init, static_argnums=3)(jax.random.key(0), x, jnp.ones((1, 2)), False)
    np.testing.assert_array_equal(made["params"]["gate_1"]["bias"], -1)
