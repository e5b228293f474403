"""framewise_sdr equals museval in NumPy and under jit; SI-SDR equals a one-tap BSSEval."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.metrics.sdr import framewise_sdr, framewise_si_sdr, si_sdr, silent_frames

RATE = 2_000


@pytest.mark.parametrize(("samples", "hop"), [(5 * RATE + 123, RATE), (9_001, 700), (900, RATE)])
def test_numpy_equals_museval(separated, museval_metrics, samples, hop):
    reference, estimate = separated(2, samples)
    expected = museval_metrics.bss_eval(reference, estimate, RATE, hop, filters_len=8)[0]
    ours = framewise_sdr(reference, estimate, RATE, hop)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


def test_jit_in_float64_equals_museval(separated, museval_metrics):
    reference, estimate = separated(3, 4 * RATE)
    expected = museval_metrics.bss_eval(reference, estimate, RATE, RATE, filters_len=8)[0]
    with jax.enable_x64(True):
        ours = jax.jit(framewise_sdr, static_argnums=(2, 3))(
            jnp.asarray(reference), jnp.asarray(estimate), RATE, RATE
        )
        assert ours.dtype == jnp.float64
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("noise", [1.0, 1e-2, 1e-5])
def test_jit_in_float32_keeps_its_stated_error(separated, noise):
    reference, _ = separated(2, 2 * 44_100)
    estimate = reference + noise * np.random.default_rng(0).standard_normal(reference.shape)
    reference, estimate = np.float32(reference), np.float32(estimate)
    exact = framewise_sdr(reference, estimate)
    assert exact.dtype == np.float64
    ours = jax.jit(framewise_sdr)(jnp.asarray(reference), jnp.asarray(estimate))
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, exact, rtol=0, atol=1e-4)


def test_a_silent_source_makes_the_frame_undefined_for_all(separated, museval_metrics):
    reference, estimate = separated(2, 4 * RATE)
    reference[0, RATE : 2 * RATE] = 0
    # Opposite channels sum to zero: silent in museval's sense.
    estimate[1, 3 * RATE :, 1] = -estimate[1, 3 * RATE :, 0]
    expected = museval_metrics.bss_eval(reference, estimate, RATE, RATE, filters_len=8)[0]
    ours = framewise_sdr(reference, estimate, RATE, RATE)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)
    assert np.isnan(ours).all(axis=0).tolist() == [False, True, False, True]
    assert silent_frames(reference, RATE, RATE).tolist() == [False, True, False, False]
    jitted = framewise_sdr(jnp.asarray(reference), jnp.asarray(estimate), RATE, RATE)
    np.testing.assert_array_equal(np.isnan(jitted), np.isnan(ours))


def test_a_perfect_estimate_is_infinite(separated):
    reference, _ = separated(2, 2 * RATE)
    assert np.isposinf(framewise_sdr(reference, reference, RATE, RATE)).all()
    assert np.isposinf(framewise_sdr(jnp.asarray(reference), reference, RATE, RATE)).all()


def test_si_sdr_is_bss_eval_with_one_tap(separated, museval_metrics):
    reference, estimate = separated(1, 3 * RATE, channels=1)
    expected = museval_metrics.bss_eval(
        reference,
        estimate,
        RATE,
        RATE,
        filters_len=1,
        framewise_filters=True,
        bsseval_sources_version=True,
    )[0]
    ours = framewise_si_sdr(reference, estimate, RATE, RATE)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    jitted = jax.jit(framewise_si_sdr, static_argnums=(2, 3))(
        jnp.asarray(reference), jnp.asarray(estimate), RATE, RATE
    )
    np.testing.assert_allclose(jitted, expected, rtol=0, atol=1e-3)


def test_si_sdr_ignores_the_scale_and_sdr_does_not(separated):
    reference, estimate = separated(2, RATE)
    np.testing.assert_allclose(si_sdr(reference, 0.1 * estimate), si_sdr(reference, estimate))
    louder = framewise_sdr(reference, 0.1 * estimate, RATE, RATE)
    assert (np.abs(louder - framewise_sdr(reference, estimate, RATE, RATE)) > 1).all()
    assert np.isnan(si_sdr(reference, 0 * estimate)).all()


def test_shapes_must_agree(separated):
    reference, estimate = separated(2, RATE)
    with pytest.raises(BadInput, match="share a shape"):
        framewise_sdr(reference, estimate[:, :-1], RATE, RATE)
    with pytest.raises(BadInput, match="must be >= 1"):
        framewise_sdr(reference, estimate, RATE, 0)
