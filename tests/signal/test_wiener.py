"""The multichannel Wiener filter against norbert, and where it has a closed form."""

import jax
import numpy as np
import pytest

from zoo.signal.wiener import inverse, wiener_filter

RANDOM = np.random.default_rng(0)


def scene(channels, batch=1, frames=14, bins=6, sources=3):
    """(magnitudes near those of three panned sources, their mixture), complex64."""
    shape = (batch, frames, bins, sources)
    signal = RANDOM.standard_normal(shape) + 1j * RANDOM.standard_normal(shape)
    signal *= RANDOM.uniform(0.1, 40, (batch, frames, 1, sources))
    gains = RANDOM.standard_normal((batch, 1, bins, sources, channels))
    stems = signal[..., None] * gains
    stems = stems + 0.3 * RANDOM.standard_normal(stems.shape)
    magnitudes = np.abs(stems) * RANDOM.uniform(0.7, 1.3, stems.shape)
    return magnitudes.astype("f4"), stems.sum(3).astype("c8")


@pytest.mark.download
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("softmask", [False, True])
def test_equals_norbert(published_modules, channels, softmask):
    """Windows of eight frames by themselves, the last one shorter; two iterations."""
    published_modules("norbert==0.2.1")
    import norbert

    magnitudes, mixture = scene(channels, batch=2)
    found = jax.jit(lambda v, x: wiener_filter(v, x, iterations=2, window=8, softmask=softmask))
    found = np.asarray(found(magnitudes, mixture))
    for example in range(2):
        for window in (slice(0, 8), slice(8, 14)):
            v = np.moveaxis(magnitudes[example, window], 2, 3).astype(np.float64)
            x = mixture[example, window].astype(np.complex128)
            wanted = norbert.wiener(v, x.copy(), 2, use_softmask=softmask, eps=1e-10)
            wanted = np.moveaxis(wanted, 3, 2)
            gap = np.abs(found[example, window] - wanted).max() / np.abs(wanted).max()
            assert gap < 1e-3, gap  # the ridge, and float32


def test_one_channel_is_the_ratio_of_powers():
    magnitudes, mixture = scene(1)
    found = np.asarray(wiener_filter(magnitudes, mixture))
    power = (magnitudes.astype(np.float64) / max(1, np.abs(mixture).max() / 10)) ** 2
    spatial = power.sum(1, keepdims=True) / (power.sum(1, keepdims=True) + 1e-10)
    share = power * spatial / ((power * spatial).sum(3, keepdims=True) + 1e-5)
    np.testing.assert_allclose(found, share * mixture[:, :, :, None], rtol=1e-3, atol=1e-3)


def test_equal_channels_come_out_as_one_would():
    """Of two equal channels the covariance is singular: float32 has to bear it."""
    magnitudes, mixture = scene(1)
    both = np.asarray(wiener_filter(np.repeat(magnitudes, 2, 4), np.repeat(mixture, 2, 3)))
    alone = np.asarray(wiener_filter(magnitudes, mixture))
    np.testing.assert_allclose(both[..., 0], both[..., 1], rtol=1e-3, atol=0.02)
    np.testing.assert_allclose(both[..., :1], alone, rtol=0.1, atol=0.1)
    assert not np.any(wiener_filter(np.zeros_like(magnitudes), np.zeros_like(mixture)))


def test_sources_sum_to_the_mixture_and_no_iteration_keeps_the_magnitudes():
    magnitudes, mixture = scene(2)
    refined = np.asarray(wiener_filter(magnitudes, mixture))
    np.testing.assert_allclose(refined.sum(3), mixture, rtol=1e-2, atol=1e-2)
    first = np.asarray(wiener_filter(magnitudes, mixture, iterations=0))
    np.testing.assert_allclose(np.abs(first), magnitudes, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_inverse_is_numpy_s(channels):
    matrix = RANDOM.standard_normal((5, 4, channels, channels)) + 1j
    matrix = (matrix + 3 * np.eye(channels)).astype("c8")
    np.testing.assert_allclose(inverse(matrix), np.linalg.inv(matrix), rtol=2e-3, atol=1e-4)
