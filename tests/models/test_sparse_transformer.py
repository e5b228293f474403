"""Sparse patterns against PyTorch's attention with a mask, their memory, sampling, sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from torch_twin import dense, inside, leaves

from zoo.distributions import Categorical
from zoo.errors import BadInput
from zoo.layers.sparse_attention import (
    ColumnPattern,
    Local,
    RowPattern,
    SummaryPattern,
    attend_now,
    attend_sparsely,
    cached,
    store,
)
from zoo.models.generation.sparse_transformer import SparseTransformer
from zoo.sampling import autoregressive
from zoo.sampling.rule import SamplerRule

torch = pytest.importorskip("torch")
functional = torch.nn.functional

STRIDE, HEADS = 4, 4
BACK = np.arange(24)[:, None] - np.arange(24)  # how far back a position lies
OWN_ROW = np.arange(24)[:, None] // STRIDE == np.arange(24) // STRIDE
COLUMN = np.broadcast_to(np.arange(24) % STRIDE, BACK.shape)
PAST = BACK >= 0


def repeated(mask):
    return np.stack([mask] * HEADS)


def fixed(cells, parts, own=True):
    """Head h attends to group h mod parts of columns, the last ones first."""
    ends = [STRIDE - h % parts * cells for h in range(HEADS)]
    seen = [(end - cells <= COLUMN) & (end > COLUMN) & PAST for end in ends]
    return np.stack(seen) & (own | ~OWN_ROW)


LOCAL = repeated(PAST & (BACK < STRIDE))
STRIDED = repeated(PAST & (BACK % STRIDE == 0))
BLOCK = repeated(PAST & OWN_ROW)
PATTERNS = {
    "local": ((Local(),), LOCAL),
    "strided": ((ColumnPattern(),), STRIDED),
    "block": ((RowPattern(),), BLOCK),
    "summary": ((SummaryPattern(1),), fixed(1, 1)),
    "summaries": ((SummaryPattern(2, 2),), fixed(2, 2)),
    "strided_merged": ((Local(), ColumnPattern(own=False)), LOCAL | STRIDED),
    "fixed_merged": ((RowPattern(), SummaryPattern(1, 3, own=False)), BLOCK | fixed(1, 3)),
}


def dense_attention(query, key, value, mask):
    """PyTorch's, with everything but the mask left out; [B T H D], mask [H T T]."""
    parts = (part.transpose(1, 2) for part in (query, key, value))
    mask = torch.tensor(mask)
    found = functional.scaled_dot_product_attention(*parts, attn_mask=mask, scale=1.0)
    nothing = ~mask.any(-1)[..., None]
    return found.masked_fill(nothing, 0.0).transpose(1, 2)


@pytest.mark.parametrize("name", PATTERNS)
def test_blocks_give_what_dense_attention_gives_under_the_mask(name):
    """And its gradients; so do single positions with what is stored of those before."""
    patterns, mask = PATTERNS[name]
    rng = np.random.default_rng(0)
    query, key, value, weights = rng.normal(size=(4, 2, 24, HEADS, 3)).astype(np.float32)
    split = lambda x: jnp.reshape(x, (2, -1, STRIDE, HEADS, 3))  # noqa: E731

    def loss(*inputs):
        found = attend_sparsely(patterns, *map(split, inputs)).reshape(weights.shape)
        return jnp.sum(found * weights), found

    def one(caches, now):
        clock, query, *new = now
        caches = [store(*pair, clock) for pair in zip(caches, new)]
        return caches, attend_now(patterns, query, *caches, clock)

    @jax.jit
    def run(*inputs):
        empty = jnp.zeros((2, STRIDE, 6 if any(p.far for p in patterns) else 1, HEADS, 3))
        over = jnp.arange(24), *(x.swapaxes(0, 1) for x in inputs)
        caches, stepped = jax.lax.scan(one, [empty] * 2, over)
        both = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(*inputs)
        kept = [cached(split(x), 24, c.shape[2]) for c, x in zip(caches, inputs[1:])]
        return *both, stepped.swapaxes(0, 1), caches, kept

    (_, found), slopes, stepped, caches, kept = run(query, key, value)
    theirs = [torch.tensor(x, requires_grad=True) for x in (query, key, value)]
    expected = dense_attention(*theirs, mask)
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(found, expected.detach(), atol=1e-5)
    np.testing.assert_allclose(stepped, found, atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, caches, kept)
    for ours, other in zip(slopes, theirs):
        np.testing.assert_allclose(ours, other.grad, atol=1e-5)


@pytest.mark.parametrize("pattern", ["strided", "fixed"])
def test_two_layers_reach_every_earlier_position(pattern):
    """The second layer's mask after the first's: for fixed attention what a summary has seen."""
    masks = {"strided": (LOCAL[0], STRIDED[0]), "fixed": (BLOCK[0], fixed(1, 1)[0])}[pattern]
    reached = masks[1].astype(int) @ masks[0] > 0
    if pattern == "strided":
        assert (reached == PAST).all()
    else:
        finished = np.arange(24)[:, None] // STRIDE > np.arange(24) // STRIDE
        assert reached[finished].all() and (~PAST | ~reached.T | np.eye(24, dtype=bool)).all()


def largest(jaxpr):
    """The most numbers that any array of a traced function holds."""
    sizes = [v.aval.size for e in jaxpr.eqns for v in e.outvars]
    inner = [p for e in jaxpr.eqns for p in jax.tree.leaves(list(e.params.values()))]
    traced = [getattr(p, "jaxpr", p) for p in inner]
    return max(sizes + [largest(p) for p in traced if hasattr(p, "eqns")], default=0)


@pytest.mark.parametrize("combine", ["interleaved", "merged", "heads"])
@pytest.mark.parametrize("pattern", ["strided", "fixed"])
def test_memory_grows_with_the_root_of_the_length(pattern, combine):
    """Backwards, too: of 65,536 samples in 16 heads, which a dense layer takes 2^36 logits for."""
    model = SparseTransformer(layers=2, pattern=pattern, combine=combine, summary=2)
    audio = jax.ShapeDtypeStruct((1, 65_536, 1), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), audio)
    slope = jax.grad(lambda v, x: model.apply(v, x).sum())
    most = largest(jax.make_jaxpr(slope)(variables, audio).jaxpr)
    assert 65_536 * 2048 <= most <= 65_536 * 1024 * 16 < 65_536**2


SMALL = dict(context=16, stride=4, layers=2, width=8, heads=2, distribution=Categorical(16))
KINDS = {
    "strided": dict(pattern="strided"),
    "fixed": dict(pattern="fixed", combine="heads", heads=4, summary=1, parts=2),
}
AUDIO = np.random.default_rng(2).uniform(-1, 1, (2, 14, 1)).astype(np.float32)


def made(**kind):
    model = SparseTransformer(**{**SMALL, **kind})
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 8, 1)))
    rng = np.random.default_rng(0)
    return model, jax.tree.map(lambda s: rng.normal(0, 0.5, s.shape).astype(s.dtype), shapes)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_is_what_the_parallel_pass_predicts(kind):
    """After a prompt, up to the end of the context and past it, where half of it is kept."""
    model, variables = made(**KINDS[kind])
    prompt, rule = AUDIO[0, :7], SamplerRule(0.9, top_k=12)
    asked = dict(length=24, count=2, seed=3, rule=rule, chunk=12, prompt=prompt)
    drawn, scores = zip(*autoregressive.generate_scored(model, variables, **asked))
    audio = np.concatenate([np.tile(prompt, (2, 1, 1)), *drawn], 1)
    predict = jax.jit(model.apply)
    # Frames begin at 7, 11 and 15, which finds no room for four: the window is 7 to 23 from there.
    windows = [(0, 7, 15), (7, 15, 23), (15, 23, 31)]  # from, first drawn, to
    raw = jnp.concatenate(
        [predict(variables, audio[:, a:b])[:, first - a :] for a, first, b in windows], 1
    )
    nats = model.distribution.log_prob(raw, audio[:, 7:])
    np.testing.assert_allclose(scores[-1], np.sum(nats, 1), rtol=1e-4)
    state = autoregressive.start_voices(model, variables, count=2, seed=3)
    noise = autoregressive._uniform(state, 1, 24).swapaxes(0, 1)
    again = rule.compiled.draw(model.distribution, raw, noise, 0.9)
    np.testing.assert_allclose(audio[:, 7:], again, atol=1e-6)


def torch_net(w, codes, model, masks):
    """Logits [B T Q] of codes [B T]; masks: [H T T] of every layer."""

    def norm(w, name, x):
        return functional.layer_norm(x, x.shape[-1:], w[f"{name}/scale"], w[f"{name}/bias"], 1e-5)

    before = functional.pad(codes, (1, 0), value=int(model.distribution.encode(jnp.zeros(1))[0]))
    place = torch.arange(codes.shape[1])
    tables = ("row", place // model.stride), ("column", place % model.stride)
    x = w["embed/embedding"][before[:, :-1]] + sum(w[f"{n}/embedding"][i] for n, i in tables)
    for number, mask in enumerate(masks):
        own = inside(w, f"blocks_{number}")
        read = norm(own, "before_attention", x)
        split = lambda name: dense(own, name, read).reshape(*x.shape[:2], model.heads, -1)  # noqa: B023, E731
        parts = split("query") / (x.shape[-1] / model.heads) ** 0.5, split("key"), split("value")
        x = x + dense(own, "out", dense_attention(*parts, mask).reshape(x.shape))
        hidden = dense(own, "enter", norm(own, "before_net", x))
        x = x + dense(own, "leave", hidden * torch.sigmoid(1.702 * hidden))
    return dense(w, "output", norm(w, "norm", x))


def test_the_net_and_its_gradient_are_those_of_its_twin_with_remat_and_without():
    model, variables = made(heads=4)
    codes = np.asarray(model.distribution.encode(AUDIO))[..., 0].astype(int)
    weights = np.random.default_rng(5).normal(size=(2, 14, 16)).astype(np.float32)

    def loss(params, model):
        return jnp.sum(weights * model.apply({"params": params}, AUDIO))

    run = jax.jit(jax.value_and_grad(loss), static_argnums=1)
    w = leaves(variables["params"])
    masks = [mask[:, :14, :14] for mask in (LOCAL, STRIDED)]
    theirs = (torch.tensor(weights) * torch_net(w, torch.tensor(codes), model, masks)).sum()
    theirs.backward()
    for remat in (True, False):
        value, gradient = run(variables["params"], model.clone(remat=remat))
        np.testing.assert_allclose(value, theirs.item(), rtol=1e-4)
        for name, leaf in flatten_dict(gradient, sep="/").items():
            np.testing.assert_allclose(leaf, w[name].grad, rtol=2e-3, atol=2e-4, err_msg=name)


@pytest.mark.parametrize(
    "how, layers, count, reported",
    [
        ({}, 48, 151_839_744, 152),
        (dict(context=2**18, stride=512, width=256, heads=8), 31, 24_876_288, 25),
        (dict(context=2**20, stride=1024, width=128, heads=4), 14, 3_103_744, 3),
    ],
)
def test_the_papers_parameter_counts(how, layers, count, reported):
    """Table 4, in millions; all layers are as large as the second."""

    def found(layers):
        model = SparseTransformer(layers=layers, **how)
        shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, model.stride, 1)))
        return sum(np.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))

    total = found(1) + (layers - 1) * (found(2) - found(1))
    assert total == count and round(count / 1_000_000) == reported


def test_starts_as_section_six_says():
    model = SparseTransformer(256, 16, 2, 64, 4)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 16, 1)))["params"]
    deviations = {
        "embed/embedding": 0.125 / 8,
        "row/embedding": 0.125 / 128**0.5,
        "column/embedding": 0.125 / 128**0.5,
        "blocks_1/query/kernel": 0.125 / 8,
        "blocks_1/enter/kernel": 0.125 / 8,
        "blocks_1/out/kernel": 0.125 / 8 / 2,
        "blocks_1/leave/kernel": 0.125 / 16 / 2,
        "output/kernel": 0.0,
    }
    flat = flatten_dict(params, sep="/")
    for name, deviation in deviations.items():
        np.testing.assert_allclose(flat[name].std(), deviation, rtol=0.1, err_msg=name)
    assert not any(leaf.any() for name, leaf in flat.items() if name.endswith("bias"))


def test_dropout_is_that_of_training_alone():
    model, variables = made(layers=1, dropout=0.5)
    train = partial(model.apply, train=True, rngs={"dropout": jax.random.key(0)})
    quiet = jax.jit(model.apply)(variables, AUDIO)
    assert np.abs(jax.jit(train)(variables, AUDIO) - quiet).max() > 1e-2
    assert np.abs(jax.jit(made(layers=1)[0].apply)(variables, AUDIO) - quiet).max() == 0


def test_say_what_would_be_right():
    model, variables = made()
    with pytest.raises(BadInput, match="up to 16 samples"):
        model.apply(variables, jnp.zeros((1, 17, 1)))
    for wrong, what in [
        (dict(context=18), "multiple"),
        (dict(context=4), "two strides"),
        (dict(heads=3), "divisor"),
        (dict(heads=1, combine="heads"), "even"),
        (dict(pattern="fixed", summary=3, parts=2), "fit"),
    ]:
        with pytest.raises(BadInput, match=what):
            made(**wrong)
