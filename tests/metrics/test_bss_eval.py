"""BSSEval equals museval (v4) and mir_eval (v3)."""

import mir_eval
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.metrics import bss_filters
from zoo.metrics.bss_eval import BSSScores, bss_eval, bss_eval_v3

RATE = 4_000
pytestmark = pytest.mark.filterwarnings("ignore:.*mir_eval.*:FutureWarning")


def assert_equal(ours: BSSScores, expected: tuple, isr: bool = True) -> None:
    np.testing.assert_allclose(ours.sdr, expected[0], rtol=0, atol=1e-6)
    rest = (ours.isr, ours.sir, ours.sar) if isr else (ours.sir, ours.sar)
    for one, other in zip(rest, expected[1:], strict=False):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("sources", "samples", "channels", "hop", "taps"),
    [(2, 2 * RATE + 99, 2, RATE, 512), (4, 9_000, 2, RATE, 64), (3, 9_000, 1, 1_500, 128)],
)
def test_v4_equals_museval(separated, museval_metrics, sources, samples, channels, hop, taps):
    reference, estimate = separated(sources, samples, channels)
    expected = museval_metrics.bss_eval(reference, estimate, RATE, hop, filters_len=taps)
    ours = bss_eval(reference, estimate, RATE, hop, taps=taps)
    assert_equal(ours, expected)
    assert ours.silent == 0


def test_v4_equals_museval_on_a_track_of_many_blocks(separated, museval_metrics, monkeypatch):
    monkeypatch.setattr(bss_filters, "_BLOCK", 1_024)
    monkeypatch.setattr(bss_filters, "GROUP", 3)
    reference, estimate = separated(2, 10_007)
    expected = museval_metrics.bss_eval(reference, estimate, RATE, RATE, filters_len=100)
    assert_equal(bss_eval(reference, estimate, RATE, RATE, taps=100), expected)


def test_v4_equals_museval_in_silent_frames(separated, museval_metrics):
    reference, estimate = separated(2, 4 * RATE)
    reference[0, : RATE + 5] = 0
    estimate[1, 2 * RATE : 3 * RATE] = 0
    expected = museval_metrics.bss_eval(reference, estimate, RATE, RATE, filters_len=64)
    ours = bss_eval(reference, estimate, RATE, RATE, taps=64)
    assert_equal(ours, expected)
    assert ours.silent == 2
    assert np.isnan(ours.sar[:, [0, 2]]).all()
    assert np.isfinite(ours.sar[:, [1, 3]]).all()


def test_equal_channels_are_solved_as_museval_does(separated, museval_metrics):
    """Mono on two channels: the normal equations are singular but for machine epsilon."""
    reference, estimate = (np.repeat(x, 2, axis=2) for x in separated(2, 2 * RATE, 1))
    expected = museval_metrics.bss_eval(reference, estimate, RATE, RATE, filters_len=64)
    assert_equal(bss_eval(reference, estimate, RATE, RATE, taps=64), expected)


def test_rounding_repairs_band_limited_audio(separated, museval_metrics):
    reference, estimate = separated(2, 2 * RATE)
    low = scipy.signal.butter(12, 0.2, output="sos")
    smooth = [scipy.signal.sosfilt(low, x, axis=1) for x in (reference, estimate)]
    coarse = [np.round(x * 32_768) / 32_768 for x in smooth]
    expected = museval_metrics.bss_eval(*coarse, RATE, RATE, filters_len=128)
    rounded = bss_eval(*smooth, RATE, RATE, taps=128)
    assert_equal(bss_eval(*coarse, RATE, RATE, taps=128, round_to_16_bit=False), expected)
    for one, other in zip((rounded.isr, rounded.sir, rounded.sar), expected[1:], strict=False):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)
    unrounded = bss_eval(*smooth, RATE, RATE, taps=128, round_to_16_bit=False)
    np.testing.assert_array_equal(unrounded.sdr, rounded.sdr)
    assert np.abs(unrounded.sar - rounded.sar).max() > 0.1


def test_float32_of_16_bit_audio_is_as_good(separated):
    signals = separated(2, 2 * RATE)
    exact = bss_eval(*signals, RATE, RATE, taps=64)
    single = bss_eval(*(np.float32(x) for x in signals), RATE, RATE, taps=64)
    assert_equal(single, (exact.sdr, exact.isr, exact.sir, exact.sar))
    np.testing.assert_allclose(single.sar, exact.sar, atol=1e-9)


def test_a_source_silent_throughout_is_named(separated):
    reference, estimate = separated(2, RATE)
    reference[1] = 0
    with pytest.raises(BadInput, match="reference of vocals is silent throughout"):
        bss_eval(reference, estimate, RATE, RATE, names=["drums", "vocals"])
    with pytest.raises(BadInput, match="estimate of source 1"):
        bss_eval(estimate, reference, RATE, RATE)
    with pytest.raises(BadInput, match="pad or cut"):
        bss_eval(reference, estimate[:, 1:])
    with pytest.raises(BadInput, match="takes float audio"):
        bss_eval(estimate, np.int16(estimate * 32_768))
    with pytest.raises(BadInput, match="NaN"):
        bss_eval(estimate, np.full_like(estimate, np.nan))


@pytest.mark.parametrize("permute", [False, True])
def test_v3_sources_equal_mir_eval(separated, permute):
    reference, estimate = separated(2, 2_500, 1)
    estimate = estimate[::-1]
    expected = mir_eval.separation.bss_eval_sources(
        reference[..., 0], estimate[..., 0], compute_permutation=permute
    )
    ours = bss_eval_v3(reference, estimate, images=False, permute=permute)
    np.testing.assert_allclose(ours.sdr[:, 0], expected[0], rtol=0, atol=1e-3)
    assert_equal(ours, (ours.sdr, *(x[:, None] for x in expected[1:3])), isr=False)
    assert ours.permutation[:, 0].tolist() == list(expected[3])
    assert permute == (ours.permutation[:, 0].tolist() == [1, 0])


def test_v3_images_framewise_equal_mir_eval(separated):
    reference, estimate = separated(2, 5_500)
    reference[0, 3_000:] = 0
    window, hop = 2_500, 1_500
    expected = mir_eval.separation.bss_eval_images_framewise(reference, estimate, window, hop)
    # mir_eval leaves its ISR of silent frames uninitialised.
    expected[1][:, -1] = np.nan
    ours = bss_eval_v3(reference, estimate, window, hop)
    assert_equal(ours, expected)
    assert ours.silent == 1
    assert ours.permutation[:, -1].tolist() == [-1, -1]
    whole = bss_eval_v3(reference, estimate, 4_000, 4_000)
    assert_equal(
        whole, mir_eval.separation.bss_eval_images_framewise(reference, estimate, 4_000, 4_000)
    )


def test_v3_sources_are_mono(separated):
    with pytest.raises(BadInput, match="mono"):
        bss_eval_v3(*separated(2, RATE), images=False)


def test_correlations_are_those_of_numpy():
    rng = np.random.default_rng(0)
    left, right, taps = rng.standard_normal((2, 70)), rng.standard_normal((3, 70)), 5
    ours = bss_filters.correlations(left[..., None], (right[:1, :, None], right[1:, :, None]), taps)
    for i, j in np.ndindex(2, 3):
        full = np.correlate(right[j], left[i], "full")
        np.testing.assert_allclose(ours[i, j], full[69 - 4 : 69 + 5], atol=1e-12)


def test_solve_falls_back_where_cholesky_cannot():
    indefinite = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(bss_filters.solve(indefinite, np.eye(2))[0], [0, 1], atol=1e-12)
    rows = np.random.default_rng(0).standard_normal((9, 12))
    late = rows @ rows.T  # Cholesky has overwritten half of it when it finds a negative pivot
    late[7, 7] = -5.0
    right = np.arange(18.0).reshape(9, 2)
    np.testing.assert_allclose(late @ bss_filters.solve(late.copy(), right), right, atol=1e-9)
    singular = np.array([[1e20, 1e20], [1e20, 1e20]])
    solution = bss_filters.solve(singular.copy(), np.array([[2e20], [2e20]]))
    np.testing.assert_allclose(singular @ solution, [[2e20], [2e20]], rtol=1e-9)
