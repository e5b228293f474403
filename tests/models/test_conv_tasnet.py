"""Conv-TasNet: published sizes, lengths, causality, initial weights, its scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.models.separation.conv_tasnet import SPEECH, ConvTasNet, scales

MONO = {"channels": 1, "filters": 512, "filter_size": 16, "bottleneck": 128}
UNREAD = 128 * 512 + 128  # Asteroid's last residual convolution, of which 5_000_881 holds one


@pytest.mark.parametrize(
    "model, parameters",
    [
        (ConvTasNet(), 10_977_872),
        (ConvTasNet(blocks=8), 8_852_032),
        (ConvTasNet(sources=2, blocks=8, repeats=3, **MONO), 3_445_808),
        (ConvTasNet(sources=1, **SPEECH), 5_000_881 - UNREAD),
    ],
)
def test_parameters_are_the_published_ones(model, parameters):
    length = 4 * model.filter_size + 3
    x = jax.ShapeDtypeStruct((1, length, model.channels), jnp.float32)
    y, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert y.shape == (1, length, model.sources, model.channels)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters


TINY = ConvTasNet(
    sources=3, channels=1, filters=8, filter_size=4, bottleneck=5, hidden=6, blocks=3, repeats=2
)
CAUSAL = TINY.clone(norm="cln", causal=True)


def started(model, length=60):
    x = jax.random.normal(jax.random.key(0), (2, length, model.channels))
    return jax.jit(model.init)(jax.random.key(1), x), x


def test_what_does_not_fill_a_frame_is_silent():
    variables, x = started(TINY, 61)
    apply = jax.jit(TINY.apply)
    y = apply(variables, x)
    assert y.shape == (2, 61, 3, 1)
    assert not np.any(y[:, 60]) and np.all(np.abs(y).sum((0, 2, 3))[:60] > 0)
    # The paper's floor of variances, 1e-8, is nothing to what is 40 dB softer.
    np.testing.assert_allclose(100 * apply(variables, x / 100), y, atol=0.02 * np.abs(y).max())
    with pytest.raises(BadInput, match="give 4 or more"):
        TINY.init(jax.random.key(0), x[:, :3])


def test_a_causal_net_reads_no_later_frame_and_its_field_is_exact():
    variables, x = started(CAUSAL, 120)
    slope = jax.jit(jax.grad(lambda x: CAUSAL.apply(variables, x)[0, 90].sum()))(x)
    read = np.flatnonzero(np.abs(slope[0, :, 0]) > 0)
    assert read.max() < 90 + TINY.filter_size  # the frames that the sample lies in end there
    assert read.max() - read.min() + 1 <= CAUSAL.receptive_field < 120
    assert CAUSAL.receptive_field - (read.max() - read.min() + 1) <= TINY.filter_size // 2
    assert TINY.receptive_field == np.inf


def test_initial_weights_have_the_release_s_deviations():
    """Xavier's over every array of two axes or more; the release's norms are such arrays."""
    model = ConvTasNet(channels=1, blocks=1, repeats=1)
    variables, _ = started(model, 40)
    params = flatten_dict(jax.device_get(variables["params"]), sep="/")
    fans = {
        "encoder/kernel": 20 + 256 * 20,
        "decoder/kernel": 256 + 20,
        "bottleneck/kernel": 2 * 256,
        "block_0_in/kernel": 256 + 512,
        "block_0_depthwise/kernel": 3 + 3 * 512,
        "block_0_norm_1/scale": 1 + 512,
        "block_0_norm_2/bias": 1 + 512,
        "norm/scale": 1 + 256,
    }
    for name, fan in fans.items():
        np.testing.assert_allclose(params[name].std(), (2 / fan) ** 0.5, rtol=0.15, err_msg=name)
    assert params["block_0_prelu_1/negative_slope"] == 0.25


def test_fitted_scales_are_least_squares_and_make_loudness_irrelevant():
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((2, 50, 3, 2)).astype(np.float32)
    mixture = rng.standard_normal((2, 50, 2)).astype(np.float32)
    fitted = scales(jnp.asarray(sources), jnp.asarray(mixture))
    for example in range(2):
        basis = sources[example].swapaxes(1, 2).reshape(-1, 3)
        wanted = np.linalg.lstsq(basis, mixture[example].reshape(-1), rcond=None)[0]
        np.testing.assert_allclose(fitted[example], wanted, rtol=1e-3)
    assert not np.any(scales(jnp.zeros((1, 9, 2, 1)), jnp.ones((1, 9, 1))))
    model = TINY.clone(fit_scale=True)
    variables, x = started(model)
    y = jax.jit(model.apply)(variables, x)
    decoder = variables["params"]["decoder"]
    louder = {**variables["params"], "decoder": {"kernel": 40 * decoder["kernel"]}}
    np.testing.assert_allclose(jax.jit(model.apply)({"params": louder}, x), y, atol=1e-4)


def test_bfloat16_puts_out_float32_close_to_it():
    variables, x = started(TINY)
    low = jax.jit(TINY.clone(dtype=jnp.bfloat16).apply)(variables, x)
    y = jax.jit(TINY.apply)(variables, x)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, y, atol=0.05 * np.abs(y).max())
