from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.layers.conv import Conv, TransposedConv, convolve, convolve_transposed

pytestmark = pytest.mark.optimised

CASES = [
    # length, k, stride, dilation, padding, groups, C, C'
    (50, 3, 1, 1, "same", 1, 4, 6),
    (50, 2, 1, 16, "causal", 1, 4, 6),
    (50, 4, 1, 1, (3, 3), 1, 4, 6),  # longer than its input
    (50, 4, 1, 2, 2, 1, 4, 6),
    (9, 5, 1, 1, "same", 1, 4, 6),  # few outputs under a long kernel
    (4, 15, 1, 1, "same", 1, 4, 6),
    (12, 5, 1, 2, "valid", 1, 4, 6),
    (51, 3, 3, 1, "valid", 1, 1, 6),
    (50, 8, 4, 1, "same", 1, 4, 6),
    (53, 25, 4, 1, (11, 12), 1, 4, 6),
    (50, 1, 2, 1, "valid", 1, 4, 6),
    (50, 3, 5, 1, 1, 1, 4, 6),
    (50, 3, 2, 3, "same", 1, 4, 6),
    (50, 3, 1, 1, "same", 2, 4, 6),
    (50, 3, 1, 4, "causal", 2, 4, 6),
    (50, 3, 2, 4, 3, 2, 4, 6),
    (60, 41, 1, 1, 20, 8, 16, 32),
    (60, 41, 4, 1, 20, 8, 16, 32),
    (60, 7, 2, 3, "same", 8, 16, 32),
    (50, 3, 1, 5, "same", 6, 6, 6),
    (50, 4, 3, 2, 2, 6, 6, 6),
    (50, 3, 1, 1, "causal", 6, 6, 18),
    (70, 41, 1, 1, "same", 1, 4, 6),  # several outputs at once
    (150, 133, 4, 1, (62, 63), 1, 1, 6),
    (80, 40, 1, 1, "same", 6, 6, 6),  # depthwise, too long for a sum of taps
]


def gradients(function, *arguments):
    def loss(*arguments):
        y = function(*arguments)
        return jnp.sum(y * jnp.sin(jnp.arange(y.size)).reshape(y.shape)), y

    (_, y), grads = jax.jit(jax.value_and_grad(loss, tuple(range(len(arguments))), has_aux=True))(
        *arguments
    )
    return y, *grads


def assert_close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv_equals_flax_in_output_and_gradients(case):
    length, k, stride, dilation, padding, groups, width, features = case
    options = dict(groups=groups)
    ours = Conv(features, k, stride, dilation, padding, **options)
    flax_padding = {"same": "SAME", "valid": "VALID", "causal": "CAUSAL"}.get(
        padding, [padding] if isinstance(padding, tuple) else padding
    )
    plain = nn.Conv(
        features,
        (k,),
        stride,
        flax_padding,
        kernel_dilation=dilation,
        feature_group_count=groups,
    )
    x = jax.random.normal(jax.random.key(0), (2, length, width))
    variables = ours.init(jax.random.key(1), x)
    shapes = jax.tree.map(jnp.shape, variables)
    assert shapes == jax.tree.map(jnp.shape, plain.init(jax.random.key(1), x))
    for layer, store in ((ours, []), (plain, [])):
        y, dp, dx = gradients(lambda p, x, layer=layer: layer.apply(p, x), variables, x)
        store += [y, *jax.tree.leaves(dp), dx]
        if layer is ours:
            kept = store
    assert_close(kept, store)


TRANSPOSED = [
    # length, k, stride, padding, output_padding
    (20, 8, 4, 0, 0),
    (20, 8, 4, 2, 0),
    (20, 25, 4, 11, 1),
    (20, 16, 8, 4, 0),
    (20, 3, 4, 0, 2),
    (20, 4, 2, 3, 1),
    (20, 5, 3, 4, 2),
    (5, 7, 1, 3, 0),
]


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_equals_lhs_dilation(case):
    length, k, stride, padding, extra = case
    x = jax.random.normal(jax.random.key(0), (2, length, 3))
    w = jax.random.normal(jax.random.key(1), (k, 3, 5))

    def plain(x, w):
        pads = [(k - 1 - padding, k - 1 - padding + extra)]
        return jax.lax.conv_general_dilated(
            x, w[::-1], (1,), pads, (stride,), dimension_numbers=("NWC", "WIO", "NWC")
        )

    def ours(x, w):
        return convolve_transposed(x, w, stride=stride, padding=padding, output_padding=extra)

    assert_close(gradients(ours, x, w), gradients(plain, x, w))


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed_equals_torch(case):
    torch = pytest.importorskip("torch")
    length, k, stride, padding, extra = case
    if extra >= stride:
        pytest.skip("torch forbids it")
    x = np.random.default_rng(0).standard_normal((2, length, 3), np.float32)
    w = np.random.default_rng(1).standard_normal((3, 5, k), np.float32)
    theirs = torch.nn.functional.conv_transpose1d(
        torch.tensor(x).mT, torch.tensor(w), None, stride, padding, extra
    ).mT
    ours = convolve_transposed(
        x, w.transpose(2, 0, 1), stride=stride, padding=padding, output_padding=extra
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_transposed_same_and_valid_equal_flax_with_taps_reversed():
    x = jax.random.normal(jax.random.key(0), (2, 11, 3))
    for k, stride, padding in [(8, 4, "same"), (3, 4, "same"), (7, 2, "same"), (7, 3, "valid")]:
        ours = TransposedConv(5, k, stride, padding)
        variables = ours.init(jax.random.key(1), x)
        plain = nn.ConvTranspose(5, (k,), (stride,), padding.upper())
        flipped = {"params": dict(variables["params"])}
        flipped["params"]["kernel"] = variables["params"]["kernel"][::-1]
        y = ours.apply(variables, x)
        if padding == "same":
            assert y.shape[1] == 11 * stride
        start = 0 if padding == "valid" else max(k - stride, 0) // 2
        full = nn.ConvTranspose(5, (k,), (stride,), [(k - 1, k - 1)]).apply(flipped, x)
        full = jnp.pad(full, ((0, 0), (0, stride), (0, 0)))
        if padding == "valid":
            assert y.shape == plain.apply(flipped, x).shape
        if k >= stride:
            np.testing.assert_allclose(y, full[:, start : start + y.shape[1]], atol=1e-5)


def test_the_compiled_gradient_holds_no_slow_form():
    x = jax.ShapeDtypeStruct((4, 256, 32), jnp.float32)
    layers = [
        Conv(32, 3),
        Conv(32, 2, dilation=16, padding="causal"),
        Conv(32, 4, padding=3),
        Conv(32, 8, stride=4),
        Conv(32, 200),
        Conv(32, 41, stride=4, padding=20, groups=8),
        Conv(32, 3, groups=4),
        Conv(32, 3, groups=32),
        TransposedConv(32, 8, 4, 2),
        TransposedConv(32, 25, 4, 11, 1),
    ]
    for layer in layers:
        variables = jax.eval_shape(layer.init, jax.random.key(0), x)
        step = jax.value_and_grad(lambda v, x, layer=layer: layer.apply(v, x).sum(), (0, 1))
        text = jax.jit(step).lower(variables, x).compile().as_text()
        for slow in ("rhs_reversal", "lhs_dilate", "feature_group_count"):
            assert slow not in text, (layer, slow)


def test_bfloat16_computes_low_and_keeps_parameters_high():
    x = jnp.ones((1, 30, 4))
    for layer in (Conv(8, 3, dtype=jnp.bfloat16), TransposedConv(8, 4, 2, dtype=jnp.bfloat16)):
        y, variables = layer.init_with_output(jax.random.key(0), x)
        assert y.dtype == jnp.bfloat16
        assert variables["params"]["kernel"].dtype == jnp.float32


def test_second_order_gradients_of_the_depthwise_form():
    x = jax.random.normal(jax.random.key(0), (1, 12, 3))
    w = jax.random.normal(jax.random.key(1), (3, 1, 3))

    def penalty(groups_form):
        inner = jax.grad(lambda x, w: jnp.sum(groups_form(x, w) ** 2))
        return jax.grad(lambda w: jnp.sum(inner(x, w) ** 2))(w)

    def plain(x, w):
        return nn.Conv(3, (3,), feature_group_count=3, use_bias=False).apply(
            {"params": {"kernel": w}}, x
        )

    ours = penalty(lambda x, w: convolve(x, w, groups=3))
    np.testing.assert_allclose(ours, penalty(plain), rtol=1e-3)


def test_bad_input_says_what_would_be_right():
    x = jnp.zeros((1, 5, 4))
    with pytest.raises(BadInput, match="give 9"):
        convolve(x, jnp.zeros((9, 4, 2)), padding="valid")
    with pytest.raises(BadInput, match="the kernel takes 3"):
        convolve(x, jnp.zeros((3, 3, 2)))
    with pytest.raises(BadInput, match="'same'"):
        convolve(x, jnp.zeros((3, 4, 2)), padding="reflect")
    with pytest.raises(BadInput, match="groups"):
        convolve(x, jnp.zeros((3, 2, 3)), groups=2)


@pytest.mark.parametrize("batch, length, features", [(16, 32, 128), (64, 16, 256)])
def test_zeros_around_a_short_signal_stay_out_of_the_convolution(batch, length, features):
    """XLA moves a pad into the convolution that follows, which CPUs then do fifty times slower.

    Looked for in what is given to XLA: by the flags of these tests it moves every pad.
    """
    x = jax.ShapeDtypeStruct((batch, length, 128), jnp.float32)
    kernel = jax.ShapeDtypeStruct((64, 128, features), jnp.float32)
    text = jax.jit(partial(convolve, padding=(31, 32))).lower(x, kernel).as_text()
    places = [text.index(f"stablehlo.{op}") for op in ("optimization_barrier", "convolution")]
    assert places == sorted(places)
