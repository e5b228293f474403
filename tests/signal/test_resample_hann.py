import jax.numpy as jnp
import numpy as np
import pytest

from zoo.signal.resample import hann_sinc_filter, resample_hann


def directly(x, up, down, zeros=24, rolloff=0.945):
    """Sums a windowed sinc around every output sample, in float64, one by one."""
    slow = min(up, down) / down * rolloff  # corner, per input sample
    reach = int(np.ceil(zeros / slow))
    padded = np.pad(x, reach, mode="edge")
    result = []
    for n in range(-(-len(x) * up // down)):
        centre = n * down / up
        near = np.arange(int(centre) - reach + 1, int(centre) + reach)
        t = (near - centre) * slow
        taps = np.sinc(t) * np.cos(np.clip(t / zeros, -1, 1) * np.pi / 2) ** 2
        result.append(taps / taps.sum() @ padded[np.clip(near + reach, 0, len(padded) - 1)])
    return np.array(result)


@pytest.mark.parametrize("up, down", [(2, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("length", [40, 201])
def test_equals_the_sum_written_out(up, down, length):
    x = np.random.default_rng(0).standard_normal((2, length, 2)).astype(np.float32)
    y = np.asarray(resample_hann(jnp.asarray(x), up, down))
    for b in range(2):
        for c in range(2):
            np.testing.assert_allclose(y[b, :, c], directly(x[b, :, c], up, down), atol=3e-6)


def test_a_sine_stays_the_sine_and_what_is_too_high_goes():
    n = np.arange(2000)
    low = jnp.asarray(np.sin(0.3 * n), jnp.float32)[None, :, None]
    twice = resample_hann(low, 2, 1)
    middle = np.sin(0.15 * np.arange(200, 3800))
    np.testing.assert_allclose(twice[0, 200:-200, 0], middle, atol=1e-4)
    back = resample_hann(twice, 1, 2)
    np.testing.assert_allclose(back[0, 100:-100], low[0, 100:-100], atol=2e-4)
    high = jnp.asarray(np.sin(2.5 * n), jnp.float32)[None, :, None]
    assert np.abs(resample_hann(high, 1, 2)[0, 100:-100]).max() < 1e-3


def test_constants_stay_and_phases_sum_to_one():
    np.testing.assert_allclose(resample_hann(jnp.ones((1, 30, 1)), 3, 2), 1, atol=1e-6)
    taps = hann_sinc_filter(3, 2)
    np.testing.assert_allclose([taps[p::3].sum() for p in range(3)], 1, atol=1e-12)
