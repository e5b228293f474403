"""Sinusoidal separation: the perceptual distance in closed form, and two notes taken apart."""

import itertools

import jax
import numpy as np

from zoo.evaluation.blind_separation import best_order
from zoo.models.separation import sinusoidal
from zoo.models.separation.sinusoidal import Sinusoidal
from zoo.signal.sinusoids import Trajectories


def test_modulation_is_the_mean_squared_difference_over_the_common_frames():
    draw = np.random.default_rng(0)
    x = 1 + 0.3 * draw.standard_normal((3, 12))
    sounding = np.ones((3, 12), bool)
    sounding[0, 9:], sounding[1, :4] = False, False
    got = np.asarray(jax.jit(sinusoidal.modulation)(x * sounding, sounding))
    for i, j in itertools.product(range(3), repeat=2):
        both = sounding[i] & sounding[j]
        one, other = (x[k, both] / x[k, both].mean() for k in (i, j))
        np.testing.assert_allclose(got[i, j], np.square(one - other).mean(), atol=1e-5)


def test_concordance_is_the_nearest_pair_of_harmonics():
    hertz = np.array([100.0, 200.0, 310.0, 451.0])
    got = np.asarray(jax.jit(sinusoidal.concordance)(hertz))
    below = [[f / n for n in range(1, 13) if f / n >= 50] for f in hertz]
    for i, j in itertools.product(range(4), repeat=2):
        wanted = min(abs(np.log(a / b)) for a in below[i] for b in below[j])
        np.testing.assert_allclose(got[i, j], wanted, atol=1e-6)
    assert got[0, 1] == 0 and got[0, 2] > 0.02


def test_onsets_ends_and_weights_count_and_the_apart_are_infinitely_far():
    amplitude = np.zeros((3, 20))
    amplitude[0, 2:12], amplitude[1, 4:16], amplitude[2, 13:] = 1, 1, 1
    frequency = np.where(amplitude > 0, np.array([[200.0], [300.0], [200.0]]), 0)
    weights = (1.0, 1.0, 7.0, 5.0)
    far = jax.jit(lambda found: sinusoidal.trajectory_distances(found, 0.01, weights))
    got = np.asarray(far(Trajectories(frequency, amplitude)))
    np.testing.assert_allclose(got[0, 1], 5 * (0.02 + 0.04 / 4) / 0.1, atol=1e-5)
    assert np.isinf(got[0, 2]) and np.isinf(got[1, 2])
    notes = jax.jit(sinusoidal.cluster_trajectories)
    np.testing.assert_array_equal(notes(got, np.array([1.0, 3.0, 0.0]), 1.6), [0, 0, -1])
    np.testing.assert_array_equal(notes(got, np.array([1.0, 3.0, 2.0]), 1.4), [2, 0, 1])


def test_a_note_s_pitch_is_its_lowest_partial_that_is_not_faint():
    hertz = np.array([440.0, 220.0, 50.0, 300.0, 10.0])
    energy = np.array([1.0, 0.5, 1e-4, 2.0, 9.0])
    got = sinusoidal.note_pitch(hertz, energy, np.array([0, 0, 0, 1, -1]))
    np.testing.assert_array_equal(got, [220, 300, np.inf, np.inf, np.inf])


def sources():
    """A dull note, a bright one that begins and ends apart from it, and clicks, [3 T 1]."""
    time = np.arange(16_384) / 16_000
    place = np.arange(16_384)
    dull = np.sin(2 * np.pi * 220 * time) + 0.3 * np.sin(2 * np.pi * 440 * time)
    bright = sum(np.sin(2 * np.pi * 531 * h * time) for h in range(2, 8))
    dull = dull * np.clip(np.minimum(place - 500, 12_000 - place) / 300, 0, 1)
    bright = bright * np.clip(np.minimum(place - 5_000, 15_800 - place) / 300, 0, 1)
    clicks = 0.8 * (place % 3_000 == 1_000)
    return np.stack([0.3 * dull, 0.06 * bright, clicks])[:, :, None].astype(np.float32)


def test_separates_blindly_and_sums_to_the_mixture():
    stems = sources()
    stereo = np.concatenate([stems, 0.5 * stems], 2)
    model = Sinusoidal(3, peaks=12, tracks=24)
    run = jax.jit(lambda m: model.apply({}, m))
    estimate = np.moveaxis(np.asarray(run(stereo.sum(0)[None]))[0], 1, 0)
    assert estimate.shape == stereo.shape
    np.testing.assert_allclose(estimate.sum(0), stereo.sum(0), atol=1e-5)
    order = best_order(stereo, estimate)
    error = np.square(estimate[order] - stereo).sum((1, 2))
    ratios = 10 * np.log10(np.square(stereo).sum((1, 2)) / error)
    assert np.all(ratios[:2] > 10) and order[2] == 2
    np.testing.assert_array_equal(run(np.zeros_like(stereo.sum(0)[None])), 0)
