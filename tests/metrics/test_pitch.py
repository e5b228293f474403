"""Melody metrics equal mir_eval.melody."""

import mir_eval
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.metrics.pitch import score_melody


def curves(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = 110 * 2 ** rng.uniform(0, 3, 300)
    detuned = 2.0 ** (rng.normal(0, 40, 300) / 1200 + rng.choice([0, 0, 0, 1, -1], 300))
    estimate = reference * detuned * rng.choice([1, 1, 1, -1, 0], 300)
    return np.where(rng.random(300) < 0.3, 0, reference), estimate


@pytest.mark.parametrize("seed", range(3))
def test_all_five_equal_mir_eval(seed):
    reference, estimate = curves(seed)
    times = np.arange(300) * 0.01
    expected = mir_eval.melody.evaluate(times, reference, times, estimate)
    found = score_melody(reference, estimate)
    assert found.raw_pitch == pytest.approx(expected["Raw Pitch Accuracy"])
    assert found.raw_chroma == pytest.approx(expected["Raw Chroma Accuracy"])
    assert found.voicing_recall == pytest.approx(expected["Voicing Recall"])
    assert found.voicing_false_alarm == pytest.approx(expected["Voicing False Alarm"])
    assert found.overall == pytest.approx(expected["Overall Accuracy"])
    assert 0.2 < found.raw_pitch < found.raw_chroma < 1
    assert score_melody(reference, estimate, cents=10).raw_pitch < found.raw_pitch


def test_an_error_of_the_tolerance_itself_is_wrong_as_in_mir_eval():
    """An octave is 1200 cents without rounding."""
    reference, estimate = np.full(4, 220.0), np.array([440.0, 110.0, 439.0, 220.0])
    voiced, cents = np.ones(4), 1200 * np.log2(np.stack([reference, estimate]) / 10)
    expected = mir_eval.melody.raw_pitch_accuracy(voiced, cents[0], voiced, cents[1], 1200)
    assert score_melody(reference, estimate, cents=1200).raw_pitch == expected == 0.5


@pytest.mark.parametrize("reference", [0.0, 220.0])
@pytest.mark.parametrize("estimate", [0.0, 220.0, -220.0])
def test_curves_without_voiced_or_unvoiced_frames_equal_mir_eval(reference, estimate):
    truth, guess = np.full(4, reference), np.full(4, estimate)
    found = score_melody(truth, guess)
    melody = mir_eval.melody
    voiced, called = truth > 0, guess > 0
    assert found.voicing_recall == melody.voicing_recall(voiced, called)
    assert found.voicing_false_alarm == melody.voicing_false_alarm(voiced, called)
    assert found.raw_pitch == (1.0 if reference and estimate else 0.0)


def test_curves_share_a_grid():
    with pytest.raises(BadInput, match="one grid"):
        score_melody(np.ones(3), np.ones(4))
