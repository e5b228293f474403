import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from zoo.losses import waveform

RNG = np.random.default_rng(0)
TARGET = RNG.normal(0, 0.2, (3, 500, 4, 2)).astype(np.float32)  # [B T S C]
PREDICTION = (TARGET + RNG.normal(0, 0.05, TARGET.shape)).astype(np.float32)


def test_l1_and_l2_average_all_but_the_batch():
    error = PREDICTION.astype(np.float64) - TARGET
    np.testing.assert_allclose(
        waveform.l1(PREDICTION, TARGET), np.abs(error).mean((1, 2, 3)), rtol=1e-5
    )
    np.testing.assert_allclose(
        waveform.l2(PREDICTION, TARGET), (error**2).mean((1, 2, 3)), rtol=1e-5
    )


def test_per_source_averages_to_the_whole():
    each = waveform.per_source(waveform.l1, PREDICTION, TARGET)
    assert each.shape == (3, 4)
    np.testing.assert_allclose(each.mean(1), waveform.l1(PREDICTION, TARGET), rtol=1e-5)


def test_si_sdr_is_what_least_squares_leaves():
    first, found = TARGET[:, :, 0], PREDICTION[:, :, 0]
    target, prediction = first.astype(np.float64), found.astype(np.float64)
    ours = waveform.negative_si_sdr(jnp.asarray(0.3 * found), jnp.asarray(first), floor=0)
    for i in range(3):
        ratios = []
        for c in range(2):
            # A constant in the design matrix takes the mean out.
            design = np.stack([target[i, :, c], np.ones(500)], axis=1)
            (scale, _), lost, *_ = np.linalg.lstsq(design, prediction[i, :, c])
            kept = scale**2 * np.var(target[i, :, c]) * 500
            ratios.append(10 * np.log10(kept / lost[0]))
        assert -float(ours[i]) == pytest.approx(np.mean(ratios), abs=1e-3)


def test_si_sdr_of_sources_is_the_mean_of_each_alone():
    """In the layout that separators give: time is the second axis, not the last but one."""
    each = waveform.per_source(waveform.negative_si_sdr, PREDICTION, TARGET)
    assert each.shape == (3, 4)
    alone = [waveform.negative_si_sdr(PREDICTION[:, :, s], TARGET[:, :, s]) for s in range(4)]
    np.testing.assert_allclose(each, np.stack(alone, 1), rtol=1e-5)
    np.testing.assert_allclose(
        waveform.negative_si_sdr(PREDICTION, TARGET), each.mean(1), rtol=1e-5
    )


def test_si_sdr_of_orthogonal_noise_is_its_level():
    t = np.arange(1000) / 1000
    tone = np.sin(2 * np.pi * 10 * t).astype(np.float32)
    noise = 0.1 * np.cos(2 * np.pi * 10 * t).astype(np.float32)
    ours = waveform.negative_si_sdr((tone + noise)[None, :, None] + 0.5, tone[None, :, None])
    assert float(ours[0]) == pytest.approx(-20, abs=1e-3)


def test_si_sdr_is_finite_at_silence_and_perfection():
    silence = jnp.zeros((1, 50, 1))
    sound = jnp.asarray(TARGET[:1, :50, 0, :1])
    slope = jax.jit(jax.value_and_grad(lambda p, t: waveform.negative_si_sdr(p, t).sum()))
    for prediction, target in (
        (silence, silence),
        (silence, sound),
        (sound, sound),
        (sound, silence),
    ):
        value, gradient = slope(prediction, target)
        assert np.isfinite(value) and np.all(np.isfinite(gradient))


def test_sums_over_sources_and_what_keeps_away_from_the_others():
    each = np.abs(PREDICTION.astype(np.float64) - TARGET).mean((1, 3))
    summed = waveform.source_sum(waveform.l1)(PREDICTION, TARGET)
    np.testing.assert_allclose(summed, each.sum(1), rtol=1e-5)
    first = np.abs(PREDICTION[:, :, :1].astype(np.float64) - TARGET).mean((1, 3))
    wanted = first[:, 0] - 0.05 * first[:, 1:].sum(1)
    loss = waveform.dissimilar_l1(0.05)
    np.testing.assert_allclose(loss(PREDICTION, TARGET), wanted, rtol=1e-5)
    slope = jax.grad(lambda x: loss(x, TARGET).sum())(PREDICTION)
    assert np.any(slope[:, :, 0]) and not np.any(slope[:, :, 1:])


def test_emphasis_is_scipy_s():
    x = np.random.default_rng(3).normal(size=(2, 9, 1)).astype(np.float32)
    wanted = signal.lfilter([1, -0.95], [1], x, axis=1)[:, 1:]
    np.testing.assert_allclose(waveform.emphasised(x, 0.95), wanted, atol=1e-6)
