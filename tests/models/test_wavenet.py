"""Counts and reach of the fact sheet, causality by gradient, and every way to run it the same."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.distributions import Categorical, Gaussian, MixtureOfLogistics
from zoo.errors import BadInput
from zoo.models.generation.wavenet import WaveNet

SMALL = dict(layers=4, stacks=2, width=6, gate=5, skip=7, head=8)
CONDITIONS = dict(global_condition=3, local_condition=2, upsampling=(2, 3))


def small(**fields):
    return WaveNet(**{**SMALL, **fields})


def started(model, audio, **inputs):
    """Random variables (biases too), drawn by NumPy: there is nothing to compile."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), audio, **inputs))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: rng.normal(0, 0.4, leaf.shape).astype(leaf.dtype), shapes)


def parallel(model, variables, audio, **inputs):
    return jax.jit(model.apply)(variables, audio, **inputs)


def noise(length, batch=2, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, length, 1)).astype(np.float32)


def parameters(model, **inputs):
    audio = jnp.zeros((1, 12, 1))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), audio, **inputs))
    return sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize("last, count", [(True, 1_267_328), (False, 1_267_328 - 64 * 65)])
def test_parameters_of_the_published_shape(last, count):
    assert parameters(WaveNet(width=64, gate=64, last_residual=last)) == count


def test_dropout_is_of_what_dilated_convolutions_read():
    """Where all is dropped they see nothing, but the residual sums go on; nothing when sampling."""
    audio, model = noise(20), small(dropout=1.0)
    variables = started(model, audio)
    blind = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf * ("kernel" not in str(path) or "dilated" not in str(path)),
        variables,
    )
    rngs = {"dropout": jax.random.key(0)}
    found = jax.jit(partial(model.apply, train=True, rngs=rngs))(variables, audio)
    run = jax.jit(model.apply)
    np.testing.assert_allclose(found, run(blind, audio), atol=1e-5)
    assert np.abs(run(variables, audio) - found).max() > 0.1


def test_conditions_add_one_matrix_per_layer():
    more = parameters(
        small(**CONDITIONS, upsampler="repeat"),
        condition=jnp.zeros((1, 2, 2)),
        speaker=jnp.zeros(1, jnp.int32),
    )
    assert more - parameters(small()) == 4 * (3 + 2) * 10


def gates_near_zero(path, leaf):
    """Weights with which no gradient dies in a saturated gate or a closed rectifier."""
    keys = {part.key for part in path}
    return jnp.full(leaf.shape, 0.0 if "bias" in keys and not keys & {"skip", "hidden"} else 0.5)


@pytest.mark.parametrize("kernel, stacks, field", [(2, 3, 3_070), (3, 3, 6_139), (2, 4, 4_093)])
def test_receptive_field_by_gradient(kernel, stacks, field):
    model = WaveNet(
        layers=10 * stacks,
        stacks=stacks,
        kernel=kernel,
        width=1,
        gate=1,
        skip=1,
        head=1,
        input="scalar",
        distribution=Gaussian(),
    )
    assert model.receptive_field == field
    length = field + 4  # one sample nudged per row, from just too old to the predicted one
    nudged = np.array([2, 3, length // 2, length - 2, length - 1])
    nudges = jnp.zeros((5, length, 1)).at[np.arange(5), nudged].set(1.0)
    variables = jax.eval_shape(model.init, jax.random.key(0), nudges)
    linear = jax.tree_util.tree_map_with_path(gates_near_zero, variables)

    @jax.jit
    def slopes(nudges):
        return jax.jvp(lambda a: model.apply(linear, a)[:, -1, 0], (nudges * 0,), (nudges,))[1]

    np.testing.assert_array_equal(slopes(nudges) != 0, [False, True, True, True, False])


def test_no_gradient_from_the_present_or_the_future():
    model, audio = small(input="scalar", distribution=MixtureOfLogistics(2)), noise(20)
    variables = started(model, audio)
    slope = jax.jit(jax.jacobian(lambda a: model.apply(variables, a)[0].sum(-1)))(audio)
    slope = slope[:, 0, :, 0]
    assert not np.triu(slope).any()
    assert np.diagonal(slope, -1).all()


def test_every_parameter_learns():
    model, audio, speaker = small(**CONDITIONS), noise(60), jnp.array([0, 2])
    condition = np.random.default_rng(3).normal(size=(2, 10, 2)).astype(np.float32)
    variables = started(model, audio, condition=condition, speaker=speaker)

    def loss(variables):
        raw = model.apply(variables, audio, condition=condition, speaker=speaker)
        return model.distribution.log_prob(raw, audio).sum()

    assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(jax.jit(jax.grad(loss))(variables)))


@partial(jax.jit, static_argnames="model")
def walked(model, variables, audio, condition=None, speaker=None, carry=None, before=None):
    """Raw parameters of audio sample by sample; `before` [B 1] is the sample before it."""
    folded = model.apply(variables, speaker=speaker, method="fold")
    if condition is not None:
        condition = model.apply(variables, condition, method="upsample")
        condition = model.project(folded, condition[:, : audio.shape[1]])
    before = jnp.zeros((len(audio), 1)) if before is None else before
    inputs = jnp.concatenate([before[:, None], audio[:, :-1]], axis=1).transpose(1, 0, 2)
    carry = model.initial(len(audio)) if carry is None else carry
    _, raw = jax.lax.scan(lambda c, now: model.advance(folded, c, *now), carry, (inputs, condition))
    return raw.transpose(1, 0, 2)


@pytest.mark.parametrize(
    "fields",
    [
        dict(),
        dict(kernel=3, residual_scale=0.5**0.5),
        dict(input="scalar", distribution=Gaussian(), last_residual=True),
        dict(input="scalar", distribution=Categorical(16, "linear")),
    ],
    ids=str,
)
def test_parallel_equals_step_by_step(fields):
    model, audio = small(**fields), noise(40)
    variables = started(model, audio)
    raw = walked(model, variables, audio)
    np.testing.assert_allclose(raw, parallel(model, variables, audio), atol=2e-5)


@pytest.mark.parametrize("upsampler", ["transposed", "repeat"])
def test_parallel_equals_step_by_step_under_conditions(upsampler):
    model, audio, speaker = small(**CONDITIONS, upsampler=upsampler), noise(27), jnp.array([2, 1])
    condition = np.random.default_rng(3).normal(size=(2, 5, 2)).astype(np.float32)
    given = dict(condition=condition, speaker=speaker)
    variables = started(model, audio, **given)
    raw = walked(model, variables, audio, **given)
    expected = parallel(model, variables, audio, **given)
    np.testing.assert_allclose(raw, expected, atol=2e-5)
    other = parallel(model, variables, audio, condition=condition, speaker=speaker[::-1])
    assert np.abs(other - expected).max() > 1e-3


@pytest.mark.parametrize("kernel, length", [(2, 5), (2, 40), (3, 40)])
def test_primed_equals_walked(kernel, length):
    model, audio = small(kernel=kernel), noise(length + 15)
    variables = started(model, audio)
    recent = audio[:, max(length - model.receptive_field, 0) : length]  # what it needs at most
    carry = jax.jit(partial(model.apply, method="prime"))(variables, recent)
    before = jnp.asarray(audio[:, length - 1])
    raw = walked(model, variables, audio[:, length:], carry=carry, before=before)
    expected = parallel(model, variables, audio)[:, length:]
    np.testing.assert_allclose(raw, expected, atol=2e-5)


@pytest.mark.parametrize("fields", [{}, dict(input="scalar", distribution=Gaussian())], ids=str)
def test_bfloat16_keeps_parameters_and_predictions_float32_and_stays_close(fields):
    audio, model = noise(30), small(**fields, dtype=jnp.bfloat16)
    variables = started(model, audio)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    half = parallel(model, variables, audio)
    assert half.dtype == jnp.float32
    assert np.any(half != half.astype(jnp.bfloat16))  # nor were they rounded before
    np.testing.assert_allclose(half, parallel(small(**fields), variables, audio), atol=0.1)
    np.testing.assert_allclose(walked(model, variables, audio), half, atol=0.1)


def test_bad_input_says_what_is_right():
    with pytest.raises(BadInput, match="mono"):
        small().init(jax.random.key(0), jnp.zeros((1, 8, 2)))
    with pytest.raises(BadInput, match="input='scalar'"):
        small(distribution=Gaussian()).init(jax.random.key(0), noise(8))
    with pytest.raises(BadInput, match="pass `speaker`"):
        small(global_condition=2).init(jax.random.key(0), noise(8))
    with pytest.raises(BadInput, match="more frames"):
        small(local_condition=2, upsampling=(4,)).init(
            jax.random.key(0), noise(9), condition=jnp.zeros((2, 2, 2))
        )
