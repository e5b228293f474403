import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.signal import resample

AUDIO = np.random.default_rng(0).uniform(-1, 1, (2, 1501, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("up", "down"),
    [(1, 2), (2, 1), (1, 3), (3, 2), (2, 3), (160, 441), (441, 160), (4, 6), (40, 3)],
)
def test_resampling_is_scipys(up, down):
    ours = resample.resample(jnp.asarray(AUDIO), up, down)
    theirs = scipy.signal.resample_poly(AUDIO.astype(np.float64), up, down, axis=1)
    assert ours.shape == theirs.shape and ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, theirs, atol=3e-6)


@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_short_signals_are_scipys(length):
    x = AUDIO[:, :length]
    for up, down in ((3, 2), (2, 3)):
        theirs = scipy.signal.resample_poly(x.astype(np.float64), up, down, axis=1)
        np.testing.assert_allclose(resample.resample(x, up, down), theirs, atol=3e-6)


def test_a_sharper_filter_is_scipys():
    theirs = scipy.signal.resample_poly(
        AUDIO, 2, 3, axis=1, window=resample.sinc_filter(2, 3, 32, 12.0) / 2
    )
    np.testing.assert_allclose(
        resample.resample(jnp.asarray(AUDIO), 2, 3, zeros=32, beta=12.0), theirs, atol=3e-6
    )


def test_resampling_compiles_to_plain_convolutions():
    def energy(x):
        return jnp.square(resample.resample(x, 160, 441)).sum()

    text = jax.jit(jax.grad(energy)).lower(AUDIO).as_text()
    assert "gather" not in text and "feature_group_count = 1 " in text
    assert np.all(np.isfinite(jax.grad(energy)(jnp.zeros((1, 900, 1)))))


@pytest.mark.parametrize(("align", "corners"), [("half", False), ("corners", True)])
@pytest.mark.parametrize("length", [20, 31, 5])
def test_linear_is_torchs(align, corners, length):
    torch = pytest.importorskip("torch")
    x = AUDIO[:, :10]
    theirs = torch.nn.functional.interpolate(
        torch.tensor(x).mT, length, mode="linear", align_corners=corners
    )
    ours = resample.linear(jnp.asarray(x), length, align=align)
    np.testing.assert_allclose(ours, theirs.mT.numpy(), atol=1e-6)


def test_linear_from_the_start_is_numpys():
    x = AUDIO[:1, :10, :1]
    theirs = np.interp(np.arange(25) * 10 / 25, np.arange(10), x[0, :, 0])
    ours = resample.linear(jnp.asarray(x), 25, align="start")
    np.testing.assert_allclose(ours[0, :, 0], theirs, atol=1e-6)
    by_factor = resample.interpolate(jnp.asarray(x), 3)
    np.testing.assert_allclose(
        by_factor, resample.linear(jnp.asarray(x), 30, align="start"), atol=1e-6
    )


def test_hann_steps_are_overlapping_windows():
    x, hop = AUDIO[0, :6, 0], 8
    windows = np.zeros((6 + 2) * hop)
    for i, value in enumerate([*x, x[-1]]):
        windows[i * hop : (i + 2) * hop] += value * scipy.signal.get_window("hann", 2 * hop)
    ours = resample.interpolate(jnp.asarray(x)[None, :, None], hop, "hann")
    np.testing.assert_allclose(ours[0, :, 0], windows[hop : 7 * hop], atol=1e-6)


def test_zeros_are_stuffed_behind():
    ours = resample.zero_stuff(jnp.asarray(AUDIO), 3)
    np.testing.assert_array_equal(ours[:, ::3], AUDIO)
    assert ours.shape == (2, 4503, 2) and not np.any(ours[:, 1::3]) and not np.any(ours[:, 2::3])


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="at least 1"):
        resample.resample(jnp.asarray(AUDIO), 0, 2)
    with pytest.raises(BadInput, match="'half', 'corners' or 'start'"):
        resample.linear(jnp.asarray(AUDIO), 9, align="middle")
