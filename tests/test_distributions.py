"""Probabilities against SciPy, their own sums and entropies; draws against frequencies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from zoo.distributions import Categorical, Gaussian, MixtureOfLogistics, Tokens
from zoo.errors import BadInput
from zoo.signal.mixtures import MixtureOfGaussians

ALL = (Categorical(16), Categorical(16, "linear"), Tokens(11), MixtureOfLogistics(3), Gaussian())


def raw_for(distribution, *shape, scale=1.0):
    raw = np.random.default_rng(0).normal(0, scale, (*shape, distribution.parameters))
    return jnp.asarray(raw, jnp.float32)


def uniform(*shape, low=1e-7, high=1.0):
    return jnp.asarray(np.random.default_rng(1).uniform(low, high, shape), jnp.float32)


def log_prob(distribution, raw, audio):
    return np.asarray(jax.jit(distribution.log_prob)(raw, audio), np.float64)


def grid(bits):
    half = 2 ** (bits - 1)
    return (jnp.arange(-half, half) / half)[None, :, None]


@pytest.mark.parametrize("companding", ["mu_law", "linear", "equal"])
@pytest.mark.parametrize("count", [2, 3, 100, 101, 256, 65_536])
def test_codes_survive_decoding_and_every_code_is_used(companding, count):
    distribution = Categorical(count, companding)
    codes = jnp.arange(count)[:, None]
    assert (distribution.encode(distribution.decode(codes)) == codes).all()
    inputs = distribution.inputs(distribution.decode(codes))
    wanted = (
        np.arange(count) * 2 / count - 1 if companding == "equal" else np.linspace(-1, 1, count)
    )
    np.testing.assert_allclose(inputs[:, 0], wanted, atol=1e-6)
    edges = distribution.encode(jnp.array([[-7.0], [-1.0], [1.0], [7.0]]))[:, 0]
    assert edges.tolist() == [0, 0, count - 1, count - 1]


def test_sampling_of_sixteen_bit_codes_reaches_all_of_them():
    """The running sum of 65,536 chances in float32: the last ones count as much as the first."""
    distribution = Categorical(65_536, "linear")
    raw = (
        jnp.full((65_536,), -30.0)
        .at[jnp.array([0, 20_000, 65_535])]
        .set(jnp.log(jnp.arange(1.0, 4)))
    )
    draws = jax.jit(jax.vmap(lambda u: distribution.sample(raw, u[None], 1.0)))(uniform(6000))
    found, counts = np.unique(np.asarray(distribution.encode(draws)), return_counts=True)
    assert found.tolist() == [0, 20_000, 65_535]
    np.testing.assert_allclose(counts / 6000, np.arange(1, 4) / 6, atol=0.02)
    audio = jnp.array([20_000 / 32_768 - 1]).reshape(1, 1, 1)
    assert float(distribution.log_prob(raw[None, None], audio)[0, 0]) == pytest.approx(
        np.log(2 / 6), abs=1e-4
    )


def test_bins_of_samplernn_are_of_one_width():
    """As its release: of [0, 1], floor(x (256 - 1e-5) + 0.5e-5); linear codes halve the first."""
    x = np.random.default_rng(0).uniform(-1, 1, 4096).astype(np.float32)
    wanted = np.floor((x.astype(float) + 1) / 2 * (256 - 1e-5) + 0.5e-5)
    found = np.asarray(Categorical(256, "equal").encode(jnp.asarray(x)))
    assert np.mean(found == wanted) > 0.999 and np.abs(found - wanted).max() <= 1
    even = jnp.linspace(-1, 1, 256 * 100, endpoint=False)
    for companding, first, last in (("equal", 100, 100), ("linear", 50, 150)):
        counts = np.bincount(Categorical(256, companding).encode(even), minlength=256)
        assert abs(counts[0] - first) <= 1 and abs(counts[-1] - last) <= 1


@pytest.mark.parametrize("count", [2, 310, 2**24])
def test_tokens_are_the_integers_they_are(count):
    distribution = Tokens(count)
    symbols = jnp.array([0, 1, count // 2, count - 2, count - 1])[:, None]
    held = distribution.decode(symbols)
    assert held.dtype == jnp.float32 and (held == symbols).all()
    assert (distribution.encode(held) == symbols).all()
    assert not distribution.clip and distribution.parameters == count


def test_categorical_is_scipys_log_softmax():
    distribution = Categorical(256)
    raw = raw_for(distribution, 2, 50, scale=3.0)
    codes = np.random.default_rng(1).integers(0, 256, (2, 50, 1))
    expected = scipy.special.log_softmax(np.asarray(raw, np.float64), axis=-1)
    expected = np.take_along_axis(expected, np.asarray(codes), -1)[..., 0]
    actual = log_prob(distribution, raw, distribution.decode(jnp.asarray(codes)))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_gaussian_is_scipys_density():
    raw = raw_for(Gaussian(), 2, 50)
    audio = uniform(2, 50, 1, low=-1)
    expected = scipy.stats.norm(raw[..., 0], np.exp(raw[..., 1])).logpdf(audio[..., 0])
    np.testing.assert_allclose(log_prob(Gaussian(), raw, audio), expected, rtol=1e-4, atol=1e-5)


def test_a_mixture_of_gaussians_is_scipys_and_draws_as_often():
    """Its density, and the share of draws below a value; at temperature 0 the heaviest mean."""
    law = MixtureOfGaussians(3)
    shares, means, scales = np.array([0.2, 0.5, 0.3]), np.array([-4.0, 1.0, 9.0]), [0.5, 2.0, 0.1]
    raw = jnp.array([*np.log(shares) + 3.0, *means, *np.log(scales)], jnp.float32)
    values = np.linspace(-6, 10, 50, dtype=np.float32)[:, None]
    normal = scipy.stats.norm(means, scales)
    expected = np.log((shares * normal.pdf(values)).sum(1))
    many = jnp.broadcast_to(raw, (20_000, 9))
    sample = jax.jit(law.sample)
    np.testing.assert_allclose(
        jax.jit(law.log_prob)(many[:50], values), expected, rtol=1e-3, atol=1e-3
    )
    noise = uniform(20_000, 2)
    draws = np.asarray(sample(many, noise, 1.0))[:, 0]
    for value in (-4.0, 0.0, 2.0, 8.9):
        below = (shares * normal.cdf(value)).sum()
        assert (draws < value).mean() == pytest.approx(below, abs=0.015)
    half = np.asarray(sample(many, noise, 0.5))[:, 0]
    near = half[np.abs(half - 1.0) < 4]
    assert near.std() == pytest.approx(1.0, rel=0.05)  # half of the component's 2
    np.testing.assert_array_equal(sample(many, noise, 0.0), 1.0)
    wild = raw.at[-3:].set(jnp.array([-200.0, 99.0, 200.0]))
    many, middle = jnp.broadcast_to(wild, many.shape), jnp.full((20_000, 2), 0.5)  # 0 deviations
    for found in (sample(many, middle, 1.0), jax.jit(law.log_prob)(many[:50], middle[:50, :1])):
        assert np.all(np.isfinite(found))


@pytest.mark.parametrize("log_scale", [-14.0, -9.0, -5.0, -1.0])
def test_mixture_sums_to_one_over_all_sixteen_bit_values(log_scale):
    distribution = MixtureOfLogistics(4)
    raw = jnp.concatenate([jnp.arange(4.0), jnp.array([-0.999, -0.3, 0.2, 1.1])])
    raw = jnp.concatenate([raw, jnp.full((4,), log_scale)])
    raw = jnp.broadcast_to(raw, (1, 65_536, 12))
    assert np.exp(log_prob(distribution, raw, grid(16))).sum() == pytest.approx(1.0, abs=2e-4)


def test_mixture_is_a_difference_of_scipys_distribution_functions():
    distribution = MixtureOfLogistics(2, bits=8)
    weights, means, scales = [0.3, -0.5], [-0.4, 0.6], [-3.0, -2.0]
    raw = jnp.broadcast_to(jnp.array(weights + means + scales), (1, 256, 6))
    edges = (np.arange(-128, 129) - 0.5) / 128
    edges[0], edges[-1] = -np.inf, np.inf
    mass = 0.0
    for weight, mean, scale in zip(scipy.special.softmax(weights), means, scales):
        mass = mass + weight * np.diff(scipy.stats.logistic(mean, np.exp(scale)).cdf(edges))
    np.testing.assert_allclose(
        log_prob(distribution, raw, grid(8))[0], np.log(mass), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("density", [MixtureOfLogistics(2), Gaussian(), MixtureOfGaussians(2)])
def test_log_scales_below_the_least_count_as_it(density):
    """Else one sample that is met exactly outweighs all others."""
    scales = density.parameters // 3 or 1
    values = jnp.linspace(-0.5, 0.5, 9)[:, None]
    found = []
    for below in (0.0, -9.0, 0.5):
        raw = jnp.zeros((9, density.parameters)).at[:, -scales:].set(density.log_scale_min + below)
        found.append(np.asarray(density.log_prob(raw, values)))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.all(found[0] != found[2])


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_far_off_raws_and_samples_stay_finite_and_differentiable(distribution):
    raw = raw_for(distribution, 2, 9, scale=30.0)
    audio = jnp.array([-1.0, -0.9, -1e-3, 0.0, 1e-6, 0.3, 0.999, 1.0, 1.5])[None, :, None]
    value, slope = jax.jit(jax.value_and_grad(lambda r: distribution.log_prob(r, audio).sum()))(raw)
    assert np.isfinite(value) and np.isfinite(slope).all()


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_mean_nats_of_own_draws_is_the_entropy(distribution):
    raw = raw_for(distribution, 1)
    if isinstance(distribution, Gaussian):
        raw = jnp.array([[0.1, -2.0]])  # hardly ever clipped
    if isinstance(distribution, MixtureOfLogistics):
        raw = jnp.array([[0.5, 0.0, -0.5, -0.5, 0.0, 0.4, -4.0, -5.0, -4.5]])
    many = jnp.broadcast_to(raw, (20_000, distribution.parameters))
    noise = uniform(20_000, distribution.noise)
    draws = jax.jit(distribution.sample)(many, noise, 1.0)
    assert draws.shape == (20_000, 1)
    nats = -log_prob(distribution, many, draws).mean()
    assert nats == pytest.approx(entropy(distribution, raw), abs=0.03)
    assert float(draws.mean()) == pytest.approx(float(distribution.mean(raw)[0, 0]), abs=0.02)


def entropy(distribution, raw):
    if isinstance(distribution, Gaussian):
        return float(scipy.stats.norm(0, np.exp(raw[0, 1])).entropy())
    if distribution.symbols:
        return float(scipy.stats.entropy(scipy.special.softmax(raw[0])))
    every = log_prob(distribution, jnp.broadcast_to(raw, (1, 65_536, raw.shape[-1])), grid(16))
    return float(-(np.exp(every) * every).sum())


@pytest.mark.parametrize("distribution", ALL, ids=str)
def test_mode_is_the_limit_of_cold_draws_and_lies_on_the_grid(distribution):
    raw = raw_for(distribution, 40)
    noise = uniform(40, distribution.noise, low=0.1, high=0.9)
    mode = distribution.mode(raw)
    np.testing.assert_allclose(jax.jit(distribution.sample)(raw, noise, 1e-6), mode, atol=4e-5)
    again = distribution.decode(distribution.encode(mode))
    np.testing.assert_allclose(again, mode, atol=1e-7)


def test_heat_flattens_and_cold_sharpens():
    raw = jnp.broadcast_to(jnp.array([0.0, 1.0]), (4_000, 2))
    noise = uniform(4_000, 1)
    for temperature in (0.5, 1.0, 2.0):
        draws = jax.jit(Categorical(2, "linear").sample)(raw, noise, temperature)
        expected = scipy.special.softmax([0.0, 1.0 / temperature])[1]
        codes = Categorical(2, "linear").encode(draws)
        assert float(codes.mean()) == pytest.approx(expected, abs=0.03)


def test_bad_settings_say_what_is_right():
    with pytest.raises(BadInput, match="use one of mu_law, linear"):
        Categorical(256, "a_law")
    with pytest.raises(BadInput, match="256"):
        Categorical(1)
    with pytest.raises(BadInput, match="2 to 2"):
        Tokens(2**24 + 1)
