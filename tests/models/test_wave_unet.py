import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.models.separation.wave_unet import WaveUNet
from zoo.signal.framing import crop

pytestmark = pytest.mark.optimised

M1 = WaveUNet()
M2 = M1.clone(output="difference")
M3 = M2.clone(context=True)
M4 = M3.clone(channels=2)
M5 = M4.clone(upsampling="learned")
M6 = M4.clone(sources=4)
M7 = M3.clone(width=34)


@pytest.mark.parametrize(
    "model, wanted, read, given, parameters",
    [
        (M1, 16_384, 16_384, 16_384, 10_263_028),
        (M2, 16_384, 16_384, 16_384, 10_263_002),
        (M3, 16_384, 147_443, 16_389, 10_263_002),
        (M4, 16_384, 147_443, 16_389, 10_263_390),
        (M5, 16_384, 147_443, 16_389, 10_265_550),
        (M6, 16_384, 147_443, 16_389, 10_263_498),
        (M7, 98_560, 233_459, 102_405, 20_594_652),
    ],
    ids=["M1", "M2", "M3", "M4", "M5", "M6", "M7"],
)
def test_parameters_and_lengths_are_the_papers(model, wanted, read, given, parameters):
    assert model.input_length(wanted) == read and model.output_length(read) == given
    x = jax.ShapeDtypeStruct((1, read, model.channels), jnp.float32)
    y, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert y.shape == (1, given, model.sources, model.channels)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables["params"])) == parameters


apply = jax.jit(
    lambda model, variables, x, train=False: model.apply(variables, x, train=train),
    static_argnames=("model", "train"),
)


def initial(model, x):
    key = jax.random.key(1, impl="unsafe_rbg")  # compiles six times faster
    return jax.jit(model.init)(key, x)


TINY = dict(levels=3, width=4, down_kernel=5, up_kernel=3, channels=2, sources=3)


@pytest.mark.parametrize("context", [False, True])
def test_lengths_of_small_nets_are_those_of_their_output(context):
    model = WaveUNet(**TINY, context=context)
    for wanted in (1, 3, 16, 40):
        read = model.input_length(wanted)
        given = model.output_length(read)
        y, _ = jax.eval_shape(
            model.init_with_output,
            jax.random.key(0),
            jax.ShapeDtypeStruct((1, read, 2), jnp.float32),
        )
        assert y.shape[1] == given and wanted <= given < wanted + 8
        assert (read - given) % 2 == 0
    with pytest.raises(BadInput, match="not 41"):
        model.output_length(41)


@pytest.mark.parametrize(
    "fields, context, dilations",
    [
        ((3, 5, 3), False, ()),
        ((3, 5, 3), True, ()),
        ((2, 15, 5), False, ()),
        ((2, 15, 5), True, ()),
        ((1, 3, 3), False, (1, 2)),
    ],
)
def test_receptive_field_by_gradient(fields, context, dilations):
    levels, down, up = fields
    how = dict(down_kernel=down, up_kernel=up, context=context, dilations=dilations)
    model = WaveUNet(levels, 2, **how)
    x = jax.random.normal(jax.random.key(0), (1, model.input_length(2 * model.receptive_field), 1))
    variables = jax.jit(model.init)(jax.random.key(1), x)

    @jax.jit
    def seen(index):
        return jax.grad(lambda x: jnp.abs(model.apply(variables, x)[0, index]).sum())(x)[0, :, 0]

    middle = model.output_length(x.shape[1]) // 2
    support = [np.flatnonzero(seen(middle + i)) for i in range(2**levels)]
    assert max(int(s[-1] - s[0]) + 1 for s in support) == model.receptive_field


@pytest.mark.parametrize("context", [False, True])
def test_difference_sources_sum_to_the_mixture(context):
    model = WaveUNet(**TINY, context=context, output="difference")
    x = jax.random.normal(jax.random.key(0), (2, model.input_length(16), 2))
    variables = initial(model, x)
    y = apply(model, variables, x, train=True)
    np.testing.assert_allclose(y.sum(2), crop(x, y.shape[1]), atol=1e-5)
    np.testing.assert_allclose(
        apply(model, variables, x)[:, :, -1], np.clip(y[:, :, -1], -1, 1), atol=1e-6
    )


@pytest.mark.parametrize("context", [False, True])
def test_learned_upsampling_at_zero_is_linear(context):
    model = WaveUNet(**TINY, context=context, upsampling="learned")
    x = jax.random.normal(jax.random.key(0), (1, model.input_length(16), 2))
    params = initial(model, x)["params"]
    learned = {name: p for name, p in params.items() if name.startswith("upsample")}
    assert len(learned) == 3 and all(np.any(p["theta"]) for p in learned.values())
    zero = {name: jax.tree.map(jnp.zeros_like, p) for name, p in learned.items()}
    linear = {name: p for name, p in params.items() if name not in learned}
    np.testing.assert_allclose(
        apply(model, {"params": linear | zero}, x),
        apply(model.clone(upsampling="linear"), {"params": linear}, x),
        atol=1e-6,
    )


def test_shifting_the_input_by_the_total_stride_shifts_the_output():
    model = WaveUNet(**TINY, context=True)
    read = model.input_length(16)
    x = jax.random.normal(jax.random.key(0), (1, read + 8, 2))
    variables = initial(model, x[:, :read])
    first, second = apply(model, variables, x[:, :read]), apply(model, variables, x[:, 8:])
    np.testing.assert_allclose(first[:, 8:], second[:, :-8], atol=1e-5)


def test_bfloat16_puts_out_float32_close_to_it():
    model = WaveUNet(**TINY)
    x = jax.random.normal(jax.random.key(0), (1, 16, 2)) / 4
    variables = initial(model, x)
    y = apply(model, variables, x)
    low = apply(model.clone(dtype=jnp.bfloat16), variables, x)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, y, atol=0.1)


def test_the_compiled_gradient_holds_no_slow_form():
    model = WaveUNet(**TINY)
    x = jnp.zeros((2, 64, 2))
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    step = jax.jit(jax.grad(lambda v, x: jnp.sum(model.apply(v, x) ** 2)))
    text = step.lower(variables, x).compile().as_text()
    assert not any(slow in text for slow in ("rhs_reversal", "lhs_dilate", "feature_group_count"))
