"""Shift-invariant sparse coding against scikit-learn's sparse coder, and as a separator."""

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.decomposition import SparseCoder

from zoo.evaluation.blind_separation import best_order
from zoo.models.separation import sparse_coding
from zoo.models.separation.sparse_coding import Code, SparseCoding


def shifted(atoms, length):
    """Every circular shift of every atom, [K T T]: the dictionary that convolution stands for."""
    padded = np.pad(atoms, ((0, 0), (0, length - atoms.shape[1])))
    return np.stack([[np.roll(one, shift) for shift in range(length)] for one in padded])


def problem():
    draw = np.random.default_rng(0)
    atoms = draw.standard_normal((2, 6))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    x = draw.standard_normal(24)
    return atoms.astype(np.float32), x.astype(np.float32)


def coded(x, atoms, weight, steps):
    """Activations alone: the atoms are put back after every step."""
    silent = jnp.zeros((1, *atoms.shape[:1], x.shape[-1]))
    code = Code(jnp.asarray(atoms), silent, silent, jnp.ones(()))

    def act(_, code):
        return sparse_coding.step(jnp.asarray(x)[None], code, weight)._replace(atoms=code.atoms)

    return jax.jit(lambda c: jax.lax.fori_loop(0, steps, act, c))(code).activations[0]


def test_activations_are_scikit_learn_s():
    atoms, x = problem()
    dictionary = shifted(atoms.astype(np.float64), 24).reshape(48, 24)
    coder = SparseCoder(
        dictionary, transform_algorithm="lasso_cd", transform_alpha=0.4, transform_max_iter=20_000
    )
    wanted = coder.transform(x[None].astype(np.float64))[0].reshape(2, 24)
    got = coded(x, atoms, 0.4, 3000)
    np.testing.assert_allclose(got, wanted, atol=5e-3)
    assert 5 < (np.abs(wanted) > 1e-3).sum() < 40
    np.testing.assert_allclose(
        sparse_coding.atom_contributions(jnp.asarray(atoms), got[None])[0].sum(0),
        np.einsum("kst,ks->t", shifted(atoms, 24), got),
        atol=1e-5,
    )


def test_momentum_is_fista_s():
    """Beck and Teboulle 2009, equations 4.2 and 4.3: the first step has none."""
    atoms, x = problem()
    silent = jnp.zeros((1, 2, 24))
    code = Code(jnp.asarray(atoms), silent, silent, jnp.ones(()))
    length, step = 1.0, jax.jit(sparse_coding.step)
    for _ in range(3):
        before, longer = code.activations, (1 + np.sqrt(1 + 4 * length**2)) / 2
        code = step(jnp.asarray(x)[None], code, 0.1)
        wanted = code.activations + (length - 1) / longer * (code.activations - before)
        np.testing.assert_allclose(code.ahead, wanted, atol=1e-6)
        length = longer


def test_atoms_follow_the_gradient_and_stay_of_length_one():
    atoms, x = problem()
    draw = np.random.default_rng(1)
    ahead = jnp.asarray(draw.standard_normal((1, 2, 24)) * (draw.random((1, 2, 24)) < 0.2))
    code = Code(jnp.asarray(atoms), ahead, ahead, jnp.ones(()))
    moved = sparse_coding.step(jnp.asarray(x)[None], code, 0.05)
    cost = sparse_coding.sparse_coding_cost
    loss = lambda a: cost(jnp.asarray(x)[None], a, moved.activations, 0.0)  # noqa: E731
    spectrum = np.abs(np.fft.rfft(moved.activations))
    size = 1 / np.square(spectrum).sum((0, 1)).max()
    wanted = atoms - size * np.asarray(jax.grad(loss)(jnp.asarray(atoms)))
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(moved.atoms, wanted, atol=1e-5)
    assert np.abs(wanted - atoms).max() > 1e-3


def test_learning_lowers_the_cost_and_finds_atoms():
    draw = np.random.default_rng(2)
    taps, length = 32, 1024
    time = np.arange(taps)
    true = np.stack([np.sin(0.5 * time), np.sin(1.7 * time)]) * np.hanning(taps)
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    places = (draw.random((1, 2, length)) < 0.01) * draw.uniform(0.5, 1, (1, 2, length))
    x = np.asarray(sparse_coding.atom_contributions(jnp.asarray(true), jnp.asarray(places)))[0].sum(
        0
    )[None]
    start = true + 0.1 * draw.standard_normal(true.shape)
    fit = jax.jit(lambda a: sparse_coding.learn(jnp.asarray(x), a, 0.02, 200))
    atoms, activations = fit(jnp.asarray(start))
    match = np.abs(np.fft.irfft(np.fft.rfft(atoms, 64) * np.conj(np.fft.rfft(true, 64)), 64)).max(1)
    assert np.all(match > 0.98)
    begun = sparse_coding.sparse_coding_cost(
        jnp.asarray(x), atoms, jnp.zeros_like(activations), 0.02
    )
    assert sparse_coding.sparse_coding_cost(jnp.asarray(x), atoms, activations, 0.02) < 0.2 * begun


def test_centres_of_bands_are_those_of_tones():
    time = np.arange(512)
    tones = np.array([200.0, 1000.0, 3000.0])
    atoms = np.sin(2 * np.pi * tones[:, None] * time / 16_000) * np.hanning(512)
    centres = sparse_coding.band_centres(jnp.asarray(atoms), 16_000)
    np.testing.assert_allclose(centres, np.log2(50 + tones), atol=0.02)
    assert np.isfinite(sparse_coding.band_centres(jnp.zeros((1, 512)), 16_000)).all()


def test_separates_blindly_and_sums_to_the_mixture():
    time = np.arange(8192)
    gate = (time // 1024) % 2
    low, high = np.sin(time * 0.05) * gate, np.sin(time * 0.8) * (1 - gate)
    stems = 0.5 * np.stack([low, high])[:, :, None].astype(np.float32)
    stereo = np.concatenate([stems, 0.5 * stems], 2)
    model = SparseCoding(2, atoms=4, taps=256, iterations=60)
    run = jax.jit(lambda m: model.apply({}, m, rngs={"init": jax.random.key(0)}))
    estimate = np.moveaxis(np.asarray(run(stereo.sum(0)[None]))[0], 1, 0)
    assert estimate.shape == stereo.shape
    np.testing.assert_allclose(estimate.sum(0), stereo.sum(0), atol=1e-4)
    error = np.square(estimate[best_order(stereo, estimate)] - stereo).sum((1, 2))
    assert np.all(10 * np.log10(np.square(stereo).sum((1, 2)) / error) > 8)
