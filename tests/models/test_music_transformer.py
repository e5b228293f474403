"""Relative attention in plain loops, its skewing, sampling against the parallel pass, sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax.traverse_util import flatten_dict
from torch_twin import dense, inside, leaves

from zoo.distributions import Tokens
from zoo.errors import BadInput
from zoo.layers.relative_attention import RelativeAttention, skew
from zoo.models.generation.music_transformer import MusicTransformer
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule

torch = pytest.importorskip("torch")
functional = torch.nn.functional

SMALL = dict(layers=2, width=6, keys=8, hidden=10, heads=2, reach=5, memory=12)
MODEL = MusicTransformer(Tokens(11), **SMALL)
PREDICT = jax.jit(MODEL.apply)


def random_variables(model, *inputs, scale=0.5):
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), *inputs))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda s: rng.normal(0, scale, s.shape).astype(s.dtype), shapes)


@pytest.mark.parametrize("reach", [1, 3, 7, 12])
def test_skewing_puts_every_distance_in_its_place(reach):
    logits = np.random.default_rng(0).normal(size=(2, 7, reach))
    placed = skew(jnp.asarray(logits))
    for i in range(7):
        for j in range(i + 1):
            there = logits[:, i, reach - 1 - (i - j)] if i - j < reach else 0
            np.testing.assert_allclose(placed[:, i, j], there, rtol=1e-6)


@pytest.mark.parametrize("memory", [4, 20])
def test_attention_is_the_papers_sum(memory):
    """Query times key plus query times the distance's embedding, over the root of the depth."""
    layer = RelativeAttention(6, 8, 2, reach=5, memory=memory)
    x = np.random.default_rng(1).normal(size=(1, 9, 6)).astype(np.float32)
    variables = random_variables(layer, x)
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables["params"])
    project = lambda name: (x[0] @ params[name]["kernel"]).reshape(9, 2, 4)  # noqa: E731
    query, key, value = project("query"), project("key"), project("value")
    found = np.zeros((9, 2, 4))
    for t in range(9):
        for h in range(2):
            far = range(max(0, t - memory + 1), t + 1)
            logits = [
                query[t, h] @ (key[s, h] + (params["distance"][h, 4 - t + s] if t - s < 5 else 0))
                for s in far
            ]
            found[t, h] = scipy.special.softmax(np.array(logits) / 2) @ value[list(far), h]
    expected = found.reshape(9, 8) @ params["out"]["kernel"]
    np.testing.assert_allclose(layer.apply(variables, x)[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("positions", [True, False])
def test_what_is_drawn_is_what_the_parallel_pass_predicts(positions):
    """Beyond the reach of the distances and the memory of the cache, after a prompt, too."""
    model = MODEL.clone(positions=positions)
    variables = random_variables(model, jnp.zeros((1, 8, 1)))
    prompt = np.random.default_rng(2).integers(0, 11, (9, 1)).astype(np.float32)
    rule = SamplerRule(0.9, top_k=8)
    asked = dict(length=31, count=2, seed=3, rule=rule, chunk=20, prompt=prompt)
    drawn, scores = zip(*autoregressive.generate_scored(model, variables, **asked))
    events = np.concatenate([np.tile(prompt, (2, 1, 1)), *drawn], 1)
    raw = jax.jit(model.apply)(variables, events)[:, 9:]
    nats = model.distribution.log_prob(raw, events[:, 9:])
    np.testing.assert_allclose(scores[-1], np.sum(nats, 1), rtol=1e-4)
    state = autoregressive.start_voices(model, variables, count=2, seed=3)
    noise = autoregressive._uniform(state, 1, 31).swapaxes(0, 1)
    again = rule.compiled.draw(model.distribution, raw, noise, 0.9)
    np.testing.assert_array_equal(events[:, 9:], again)
    assert len(np.unique(events[:, 9:])) > 5


def test_a_prediction_depends_on_the_past_alone():
    variables = random_variables(MODEL, jnp.zeros((1, 8, 1)))
    events = np.random.default_rng(3).integers(0, 11, (1, 16, 1)).astype(np.float32)
    other = events.copy()
    other[0, 7] = (other[0, 7] + 1) % 11
    one, two = (np.asarray(PREDICT(variables, each)) for each in (events, other))
    np.testing.assert_array_equal(one[:, :8], two[:, :8])
    assert (np.abs(one - two)[0, 8:].max(-1) > 1e-4).all()


def test_the_released_net_has_its_size():
    """Per layer q, k, v and out without bias, 8 x 1,024 distances of 64, the net and two norms."""
    layer = 4 * 384 * 512 + 1024 * 512 + (384 * 1024 + 1024) + (1024 * 384 + 384) + 4 * 384
    shapes = jax.eval_shape(MusicTransformer().init, jax.random.key(0), jnp.zeros((1, 4, 1)))
    count = sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
    assert count == 8 * layer + 2 * 384 + 2 * 310 * 384 == 17_039_616


def test_dropout_is_that_of_training_alone():
    variables = random_variables(MODEL, jnp.zeros((1, 8, 1)))
    events = jnp.ones((1, 8, 1))
    quiet = PREDICT(variables, events)
    key = {"dropout": jax.random.key(0)}
    loud, none = (partial(model.apply, train=True) for model in (MODEL, MODEL.clone(dropout=0.0)))
    assert np.abs(jax.jit(loud)(variables, events, rngs=key) - quiet).max() > 1e-3
    np.testing.assert_allclose(jax.jit(none)(variables, events, rngs=key), quiet, atol=1e-6)
    with pytest.raises(BadInput, match="multiple of the heads"):
        MODEL.clone(heads=3).init(jax.random.key(0), events)


def torch_attention(w, x, heads, reach, memory):
    """PyTorch's own attention, with the logits of distances as a bias that is written out."""
    batch, length, _ = x.shape
    split = lambda name: dense(w, name, x).reshape(batch, length, heads, -1).transpose(1, 2)  # noqa: E731
    query, key, value = map(split, ("query", "key", "value"))
    apart = torch.arange(length)[:, None] - torch.arange(length)
    rows = w["distance"][:, (reach - 1 - apart).clamp(0, reach - 1)]  # [H T T D]
    bias = torch.einsum("bhqd,hqkd->bhqk", query, rows) / query.shape[-1] ** 0.5
    bias = torch.where((apart >= 0) & (apart < reach), bias, 0.0)
    bias = bias.masked_fill((apart < 0) | (apart >= memory), -torch.inf)
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    return dense(w, "out", mixed.transpose(1, 2).reshape(batch, length, -1))


def torch_net(w, symbols, model):
    """The net's logits [B T Q] of symbols [B T], norms before the parts."""

    def norm(w, name, x):
        shape = x.shape[-1:]
        return functional.layer_norm(x, shape, w[f"{name}/scale"], w[f"{name}/bias"], 1e-6)

    before = functional.pad(symbols, (1, 0))[:, :-1]
    x = w["embed/embedding"][before] * model.width**0.5
    slower = 10_000.0 ** (-torch.arange(model.width // 2) / (model.width // 2 - 1))
    angle = torch.arange(symbols.shape[1])[:, None] * slower
    x = x + torch.cat([angle.sin(), angle.cos()], -1)
    for number in range(model.layers):
        own = inside(w, f"blocks_{number}")
        read = norm(own, "before_attention", x)
        x = x + torch_attention(
            inside(own, "attention"), read, model.heads, model.reach, model.memory
        )
        hidden = torch.relu(dense(own, "enter", norm(own, "before_net", x)))
        x = x + dense(own, "leave", hidden)
    return dense(w, "output", norm(w, "norm", x))


@pytest.mark.parametrize("memory", [6, 20])
def test_the_net_and_its_gradient_are_those_of_its_twin(memory):
    model = MODEL.clone(memory=memory)
    variables = random_variables(model, jnp.zeros((1, 8, 1)))
    events = np.random.default_rng(4).integers(0, 11, (2, 13, 1))
    weights = np.random.default_rng(5).normal(size=(2, 13, 11)).astype(np.float32)

    def loss(params):
        return jnp.sum(weights * model.apply({"params": params}, events.astype(np.float32)))

    value, gradient = jax.jit(jax.value_and_grad(loss))(variables["params"])
    w = leaves(variables["params"])
    theirs = (torch.tensor(weights) * torch_net(w, torch.tensor(events[..., 0]), model)).sum()
    theirs.backward()
    np.testing.assert_allclose(value, theirs.item(), rtol=1e-4)
    for name, leaf in flatten_dict(gradient, sep="/").items():
        np.testing.assert_allclose(leaf, w[name].grad, rtol=2e-3, atol=2e-4, err_msg=name)


def test_without_relative_attention_it_is_a_plain_transformer():
    model = MODEL.clone(reach=0)
    variables = random_variables(model, jnp.zeros((1, 8, 1)))
    assert "distance" not in variables["params"]["blocks_0"]["attention"]
    events = jnp.asarray(np.random.default_rng(2).integers(0, 11, (1, 9, 1)), jnp.float32)
    raw, carry = jax.jit(model.apply)(variables, events), model.initial(1)
    draw = jax.jit(partial(model.apply, method="step"))
    for t in range(9):
        last = events[:, t - 1] if t else jnp.zeros((1, 1))
        carry, step = draw(variables, carry, last)
        np.testing.assert_allclose(step, raw[:, t], rtol=1e-3, atol=1e-4)
