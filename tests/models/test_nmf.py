"""NMF against scikit-learn's multiplicative updates, and its masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.models.separation import nmf


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
    return jnp.asarray(np.stack([low, high], -1)[None, :, :, None] * 0.5, jnp.float32)


@pytest.mark.parametrize("beta", nmf.BETAS.values())
def test_separates_what_differs_and_sums_to_the_mixture(beta):
    model = nmf.NMF(rank=2, beta=beta, iterations=60, n_fft=512, hop=128)
    references = stems()
    run = jax.jit(lambda m, r: model.apply({}, m, r, rngs={"init": jax.random.key(0)}))
    estimate = run(references.sum(2), references)
    assert estimate.shape == references.shape
    np.testing.assert_allclose(estimate.sum(2), references.sum(2), atol=1e-4)
    error = jnp.square(estimate - references).sum((1, 3))
    assert np.all(10 * np.log10(jnp.square(references).sum((1, 3)) / error) > 10)
    swapped = run(references.sum(2), references[:, :, ::-1])
    np.testing.assert_allclose(swapped, estimate[:, :, ::-1], atol=1e-6)


def test_silence_stays_silent():
    model = nmf.NMF(rank=2, iterations=5, n_fft=512, hop=128)
    silence = jnp.zeros((1, 4096, 2, 1))
    y = model.apply({}, silence.sum(2), silence, rngs={"init": jax.random.key(0)})
    np.testing.assert_array_equal(y, 0)
