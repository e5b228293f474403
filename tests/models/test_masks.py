"""Oracle masks against the same formulas in NumPy and SciPy, bin by bin."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.models.separation import masks


def stems(channels=2, length=6000):
    draw = np.random.default_rng(0)
    noise = draw.standard_normal((1, length, 3, channels))
    filters = [scipy.signal.firwin(31, cut, pass_zero=kind) for cut, kind in
               ((0.2, True), ((0.2, 0.5), False), (0.5, False))]  # fmt: skip
    for source, taps in enumerate(filters):
        noise[:, :, source] = scipy.signal.lfilter(taps, 1, noise[:, :, source], axis=1)
    return noise.astype(np.float32)


def spectra(x):
    """SciPy's STFT of [T ...], in the scale of an unnormalised one -> [N ... F]."""
    return scipy.signal.stft(x, nperseg=512, noverlap=256, axis=0, padded=True)[2] * 256


def run(references, **fields):
    model = masks.IdealMask(n_fft=512, hop=256, **fields)
    x = jnp.asarray(references)
    return np.asarray(jax.jit(lambda s: model.apply({}, s.sum(2), s))(x))


@pytest.mark.parametrize("kind, power", [("irm", 1.0), ("irm", 2.0), ("ibm", 1.0), ("ibm", 2.0)])
def test_masks_equal_those_made_with_scipy(kind, power):
    references = stems()
    known, mixed = spectra(references[0]), spectra(references[0].sum(1))
    if kind == "irm":
        mask = np.abs(known) ** power / (np.abs(known) ** power).sum(1, keepdims=True)
    else:
        mask = np.abs(known) ** power >= 0.5 * np.abs(mixed)[:, None] ** power
    estimate = scipy.signal.istft(
        mask * mixed[:, None] / 256, nperseg=512, noverlap=256, freq_axis=0, time_axis=-1
    )[1]
    wanted = np.moveaxis(estimate, -1, 0)
    np.testing.assert_allclose(run(references, kind=kind, power=power)[0], wanted[:6000], atol=2e-3)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_wiener_filter_equals_the_formula_bin_by_bin(channels):
    draw = np.random.default_rng(0)
    shape = (1, 5, 4, 3, channels)
    sources = draw.standard_normal(shape) + 1j * draw.standard_normal(shape)
    sources = sources * np.array([1.0, 3.0, 0.3])[:, None]
    mixture = sources.sum(3)
    got = masks.wiener(jnp.asarray(mixture, jnp.complex64), jnp.asarray(sources, jnp.complex64))
    for bin_ in range(4):
        y = sources[0, :, bin_]  # [F S C]
        power = np.mean(np.abs(y) ** 2, -1)
        spatial = np.einsum("fsc,fsd->scd", y, y.conj()) / power.sum(0)[:, None, None]
        for frame in range(5):
            parts = power[frame, :, None, None] * spatial
            wanted = parts @ np.linalg.inv(parts.sum(0)) @ mixture[0, frame, bin_]
            np.testing.assert_allclose(got[0, frame, bin_], wanted, rtol=1e-3, atol=1e-3)


def test_of_one_channel_the_wiener_filter_is_a_ratio_of_powers():
    references = stems(1)
    np.testing.assert_allclose(
        run(references, kind="wiener"), run(references, kind="irm"), atol=1e-4
    )


@pytest.mark.parametrize("right", [1.0, 0.5, 0.0])
def test_of_equal_channels_the_wiener_filter_is_that_of_one(right):
    references = stems(1)
    panned = references * np.array([1.0, right], np.float32)
    wanted = run(references, kind="irm") * np.array([1.0, right])
    np.testing.assert_allclose(run(panned, kind="wiener"), wanted, atol=0.02)


@pytest.mark.parametrize("channels", [2, 3])
def test_silence_stays_silent(channels):
    references = stems(channels)
    references[:, 2000:4000] = 0
    references[:, :, 2] = 0
    for kind in ("irm", "ibm", "wiener"):
        found = run(references, kind=kind)
        assert np.isfinite(found).all() and np.abs(found[:, 2600:3400]).max() < 1e-5


@pytest.mark.parametrize("kind", ["irm", "wiener", "mixture"])
def test_sums_to_the_mixture(kind):
    references = stems()
    np.testing.assert_allclose(run(references, kind=kind).sum(2), references.sum(2), atol=1e-3)


def test_the_mixture_is_shared_equally():
    references = stems()
    wanted = references.sum(2) / 3
    for source in range(3):
        np.testing.assert_allclose(run(references, kind="mixture")[:, :, source], wanted, atol=1e-6)


def test_an_unknown_kind_is_told():
    with pytest.raises(BadInput, match="choose ibm"):
        run(stems(), kind="idm")


def test_covariances_are_taken_in_whole_float32_on_every_device():
    x = jax.ShapeDtypeStruct((1, 6000, 3, 2), jnp.float32)
    model = masks.IdealMask("wiener", n_fft=512, hop=256)
    text = str(jax.make_jaxpr(lambda s: model.apply({}, s.sum(2), s))(x))
    assert "dot_general" in text and "precision=None" not in text
