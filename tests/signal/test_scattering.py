"""The scattering transform against kymatio's, which is written for NumPy and double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D

from zoo.errors import BadInput
from zoo.signal import scattering
from zoo.signal.scattering import _LARGEST, Scattering, design_filters

scatter = jax.jit(scattering.scatter, static_argnames="how")

CASES = [
    (5, (8, 1), None, 1000),
    (6, (1, 1), None, 1024),
    (6, (4, 2), 32, 701),
    (4, (3, 1), 100, 500),  # an average over no power of two, longer than the wavelets
    (7, (8, 1), 16, 2048),  # shorter than the wavelets, and filters narrower than a bin
    (3, (16, 1), 8, 300),
]


def noise(length, rows=2):
    return np.random.default_rng(length).standard_normal((rows, length)).astype(np.float32)


@pytest.mark.filterwarnings("ignore:Signal support is too small")
@pytest.mark.parametrize(("octaves", "per_octave", "window", "length"), CASES)
def test_equals_kymatio_path_by_path(octaves, per_octave, window, length):
    x = noise(length)
    oracle = ScatteringNumPy1D(J=octaves, shape=length, Q=per_octave, T=window)
    expected = oracle(x.astype(np.float64)).swapaxes(1, 2)
    how = Scattering(octaves, per_octave, window)
    assert how.paths() == [tuple(key) for key in oracle.meta()["key"]]
    found = np.asarray(scatter(x[..., None], how))
    assert found.shape == (*expected.shape, 1) and found.dtype == np.float32
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6 * np.abs(expected).max())


def test_the_average_as_a_matrix_is_the_average():
    """Short audio takes the product, long audio the Fourier domain: the cases cover both."""
    sizes = {case: design_filters(Scattering(*case[:3]), case[3]) for case in CASES}
    assert any(len(plan.means) for plan in sizes.values())
    plan = design_filters(Scattering(4, (1, 1), 16), 2**14)
    assert 0 not in plan.means and (plan.length / 16) * plan.length > _LARGEST
    x = noise(2**14, 1)
    expected = ScatteringNumPy1D(J=4, shape=2**14, Q=1, T=16)(x.astype(np.float64)).swapaxes(1, 2)
    found = np.asarray(scatter(x[..., None], Scattering(4, (1, 1), 16)))[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_paths_of_the_audio_setting():
    """1 + 94 + 549 paths of four frames, as kymatio counts them for 2^15 samples."""
    how = Scattering(13)
    orders = np.bincount([len(path) for path in how.paths()])
    assert orders.tolist() == [1, 94, 549]
    shape = jax.eval_shape(lambda x: scatter(x, how), np.zeros((1, 2**15, 1), np.float32)).shape
    assert shape == (1, 4, 644, 1)


def test_first_order_alone_is_the_beginning_of_both():
    x = noise(600)[..., None]
    one, two = (scatter(x, Scattering(5, (4, 1), order=order)) for order in (1, 2))
    np.testing.assert_allclose(one, two[:, :, : one.shape[2]], atol=1e-6)


def test_a_shift_moves_it_less_than_the_audio():
    x = noise(4096, 1)
    how = Scattering(8, (4, 1))
    one, two = (np.asarray(scatter(y[..., None], how))[:, 4:-4] for y in (x, np.roll(x, 4, 1)))
    change = np.linalg.norm(one[:, :, 1:] - two[:, :, 1:]) / np.linalg.norm(one[:, :, 1:])
    assert change < 0.05 < np.linalg.norm(x - np.roll(x, 4, 1)) / np.linalg.norm(x)


def test_channels_are_apart_and_gradients_finite():
    x = noise(400).T[None]
    how = Scattering(4, (2, 1))
    both = scatter(x, how)
    np.testing.assert_allclose(both[..., 1], scatter(x[..., 1:], how)[..., 0], atol=1e-6)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(scatter(x, how) ** 2)))(jnp.asarray(x))
    assert np.all(np.isfinite(gradient)) and np.all(np.any(np.asarray(gradient), 1))


def test_what_cannot_be_is_refused():
    with pytest.raises(BadInput, match="shorter than the window of 64"):
        scatter(noise(63)[..., None], Scattering(6))
    with pytest.raises(BadInput, match="order 1 or 2"):
        Scattering(6, order=3)
