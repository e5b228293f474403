import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from zoo.errors import BadInput
from zoo.layers.conv import TransposedConv
from zoo.models.separation.demucs import Demucs, rescaled, upsample_linear

pytestmark = pytest.mark.optimised  # two nets that are drawn by two programs, compared closely

V1 = Demucs()
V2 = Demucs(width=64, resample=True)


@pytest.mark.parametrize(
    "model, wanted, read, given, parameters",
    [
        (V1, 44_100, 58_708, 47_788, 648_548_208),
        (V1, 441_000, 451_924, 441_004, 648_548_208),
        (V1.clone(context=1), 441_000, 443_732, 443_732, None),
        (V1.clone(width=80), 44_100, 58_708, 47_788, 415_094_568),
        (V1.clone(width=64), 44_100, 58_708, 47_788, 265_679_496),
        (V1.clone(lstm_layers=0), 44_100, 58_708, 47_788, 218_362_608),
        (V1.clone(glu=False), 44_100, 58_708, 47_788, 593_935_608),
        (V2, 44_100, 49_834, 44_374, 265_679_496),
        (V2, 441_000, 447_146, 441_686, 265_679_496),
        (V2.clone(width=48), 44_100, 49_834, 44_374, 149_462_504),
        (V2.clone(width=32), 44_100, 49_834, 44_374, 66_443_592),
    ],
)
def test_parameters_and_lengths_are_the_papers(model, wanted, read, given, parameters):
    assert model.input_length(wanted) == read and model.output_length(read) == given
    x = jax.ShapeDtypeStruct((1, read, 2), jnp.float32)
    y, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    assert y.shape == (1, given, 4, 2)
    count = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    assert parameters in (None, count)


TINY = Demucs(sources=3, width=4, depth=2)


@pytest.mark.parametrize(
    "change",
    [{}, {"resample": True}, {"context": 1}, {"rewrite": False}, {"upsample": True}],
    ids=str,
)
def test_lengths_of_small_nets_are_those_of_their_output(change):
    model = TINY.clone(**change)
    for wanted in (1, 3, 50, 200):
        read = model.input_length(wanted)
        given = model.output_length(read)
        x = jax.ShapeDtypeStruct((1, read, 2), jnp.float32)
        y, _ = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
        assert y.shape == (1, given, 3, 2) and given >= wanted
        assert (read - given) % 2 == 0


def test_lengths_that_leave_samples_over_are_refused():
    with pytest.raises(BadInput, match="takes 58,708 or 62,804 samples, not 60,000"):
        V1.output_length(60_000)
    with pytest.raises(BadInput, match="too few"):
        V1.output_length(4096 + 5460)


def initial(model, x):
    return jax.jit(model.init)(jax.random.key(1, impl="unsafe_rbg"), x)


def test_rescaling_draws_deviations_to_a_tenth():
    """Every kernel of a convolution has the deviation sqrt(s / 10), s that of PyTorch's own."""
    model = Demucs(width=64, depth=1, lstm_layers=1)
    x = jnp.zeros((1, model.input_length(1), 2))
    drawn = (initial(model, x), initial(model.clone(rescale=0), x))
    kernels, plain = (flatten_dict(jax.device_get(v["params"]), sep="/") for v in drawn)
    for name in (n for n in kernels if n.endswith("kernel") and "lstm" not in n):
        taps, inward, outward = kernels[name].shape
        fan = taps * (outward if name == "up_1/kernel" else inward)
        np.testing.assert_allclose(plain[name].std(), (3 * fan) ** -0.5, rtol=0.1)
        ratio = kernels[name] / plain[name]
        bias = name.replace("kernel", "bias")
        np.testing.assert_allclose(ratio, ((3 * fan) ** -0.5 / 0.1) ** -0.5, rtol=1e-4)
        np.testing.assert_allclose(kernels[bias] / plain[bias], ratio.mean(), rtol=1e-4)
    lstm = kernels["lstm/lstm_0/kernel"]
    np.testing.assert_array_equal(lstm, plain["lstm/lstm_0/kernel"])
    np.testing.assert_allclose(lstm.std(), (3 * 64) ** -0.5, rtol=0.05)


def test_normalising_inside_makes_loudness_irrelevant():
    model = TINY.clone(normalise=True)
    x = jax.random.normal(jax.random.key(0), (1, model.input_length(40), 2))
    variables = initial(model, x)
    y = jax.jit(model.apply)(variables, x)
    louder = jax.jit(model.apply)(variables, 5 * x + 2)
    np.testing.assert_allclose(louder, 5 * y + 2, atol=1e-3)


def test_bfloat16_puts_out_float32_close_to_it():
    x = jax.random.normal(jax.random.key(0), (1, TINY.input_length(40), 2)) / 4
    variables = initial(TINY, x)
    low = jax.jit(TINY.clone(dtype=jnp.bfloat16).apply)(variables, x)
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, jax.jit(TINY.apply)(variables, x), atol=0.02)


def buzz(y):
    """Energy within 3 bins of multiples of a fourth of the rate, over that of a unit signal."""
    y = np.asarray(y, np.float64)[-8192:]
    spectrum = np.abs(np.fft.rfft((y - y.mean()) * np.hanning(8192))) ** 2
    lines = [slice(centre - 3, centre + 4) for centre in (2048, 4096)]
    return sum(spectrum[line].sum() for line in lines), spectrum.sum()


def test_transposed_convolutions_buzz_and_interpolation_does_not():
    """A constant latent: all that is not constant in the output lies at fs / 4 and fs / 2."""
    latent = jnp.tile(jax.random.normal(jax.random.key(0), (1, 1, 64)), (1, 2100, 1))
    layer = TransposedConv(1, 8, 4, **rescaled(8, 0.1))
    kernel = layer.init(jax.random.key(1), latent)
    learnt = layer.apply(kernel, latent)[0, 100:-100, 0]
    lines, whole = buzz(learnt)
    assert whole > 1 and lines / whole > 0.999
    held = upsample_linear(latent, 4)
    np.testing.assert_allclose(held, latent[:, :1].repeat(held.shape[1], 1), atol=1e-6)
    smooth = np.convolve(held[0] @ kernel["params"]["kernel"][0, :, 0], np.hanning(8), "valid")
    assert buzz(smooth)[0] < 1e-9 * lines
