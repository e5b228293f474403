import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from zoo.losses import adversarial

FAKE = jnp.array([[-2.0, 0.0], [0.5, 1.5]])
REAL = jnp.array([[2.0, 0.0], [-0.5, 0.5]])


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (adversarial.wgan_discriminator, [-1 - 1, 1 - 0]),
        (adversarial.hinge_discriminator, [0.5 + 0.5, 2.0 + 1.0]),
        (adversarial.least_squares_discriminator, [2.0 + 1.0, 1.25 + 1.25]),
    ],
)
def test_discriminators_by_hand(loss, expected):
    np.testing.assert_allclose(loss(FAKE, REAL), expected)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (adversarial.wgan_generator, [1.0, -1.0]),
        (adversarial.hinge_generator, [1.0, -1.0]),
        (adversarial.least_squares_generator, [(9 + 1) / 2, 0.25]),
    ],
)
def test_generators_by_hand(loss, expected):
    np.testing.assert_allclose(loss(FAKE), expected)


@pytest.mark.parametrize("name", ["wgan", "hinge", "least_squares"])
def test_players_pull_in_opposite_directions(name):
    discriminator = jax.grad(lambda x: getattr(adversarial, f"{name}_discriminator")(x, REAL).sum())
    generator = jax.grad(lambda x: getattr(adversarial, f"{name}_generator")(x).sum())
    x = jnp.full((2, 2), 0.4)
    assert np.all(discriminator(x) * generator(x) < 0)


def test_feature_matching_sums_layer_means():
    prediction = [[jnp.ones((2, 8, 3)), jnp.zeros((2, 4, 5))], [jnp.ones((2, 2))]]
    target = [[jnp.zeros((2, 8, 3)), jnp.full((2, 4, 5), 3.0)], [jnp.ones((2, 2))]]
    np.testing.assert_allclose(adversarial.feature_matching(prediction, target), [4, 4])


def test_penalty_of_a_linear_discriminator_is_known():
    weight = jnp.full((10, 1), 0.5)  # slope of length sqrt(10) / 2

    def discriminator(x):
        return jnp.einsum("btc,tc->b", x, weight)

    x = jnp.ones((3, 10, 1))
    np.testing.assert_allclose(
        adversarial.gradient_penalty(discriminator, x)[0], (np.sqrt(2.5) - 1) ** 2, rtol=1e-5
    )


def test_penalty_is_per_example_and_finite_where_the_discriminator_is_flat():
    def loss(scale, x):
        return adversarial.gradient_penalty(lambda y: scale * jnp.square(y).sum((1, 2)), x)[0]

    x = jnp.stack([jnp.zeros((4, 1)), jnp.ones((4, 1))])
    penalty = loss(1.0, x)
    np.testing.assert_allclose(penalty, [1, (4 - 1) ** 2], rtol=1e-5)
    second = jax.jit(jax.grad(lambda s: loss(s, x).sum()))(1.0)
    assert float(second) == pytest.approx(2 * (4 - 1) * 4, rel=1e-4)
    flat = jax.grad(lambda s: loss(s, x).sum())(0.0)
    assert np.isfinite(flat)


def test_points_between_share_one_weight_an_example():
    real, fake = jnp.zeros((5, 6, 1)), jnp.ones((5, 6, 1))
    x = adversarial.interpolate_pairs(jax.random.key(0), real, fake)
    assert np.all(np.ptp(x, axis=1) == 0) and len(np.unique(x[:, 0])) == 5
    many = adversarial.interpolate_pairs(jax.random.key(1), jnp.ones(2000), jnp.zeros(2000))
    assert scipy.stats.kstest(many, "uniform").pvalue > 0.01  # as Gulrajani et al. draw them
