"""NMF against scikit-learn's multiplicative updates, and its masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.evaluation.blind_separation import best_order
from zoo.models.separation import nmf
from zoo.signal import components, stft


def spectrogram(frames=20, bins=30, rank=3):
    draw = np.random.default_rng(0)
    v = draw.gamma(1.0, 1.0, (frames, rank)) @ draw.gamma(0.5, 1.0, (rank, bins))
    return (v + 0.05 * draw.random((frames, bins))).astype(np.float32)


def begin(v, rank=4):
    draw = np.random.default_rng(1)
    gains = draw.random((v.shape[0], rank)) + 0.1
    return gains.astype(np.float32), (draw.random((rank, v.shape[1])) + 0.1).astype(np.float32)


def ours(v, gains, spectra, beta, iterations):
    given = (jnp.asarray(x)[None] for x in (v, gains, spectra))
    factors = nmf.factorise(*given, beta=beta, iterations=iterations)
    return [np.asarray(factor[0]) for factor in factors]


@pytest.mark.parametrize("name, beta", nmf.BETAS.items())
def test_updates_equal_scikit_learn_s(name, beta):
    from sklearn.decomposition import non_negative_factorization

    v = spectrogram().astype(np.float64)
    gains, spectra = begin(v)
    theirs = non_negative_factorization(
        v,
        W=gains.astype(np.float64),
        H=spectra.astype(np.float64),
        n_components=4,
        solver="mu",
        beta_loss=beta,
        init="custom",
        max_iter=30,
        tol=0,
    )
    for got, wanted in zip(ours(v, gains, spectra, beta, 30), theirs[:2], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("beta", nmf.BETAS.values())
def test_no_update_makes_it_worse(beta):
    v = spectrogram()
    gains, spectra = begin(v)
    losses = []
    for _ in range(12):
        model = jnp.asarray(gains @ spectra)[None]
        losses.append(float(nmf.divergence(jnp.asarray(v)[None], model, beta)[0]))
        gains, spectra = ours(v, gains, spectra, beta, 1)
    assert np.all(np.diff(losses) < 1e-4 * losses[0]) and losses[-1] < 0.5 * losses[0]


def test_divergences_equal_scikit_learn_s():
    from sklearn.decomposition._nmf import _beta_divergence

    v = spectrogram()
    gains, spectra = begin(v)
    for beta in nmf.BETAS.values():
        got = nmf.divergence(jnp.asarray(v)[None], jnp.asarray(gains @ spectra)[None], beta)[0]
        np.testing.assert_allclose(got, _beta_divergence(v, gains, spectra, beta), rtol=1e-4)


def stems(length=8192):
    """A low and a high tone that take turns, [1 T 2 1]."""
    time = np.arange(length)
    gate = (time // 1024) % 2
    low, high = np.sin(time * 0.05) * gate, np.sin(time * 0.8) * (1 - gate)
    tones = np.stack([low, high], -1)[None, :, :, None] * 0.5
    # Exact zeros have no logarithm: what Itakura-Saito makes of them is chance.
    noise = 1e-3 * np.random.default_rng(0).standard_normal(tones.shape)
    return jnp.asarray(tones + noise, jnp.float32)


def separated(model, mixture):
    return jax.jit(lambda m: model.apply({}, m, rngs={"init": jax.random.key(0)}))(mixture)


@pytest.mark.parametrize("beta", nmf.BETAS.values())
def test_separates_what_differs_blindly_and_sums_to_the_mixture(beta):
    model = nmf.NMF(2, rank=2, beta=beta, iterations=60, n_fft=512, hop=128)
    references = stems()
    estimate = np.asarray(separated(model, references.sum(2)))
    assert estimate.shape == references.shape
    np.testing.assert_allclose(estimate.sum(2), references.sum(2), atol=1e-4)
    order = best_order(*(np.moveaxis(x[0], 1, 0) for x in (np.asarray(references), estimate)))
    error = np.square(estimate[:, :, order] - references).sum((1, 3))
    assert np.all(10 * np.log10(np.square(references).sum((1, 3)) / error) > 10)


@pytest.mark.parametrize(("beta", "exponent"), [(0, 2), (1, 1), (2, 1)])
def test_factors_are_of_powers_under_itakura_saito_and_of_magnitudes_else(
    beta, exponent, monkeypatch
):
    """Fevotte et al. 2009: its model is one of variances."""
    mixture = jnp.asarray(np.random.default_rng(2).normal(0, 1, (1, 1024, 1)), jnp.float32)
    mixed = stft.centred(mixture, 64, 16)
    v = np.abs(mixed[0, :, :, 0]) ** exponent
    begun = begin(v, 3)
    monkeypatch.setattr(nmf, "random_factors", lambda key, v, rank: [x[None] for x in begun])
    found = separated(nmf.NMF(0, rank=3, beta=beta, iterations=4, n_fft=64, hop=16), mixture)
    parts = np.einsum("fk,kn->fnk", *ours(v, *begun, beta, 4))
    wanted = components.mask_components(jnp.asarray(parts)[None], mixed, 64, 16, 1024)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_many_components_are_grouped_by_timbre():
    """Two notes each of a dull and a bright sound, none at the same time: two sources, not four."""
    time = np.arange(16_384)
    turn = (time // 1024) % 4
    notes = []
    for index, (pitch, tilt) in enumerate([(200, 2.0), (250, 2.0), (210, 0.0), (260, 0.0)]):
        partials = [np.sin(2 * np.pi * pitch * h * time / 16_000) / h**tilt for h in range(1, 25)]
        notes.append(0.1 * np.sum(partials, 0) * (turn == index))
    both = np.stack([notes[0] + notes[1], notes[2] + notes[3]])[:, :, None].astype(np.float32)
    model = nmf.NMF(2, rank=4, iterations=80, n_fft=1024, hop=256)
    estimate = np.moveaxis(np.asarray(separated(model, both.sum(0)[None]))[0], 1, 0)
    error = np.square(estimate[best_order(both, estimate)] - both).sum((1, 2))
    assert np.all(10 * np.log10(np.square(both).sum((1, 2)) / error) > 8)


def test_components_come_out_singly():
    mixture = stems().sum(2)
    parts = separated(nmf.NMF(0, rank=3, iterations=20, n_fft=512, hop=128), mixture)
    assert parts.shape == (1, 8192, 3, 1)
    np.testing.assert_allclose(parts.sum(2), mixture, atol=1e-4)


def test_silence_stays_silent():
    y = separated(nmf.NMF(2, rank=3, iterations=5, n_fft=512, hop=128), jnp.zeros((1, 4096, 1)))
    np.testing.assert_array_equal(y, 0)
