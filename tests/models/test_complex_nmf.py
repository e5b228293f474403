"""Complex NMF: its cost never rises, one phase is masking, and as a separator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.evaluation.blind_separation import best_order
from zoo.models.separation import complex_nmf
from zoo.models.separation.complex_nmf import ComplexNMF, Factors


def factors(seed=0, frames=7, bins=9, rank=3):
    draw = np.random.default_rng(seed)
    spectra = draw.random((rank, bins)) + 0.1
    phases = np.exp(2j * np.pi * draw.random((frames, bins, rank)))
    y = draw.standard_normal((frames, bins)) + 1j * draw.standard_normal((frames, bins))
    parts = draw.random((frames, rank)) + 0.1, spectra / spectra.sum(1, keepdims=True), phases
    return jnp.asarray(y, jnp.complex64), Factors(*map(jnp.asarray, parts))


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_no_update_makes_it_worse(weight):
    y, now = factors()
    step = jax.jit(lambda f: complex_nmf.update(y, f, weight, 1.2))
    costs = []
    for _ in range(25):
        costs.append(float(complex_nmf.complex_nmf_cost(y, now, weight, 1.2)))
        moved = step(now)
        # Spectra are scaled to sum to one afterwards, which the penalty is not indifferent to.
        now = moved
    if weight == 0:
        assert np.all(np.diff(costs) < 1e-4 * costs[0])
    assert costs[-1] < 0.5 * costs[0]


def test_gains_are_those_of_the_equation():
    """The auxiliary function is a parabola in each gain: its minimum by a search over a grid."""
    y, now = factors(1)
    wanted, share = complex_nmf.targets(y, now)
    np.testing.assert_allclose(wanted.sum(2), y, atol=1e-5)
    np.testing.assert_allclose(share.sum(2), 1, atol=1e-5)
    moved = complex_nmf.update(y, now, 0.2, 1.2)
    size, inverse = np.abs(wanted), 1 / np.asarray(share)
    scale = np.asarray(
        np.einsum("fnk,fk->kn", size * inverse, now.gains)
        / np.einsum("fnk,fk->kn", inverse, np.square(now.gains))
    )
    grid = np.linspace(0, 6, 60_001)
    frame, k = 2, 1
    error = (
        inverse[frame, :, k, None] * np.square(size[frame, :, k, None] - scale[k][:, None] * grid)
    ).sum(0)
    bound = 0.2 * 1.2 * float(now.gains[frame, k]) ** (1.2 - 2) * grid**2
    best = grid[np.argmin(error + bound)] * scale[k].sum()
    np.testing.assert_allclose(moved.gains[frame, k], best, rtol=1e-3)


def test_the_mixture_s_phase_stays_and_is_masking():
    y, now = factors(2)
    same = now._replace(phases=jnp.repeat((y / jnp.abs(y))[:, :, None], 3, 2))
    small = same._replace(gains=0.1 * same.gains)
    moved = complex_nmf.update(y, small, 0.0, 1.2)
    np.testing.assert_allclose(moved.phases, same.phases, atol=1e-4)
    wanted, share = complex_nmf.targets(y, small)
    np.testing.assert_allclose(wanted, share * y[:, :, None], atol=1e-4)


def test_separates_blindly_and_sums_to_the_mixture():
    time = np.arange(8192)
    gate = (time // 1024) % 2
    low, high = np.sin(time * 0.05) * gate, np.sin(time * 0.8) * (1 - gate)
    stems = 0.5 * np.stack([low, high])[:, :, None].astype(np.float32)
    stereo = np.concatenate([stems, 0.5 * stems[:, ::-1]], 2)
    model = ComplexNMF(2, rank=2, iterations=30, n_fft=512, hop=128)
    run = jax.jit(lambda m: model.apply({}, m, rngs={"init": jax.random.key(0)}))
    estimate = np.moveaxis(np.asarray(run(stereo.sum(0)[None]))[0], 1, 0)
    assert estimate.shape == stereo.shape
    np.testing.assert_allclose(estimate.sum(0), stereo.sum(0), atol=1e-4)
    error = np.square(estimate[best_order(stereo, estimate)] - stereo).sum((1, 2))
    assert np.all(10 * np.log10(np.square(stereo).sum((1, 2)) / error) > 10)


def test_a_louder_song_is_taken_apart_alike():
    """The penalty of sparsity is a share of the energy, whatever the scale."""
    song = np.random.default_rng(0).uniform(-1, 1, (1, 4096, 1)).astype(np.float32)
    model = ComplexNMF(2, rank=3, iterations=8, sparsity=0.3, n_fft=512, hop=256)
    run = jax.jit(lambda m: model.apply({}, m, rngs={"init": jax.random.key(0)}))
    np.testing.assert_allclose(run(song / 64), run(song) / 64, atol=1e-5)
    np.testing.assert_allclose(run(np.zeros_like(song)), 0, atol=1e-12)
