import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.signal import mu_law

X = np.linspace(-1, 1, 4001).astype(np.float32)


@pytest.mark.parametrize("mu", [255, 65535])
def test_curve_is_librosas(mu):
    theirs = librosa.mu_compress(X, mu=mu, quantize=False)
    np.testing.assert_allclose(mu_law.compand(X, mu), theirs, atol=1e-6)
    theirs = np.clip(theirs, -1, 1)
    back = librosa.mu_expand(theirs, mu=mu, quantize=False)
    np.testing.assert_allclose(mu_law.expand(jnp.asarray(theirs), mu), back, atol=2e-6)


@pytest.mark.parametrize("bits", [8, 16])
def test_codes_survive_decoding(bits):
    codes = np.arange(2**bits)
    for encode, decode in (
        (mu_law.mu_law_encode, mu_law.mu_law_decode),
        (mu_law.encode_linear, mu_law.decode_linear),
    ):
        samples = decode(jnp.asarray(codes), bits)
        assert samples.dtype == jnp.float32 and np.all(np.diff(samples) > 0)
        np.testing.assert_array_equal(encode(samples, bits), codes)


def test_mu_law_codes_of_known_samples():
    # By hand: floor((sign ln(1 + 255 |x|) / ln 256 + 1) / 2 * 255 + 0.5), in float64.
    y = np.sign(X) * np.log1p(255 * np.abs(X.astype(np.float64))) / np.log(256)
    exact = (y + 1) / 2 * 255 + 0.5
    clear = np.abs(exact - np.round(exact)) > 1e-4
    np.testing.assert_array_equal(mu_law.mu_law_encode(X)[clear], np.floor(exact)[clear])
    assert [int(mu_law.mu_law_encode(jnp.float32(v))) for v in (-3.0, -1.0, 0.0, 1.0, 3.0)] == [
        0,
        0,
        128,
        255,
        255,
    ]


def test_floored_codes_are_nnmnkwiis_and_come_back():
    y = np.sign(X) * np.log1p(256 * np.abs(X.astype(np.float64))) / np.log1p(256)
    exact = (y + 1) / 2 * 256  # its mulaw_quantize, mu=256, before it is cut
    clear = (np.abs(exact - np.round(exact)) > 2e-3) & (exact < 256)
    codes = mu_law.encode_floored(X, 256)
    np.testing.assert_array_equal(codes[clear], np.floor(exact)[clear])
    every = np.arange(256)
    samples = mu_law.decode_floored(every, 256)
    level = 2 * every / 256 - 1  # its inv_mulaw_quantize
    inverse = np.sign(level) / 256 * (257.0 ** np.abs(level) - 1)
    np.testing.assert_allclose(samples, inverse, atol=1e-6)
    np.testing.assert_array_equal(mu_law.encode_floored(samples, 256), every)


def test_linear_codes_keep_int16_and_silence():
    pcm = np.arange(-32768, 32768, 7).astype(np.int16)
    codes = mu_law.encode_linear(pcm / np.float32(32768), 16)
    np.testing.assert_array_equal(mu_law.decode_linear(codes, 16) * 32768, pcm)
    assert float(mu_law.decode_linear(mu_law.encode_linear(jnp.float32(0)))) == 0
    error = np.abs(mu_law.decode_linear(mu_law.encode_linear(X)) - X)[X < 0.99]
    assert error.max() <= 1 / 256 + 1e-6


def test_equal_bins_are_those_of_a_histogram():
    edges = np.histogram_bin_edges([], 10, (-1, 1))
    np.testing.assert_allclose(
        mu_law.decode_equal(np.arange(10), 10), (edges[1:] + edges[:-1]) / 2, atol=1e-6
    )
    x = X[np.abs(X[:, None] - edges).min(1) > 1e-5]
    np.testing.assert_array_equal(mu_law.encode_equal(x, 10), np.digitize(x, edges) - 1)


def test_slope_at_silence_is_the_curves():
    slope = jax.grad(mu_law.compand)(jnp.float32(0.0))
    assert float(slope) == pytest.approx(255 / np.log(256), rel=1e-5)
