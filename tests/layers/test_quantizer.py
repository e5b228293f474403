"""The quantiser against NumPy loops and a public module: codes, moving averages, gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers import quantizer
from zoo.layers.quantizer import Quantizer

pytestmark = pytest.mark.optimised

RNGS = {"params": jax.random.key(0), "codes": jax.random.key(1)}


def latents(frames=30, width=3, batch=4, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, frames, width)).astype(np.float32)


def test_the_nearest_vector_is_chosen_and_its_gradient_goes_straight_through():
    x, model = jnp.asarray(latents()), Quantizer(7)
    variables = model.init(RNGS, x)
    book = np.asarray(variables["params"]["codebook"])
    found = model.apply(variables, x)
    distances = ((np.asarray(x)[:, :, None] - book) ** 2).sum(-1)
    np.testing.assert_array_equal(found.codes, distances.argmin(-1))
    np.testing.assert_array_equal(found.vectors, book[distances.argmin(-1)])
    np.testing.assert_allclose(found.output, found.vectors, atol=1e-6)
    weights = latents(seed=5)

    def loss(variables, x):
        return (model.apply(variables, x).output * weights).sum()

    to_variables, to_x = jax.grad(loss, (0, 1))(variables, x)
    np.testing.assert_array_equal(to_x, weights)
    assert not np.any(to_variables["params"]["codebook"])


def test_distances_are_exact_on_accelerators_too():
    traced = jax.make_jaxpr(quantizer.nearest_codes)(jnp.zeros((5, 3)), jnp.zeros((4, 3)))
    assert "HIGHEST" in str(traced)


def by_loop(x, book, counts, sums, decay, least, epsilon, fresh):
    """One training batch, code after code."""
    rows = x.reshape(-1, x.shape[-1])
    chosen = [int(((row - book) ** 2).sum(1).argmin()) for row in rows]
    counts, sums = counts * decay, sums * decay
    for row, code in zip(rows, chosen):
        counts[code] += 1 - decay
        sums[code] += (1 - decay) * row
    share = len(rows) / len(book)
    for code in range(len(book)):
        if counts[code] < least * share:
            counts[code], sums[code] = share, fresh[code] * share
    smooth = (counts + epsilon) / (counts.sum() + len(book) * epsilon) * counts.sum()
    return sums / smooth[:, None], counts, sums


@pytest.mark.parametrize("least", [0.0, 0.9])
def test_moving_averages_and_restarts_equal_a_loop(least):
    model = Quantizer(9, moving_average=True, decay=0.8, least=least, epsilon=0.3)
    x = latents()
    variables = model.init(RNGS, jnp.asarray(x))
    assert "params" not in variables
    state = {k: np.asarray(v, np.float64) for k, v in variables["codebook"].items()}
    book, counts, sums = state["vectors"], state["counts"], state["sums"]
    restarted = 0
    for round_ in range(4):
        x = latents(seed=round_)
        step = jax.jit(
            lambda v, x, k: model.apply(v, x, train=True, rngs={"codes": k}, mutable=["codebook"])[
                1
            ]
        )
        variables = step(variables, jnp.asarray(x), jax.random.key(round_))
        got = variables["codebook"]
        # A restarted code lies on one of the batch's latents, which tells what was drawn.
        fresh = np.asarray(got["sums"], np.float64) / (x.shape[0] * x.shape[1] / 9)
        book, counts, sums = by_loop(x, book, counts, sums, 0.8, least, 0.3, fresh)
        np.testing.assert_allclose(got["counts"], counts, rtol=1e-5)
        np.testing.assert_allclose(got["vectors"], book, rtol=1e-4, atol=1e-5)
        reborn = np.isclose(counts, x.shape[0] * x.shape[1] / 9)
        restarted += reborn.sum()
        rows = x.reshape(-1, 3)
        for code in np.flatnonzero(reborn):
            assert np.abs(rows - fresh[code]).max(1).min() < 0.08
    assert bool(restarted) == bool(least)


def test_the_codebook_sees_the_whole_batch_and_stays_put_without_training():
    model, x = Quantizer(5, moving_average=True, least=0.0), jnp.asarray(latents())
    variables = model.init(RNGS, x)
    step = jax.jit(
        lambda x: model.apply(variables, x, train=True, rngs=RNGS, mutable=["codebook"])[1][
            "codebook"
        ]
    )
    order = step(x[::-1])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), step(x), order)
    assert np.abs(step(x[:1])["vectors"] - order["vectors"]).max() > 1e-4
    _, kept = model.apply(variables, x, mutable=["codebook"])
    jax.tree.map(np.testing.assert_array_equal, kept["codebook"], variables["codebook"])


def test_the_codebook_begins_among_the_latents():
    x = latents(frames=5, batch=2)
    book = np.asarray(Quantizer(24).init(RNGS, jnp.asarray(x))["params"]["codebook"])
    nearest = np.abs(x.reshape(-1, 3)[None] - book[:, None]).max(-1)
    assert nearest.min(1).max() < 0.08  # a hundredth of the spread, times a few sigma
    assert set(np.bincount(nearest.argmin(1), minlength=10)) <= {2, 3}  # all used alike


@pytest.mark.parametrize(
    "codes, expected",
    [
        (np.arange(64), (64.0, 1.0)),
        (np.zeros(9, int), (1.0, 1 / 64)),
        (np.array([3, 3, 5, 5]), (2.0, 2 / 64)),
    ],
)
def test_perplexity_and_share_of_live_codes(codes, expected):
    np.testing.assert_allclose(
        quantizer.codebook_usage(jnp.asarray(codes), 64), expected, rtol=1e-5
    )


def test_refuses_other_shapes():
    with pytest.raises(BadInput, match="latents"):
        Quantizer(4).init(RNGS, jnp.zeros((3, 2)))


@pytest.mark.filterwarnings("ignore:.*autocast:FutureWarning")
@pytest.mark.download
def test_moving_averages_equal_a_public_module(published_modules):
    """lucidrains' vector-quantize-pytorch, batch after batch from the same beginning."""
    torch = pytest.importorskip("torch")
    published_modules("vector-quantize-pytorch==1.6.30", "einops==0.8.1")
    from vector_quantize_pytorch import VectorQuantize

    model = Quantizer(9, moving_average=True, decay=0.8, least=0.0)
    variables = model.init(RNGS, jnp.asarray(latents()))
    theirs = VectorQuantize(3, 9, decay=0.8, eps=model.epsilon, threshold_ema_dead_code=0)
    book = theirs._codebook
    places = {"vectors": book.embed, "counts": book.cluster_size, "sums": book.embed_avg}
    for name, buffer in places.items():
        buffer[0] = torch.tensor(np.array(variables["codebook"][name]))
    for seed in range(4):
        x = latents(seed=seed)
        found, variables = model.apply(variables, x, train=True, rngs=RNGS, mutable=["codebook"])
        output, codes, _ = theirs(torch.tensor(x))
        np.testing.assert_array_equal(found.codes, codes)
        np.testing.assert_allclose(found.output, output.detach(), atol=1e-5)
        for name, buffer in (("vectors", book.embed), ("counts", book.cluster_size)):
            np.testing.assert_allclose(variables["codebook"][name], buffer[0], rtol=1e-4, atol=1e-5)
