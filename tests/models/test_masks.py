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
    filters = [
        scipy.signal.firwin(31, cut, pass_zero=kind)
        for cut, kind in ((0.2, True), ((0.2, 0.5), False), (0.5, False))
    ]
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


def campaign(mixture, sources):
    """The multichannel Wiener filter of SiSEC 2018 as published, in float64.

    [F N C], [F N S C] -> [F N S C]; F frames.
    """
    tiny, channels = np.finfo(float).eps, mixture.shape[-1]
    powers, spatials = [], []
    for y in np.moveaxis(sources, 2, 0):
        observed = y[..., :, None] * y[..., None, :].conj()
        first = np.mean(np.abs(y) ** 2, -1)
        spatial = np.mean(observed / (tiny + first)[..., None, None], 0)
        spatial *= channels / np.trace(spatial, axis1=1, axis2=2)[:, None, None]
        spatial = spatial + tiny * np.eye(channels)
        refined = np.linalg.inv(spatial)[None] @ observed
        powers.append(np.trace(refined, axis1=2, axis2=3).real / channels)
        spatials.append(spatial)
    parts = [p[..., None, None] * r[None] for p, r in zip(powers, spatials)]
    unmix = np.linalg.inv(sum(parts))
    return np.stack([(part @ unmix @ mixture[..., None])[..., 0] for part in parts], 2)


def correlated(channels, alike):
    """Spectra [F N S C] of three sources, loud and soft in turn, whose channels are `alike`."""
    draw = np.random.default_rng(channels)
    shape = (40, 4, 3, channels)
    own = draw.standard_normal(shape) + 1j * draw.standard_normal(shape)
    shared = draw.standard_normal(shape[:-1]) + 1j * draw.standard_normal(shape[:-1])
    mixed = alike * shared[..., None] * draw.uniform(0.3, 1, (3, channels)) + (1 - alike) * own
    return mixed * np.exp(2 * draw.standard_normal((40, 1, 3, 1))) * [[[1.0], [3.0], [0.3]]]


@pytest.mark.parametrize("channels, alike", [(1, 0.5), (2, 0.0), (2, 0.8), (2, 0.98), (3, 0.7)])
def test_wiener_filter_equals_the_campaign_s_formula(channels, alike):
    sources = correlated(channels, alike)
    mixture = sources.sum(2)
    got = jax.jit(masks.wiener_oracle)(
        *(jnp.asarray(x[None], jnp.complex64) for x in (mixture, sources))
    )
    wanted = campaign(mixture, sources)
    error = np.abs(got[0] - wanted) ** 2
    assert np.sqrt(error.sum() / (np.abs(wanted) ** 2).sum()) < 1e-3
    ratios = [np.sum(np.abs(sources - x) ** 2, (0, 1, 3)) for x in (np.asarray(got[0]), wanted)]
    assert np.abs(10 * np.log10(ratios[0] / ratios[1])).max() < 0.01


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


def test_an_unknown_kind_is_refused():
    with pytest.raises(BadInput, match="choose ibm"):
        run(stems(), kind="idm")


def test_covariances_are_taken_in_whole_float32_on_every_device():
    x = jax.ShapeDtypeStruct((1, 6000, 3, 2), jnp.float32)
    model = masks.IdealMask("wiener", n_fft=512, hop=256)
    text = str(jax.make_jaxpr(lambda s: model.apply({}, s.sum(2), s))(x))
    assert "dot_general" in text and "precision=None" not in text
