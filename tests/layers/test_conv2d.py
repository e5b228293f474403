"""Convolutions of spectrograms against JAX's own plain forms, values and gradients."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.layers import conv2d, conv2d_gradients, winograd
from zoo.layers.conv2d import Conv2D, TransposedConv2D, convolve_2d, transposed_2d

pytestmark = pytest.mark.optimised

LAYOUT = ("NHWC", "HWIO", "NHWC")


def noise(*shape):
    return jnp.asarray(np.random.default_rng(len(shape)).standard_normal(shape), jnp.float32)


def plain(x, kernel, stride, dilation, pads):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride,) * 2 if isinstance(stride, int) else stride,
        (pads, pads),
        rhs_dilation=(dilation,) * 2,
        dimension_numbers=LAYOUT,
    )


def plain_transposed(x, kernel, stride, crop):
    ends = [(kernel.shape[0] - 1 - c) for c in crop]
    return jax.lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        (ends, ends),
        lhs_dilation=(stride,) * 2,
        dimension_numbers=LAYOUT,
    )


def both(ours, theirs, x, kernel):
    """Outputs and gradients agree; the squares make the gradient depend on every output."""
    np.testing.assert_allclose(ours(x, kernel), theirs(x, kernel), atol=2e-4)
    for argument in (0, 1):
        one, two = (
            jax.grad(lambda *a, f=f: jnp.mean(f(*a) ** 2), argument)(x, kernel)
            for f in (ours, theirs)
        )
        np.testing.assert_allclose(one, two, atol=2e-4)


@pytest.mark.parametrize(
    "shape, taps, stride, dilation, pads",
    [
        ((2, 12, 20, 3), 5, 2, 1, (1, 2)),
        ((1, 4, 16, 6), 5, 2, 1, (1, 2)),
        ((1, 9, 8, 1), 4, 1, 2, (3, 3)),
        ((1, 3, 3, 2), 3, 1, 1, (0, 0)),
        ((3, 7, 6, 4), 3, 1, 1, (1, 1)),
        ((2, 8, 5, 3), 4, 1, 1, (3, 0)),
        ((2, 9, 14, 3), 3, (2, 2), 1, (1, 1)),
        ((1, 13, 11, 5), 3, (1, 2), 1, (1, 1)),
        ((2, 11, 16, 3), 4, (3, 2), 1, (0, 2)),
        ((2, 9, 8, 4), 1, (2, 3), 1, (0, 0)),
        ((1, 12, 12, 3), 2, (3, 5), 1, (1, 0)),
        ((2, 12, 20, 2), 5, 2, 1, (1, 2)),
        ((1, 11, 9, 2), 3, 2, 1, (1, 1)),
        ((2, 8, 13, 2), 4, 2, 1, (0, 3)),
        ((1, 13, 11, 1), 3, 2, 1, (1, 1)),
        ((2, 10, 9, 1), 5, (1, 2), 1, (2, 1)),
        ((1, 14, 12, 1), 2, (3, 5), 1, (1, 0)),
    ],
)
def test_convolution_equals_lax(shape, taps, stride, dilation, pads):
    kernel = noise(taps, taps, shape[-1], 2 if shape[-1] == 1 else 4)
    both(
        lambda x, k: convolve_2d(x, k, stride=stride, dilation=dilation, pads=pads),
        lambda x, k: plain(x, k, stride, dilation, pads),
        noise(*shape),
        kernel,
    )


@pytest.fixture
def small_chunks(monkeypatch):
    """Few positions are many already, so that kernels' gradients are sums over chunks of frames."""
    monkeypatch.setattr(conv2d_gradients, "_CHUNK", 8)
    monkeypatch.setattr(conv2d_gradients, "WIDE", 4)


@pytest.mark.parametrize(
    "shape, taps, stride, pads",
    [
        ((1, 20, 9, 5), 3, (1, 1), (1, 1)),
        ((2, 21, 7, 6), 3, (1, 1), (0, 2)),
        ((1, 18, 4, 5), 4, (1, 1), (3, 0)),
        ((1, 30, 17, 5), 3, (2, 2), (1, 1)),
        ((2, 31, 12, 5), 5, (2, 2), (1, 2)),
        ((1, 25, 11, 6), 3, (1, 2), (1, 1)),
        ((3, 33, 10, 5), 4, (3, 2), (0, 2)),
        ((1, 60, 9, 5), 1, (2, 3), (0, 0)),
        ((2, 50, 12, 5), 2, (3, 5), (1, 0)),
    ],
)
def test_the_kernel_gradient_by_chunks_equals_lax(shape, taps, stride, pads, small_chunks):
    x, kernel = noise(*shape), noise(taps, taps, shape[-1], 4)
    y = plain(x, kernel, stride, 1, pads)
    g = noise(1, *y.shape)[0]
    assert conv2d_gradients._is_long(stride, x, g)

    def of_kernel(f):
        return jax.jit(lambda g: jax.vjp(f, kernel)[1](g)[0])(g)

    one = of_kernel(lambda k: convolve_2d(x, k, stride=stride, pads=pads))
    two = of_kernel(lambda k: plain(x, k, stride, 1, pads))
    np.testing.assert_allclose(one, two, atol=2e-6 * float(jnp.abs(two).max()))


@pytest.mark.parametrize(
    "shape, features, pads",
    [
        ((2, 21, 14, 64), 64, (1, 1)),
        ((1, 18, 16, 64), 65, (0, 0)),
        ((3, 5, 20, 66), 64, (2, 1)),
        ((1, 16, 17, 64), 64, (0, 3)),
    ],
)
def test_wide_3_x_3_by_winograd_equals_lax(shape, features, pads):
    x, kernel = noise(*shape), noise(3, 3, shape[-1], features)
    assert winograd.is_faster(x, kernel)
    both(
        lambda x, k: convolve_2d(x, k, pads=pads) / 30,
        lambda x, k: plain(x, k, 1, 1, pads) / 30,
        x,
        kernel,
    )


def test_only_cpus_go_by_winograd_and_never_in_bfloat16():
    def products(platform, dtype=jnp.float32):
        x, kernel = noise(1, 16, 16, 64).astype(dtype), noise(3, 3, 64, 64).astype(dtype)
        lowered = jax.jit(partial(convolve_2d, pads=(1, 1))).trace(x, kernel)
        return lowered.lower(lowering_platforms=(platform,)).as_text().count("lo.convolution")

    assert [products(platform) for platform in ("cpu", "tpu", "cuda")] == [6, 1, 1]
    assert products("cpu", jnp.bfloat16) == 1


@pytest.mark.parametrize("features", [1, 3, 4])  # scattered, sub-pixel, each phase by itself
@pytest.mark.parametrize(
    "shape, taps, stride, crop",
    [
        ((1, 2, 8, 5), 5, 2, (1, 2)),
        ((2, 6, 7, 3), 5, 2, (0, 0)),
        ((1, 4, 3, 4), 4, 3, (1, 0)),
        ((2, 3, 5, 2), 7, 3, (2, 3)),
        ((1, 4, 5, 3), 2, 3, (0, 1)),
        ((1, 5, 4, 2), 4, 2, (1, 1)),
    ],
)
def test_transposed_equals_lax(shape, taps, stride, crop, features, monkeypatch):
    monkeypatch.setattr(conv2d, "WIDE", 4)
    both(
        lambda x, k: transposed_2d(x, k, stride=stride, crop=crop),
        lambda x, k: plain_transposed(x, k, stride, crop),
        noise(*shape),
        noise(taps, taps, shape[-1], features),
    )


def test_modules_equal_torch():
    torch = pytest.importorskip("torch")
    x = noise(1, 6, 8, 3)
    theirs = torch.from_numpy(np.asarray(x)).permute(0, 3, 1, 2)
    down, up = Conv2D(4, 5, 2, pads=(1, 2)), TransposedConv2D(4, 5, 2, crop=(1, 2))
    for module, make, axes in (
        (down, torch.nn.Conv2d(3, 4, 5, 2), (3, 2, 0, 1)),
        (up, torch.nn.ConvTranspose2d(3, 4, 5, 2), (2, 3, 0, 1)),
    ):
        params = module.init(jax.random.key(0), x)["params"]
        with torch.no_grad():
            make.weight.copy_(torch.from_numpy(np.array(params["kernel"]).transpose(axes)))
            make.bias.fill_(0.5)
            given = torch.nn.functional.pad(theirs, (1, 2, 1, 2)) if module is down else theirs
            wanted = make(given).permute(0, 2, 3, 1).numpy()
        wanted = wanted if module is down else wanted[:, 1:-2, 1:-2]
        params["bias"] = jnp.full(4, 0.5)
        np.testing.assert_allclose(module.apply({"params": params}, x), wanted, atol=1e-5)


@pytest.mark.parametrize("shape, stride", [((2, 7, 6, 3), 1), ((1, 41, 8, 4), 2)])
def test_the_gradient_of_a_gradient_equals_lax(shape, stride, small_chunks, monkeypatch):
    monkeypatch.setattr(winograd, "_WIDE", 3)
    monkeypatch.setattr(winograd, "_POSITIONS", 1)
    x, kernel = noise(*shape), noise(3, 3, shape[-1], 4)

    def steepness(f):
        return lambda k: jnp.sum(jax.grad(lambda k: jnp.mean(f(k) ** 3))(k) ** 2)

    one, two = (
        jax.jit(jax.grad(steepness(f)))(kernel)
        for f in (
            lambda k: convolve_2d(x, k, stride=stride, pads=(1, 1)),
            lambda k: plain(x, k, stride, 1, (1, 1)),
        )
    )
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4 * float(jnp.abs(two).max()))


@pytest.mark.parametrize("width, features", [(2, 8), (8, 1), (8, 4)])
def test_only_cpus_take_forms_of_their_own(width, features, monkeypatch):
    """Strided from two channels; transposed to one, and to many: elsewhere one convolution each."""
    monkeypatch.setattr(conv2d, "WIDE", 4)

    def convolutions(platform):
        def run(x, k):
            if width == 2:
                return convolve_2d(x, k, stride=2, pads=(1, 2))
            return transposed_2d(x, k, stride=2, crop=(1, 2))

        lowered = jax.jit(run).trace(noise(1, 12, 16, width), noise(5, 5, width, features))
        text = lowered.lower(lowering_platforms=(platform,)).as_text()
        return re.findall(r"stablehlo.convolution.* : (\(.*)", text)

    here, there = convolutions("cpu"), convolutions("tpu")
    assert here != there == convolutions("cuda") and len(there) == 1
    assert len(here) == {(2, 8): 1, (8, 1): 0, (8, 4): 4}[width, features]


def test_only_cpus_take_the_kernel_gradient_by_columns():
    def by_columns(platform):
        step = jax.grad(lambda k, x: jnp.sum(convolve_2d(x, k, pads=(1, 1)) ** 2))
        lowered = jax.jit(step).trace(noise(3, 3, 4, 5), noise(2, 9, 8, 4))
        return "[b, 0, f]x[0, i, o]" in lowered.lower(lowering_platforms=(platform,)).as_text()

    assert [by_columns(platform) for platform in ("cpu", "tpu", "cuda")] == [True, False, False]


@pytest.mark.parametrize("stride", [1, 2])
def test_only_cpus_sum_the_kernel_gradient_over_chunks(stride, small_chunks):
    def loops(platform):
        step = jax.grad(lambda k, x: jnp.sum(convolve_2d(x, k, stride=stride, pads=(1, 1)) ** 2))
        lowered = jax.jit(step).trace(noise(3, 3, 4, 4), noise(1, 40, 16, 4))
        return "while" in lowered.lower(lowering_platforms=(platform,)).as_text()

    assert [loops(platform) for platform in ("cpu", "tpu", "cuda")] == [True, False, False]


def test_the_compiled_gradient_holds_no_slow_form():
    def loss(x, kernel):
        return jnp.sum(transposed_2d(x, kernel, stride=2, crop=(1, 2)) ** 2)

    step = jax.jit(jax.grad(loss, (0, 1)))
    text = step.lower(jnp.zeros((1, 8, 16, 4)), jnp.zeros((5, 5, 4, 2))).compile().as_text()
    assert "lhs_dilate" not in text
