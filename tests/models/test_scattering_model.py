"""Log scattering features: their number, what normalising does, and silence."""

import jax
import numpy as np

from zoo.models.classification.scattering import LogScattering
from zoo.signal.scattering import scatter


def test_has_no_parameters_and_the_paths_of_both_orders():
    model = LogScattering()
    x = np.zeros((1, 2**15, 1), np.float32)
    assert not jax.tree.leaves(jax.eval_shape(model.init, jax.random.key(0), x))
    assert model.features == 94 + 549
    assert jax.eval_shape(model.apply, {}, x).shape == (1, 643)


def test_second_order_is_divided_by_its_parent():
    x = np.random.default_rng(0).standard_normal((2, 500, 1)).astype(np.float32)
    plain = LogScattering(5, (4, 1), 32, normalise=False)
    divided = LogScattering(5, (4, 1), 32)
    levels, relative = (np.asarray(model.apply({}, x)) for model in (plain, divided))
    paths = plain.how.paths()[1:]
    for column, path in enumerate(paths):
        parent = levels[:, path[0]] if len(path) == 2 else 0.0
        np.testing.assert_allclose(relative[:, column], levels[:, column] - parent, atol=1e-4)
    coefficients = np.asarray(scatter(x, plain.how))[:, :, 1:, 0]
    np.testing.assert_allclose(levels, np.log(coefficients + 1e-4).mean(1), atol=1e-4)


def test_silence_is_finite_and_a_gain_cancels_in_the_second_order():
    model = LogScattering(5, (4, 1), 32, floor=1e-9)
    x = np.random.default_rng(0).standard_normal((1, 500, 1)).astype(np.float32)
    assert np.all(np.isfinite(model.apply({}, 0 * x)))
    one, two = (np.asarray(model.apply({}, gain * x))[0] for gain in (1.0, 0.5))
    first = np.array([len(path) == 1 for path in model.how.paths()[1:]])
    np.testing.assert_allclose(one[first] - two[first], np.log(2), atol=1e-3)
    np.testing.assert_allclose(one[~first], two[~first], atol=1e-3)
