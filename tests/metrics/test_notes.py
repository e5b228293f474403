"""Note, offset, velocity and frame F1 equal mir_eval."""

import dataclasses
import itertools

import mir_eval
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.metrics.notes import NoteEvents, all_note_f1, frame_f1, match_notes, note_f1
from zoo.tuning import hertz_of_note

pytestmark = pytest.mark.filterwarnings("ignore:.*(are empty|are all empty).*:UserWarning")


def piece(seed: int, count: int = 150) -> tuple[NoteEvents, NoteEvents]:
    """Dense random notes and a transcription of them: jittered, some missing, some invented."""
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.random(count) * 10).round(3)
    lengths = rng.uniform(0.03, 1.0, count)
    keys, force = rng.integers(60, 66, count), rng.integers(20, 110, count).astype(float)
    start = np.clip(onsets + rng.choice([0, 0.01, 0.05, -0.05, 0.0501], count), 0, None)
    end = start + lengths * rng.uniform(0.7, 1.3, count)
    tuned = hertz_of_note(keys + rng.choice([0.0, 0.0, 0.499, -0.501], count))
    kept = rng.permutation(count)[: int(0.9 * count)]
    heard = 0.7 * force + 9 + rng.normal(0, 6, count)
    reference = NoteEvents(np.stack([onsets, onsets + lengths], axis=1), hertz_of_note(keys), force)
    estimate = NoteEvents(np.stack([start, end], axis=1)[kept], tuned[kept], np.abs(heard[kept]))
    return reference, estimate


def of_mir_eval(
    reference: NoteEvents, estimate: NoteEvents, ratio: float | None, velocity: bool
) -> tuple:
    names = ("intervals", "pitches", "velocities") if velocity else ("intervals", "pitches")
    columns = [getattr(side, name) for side in (reference, estimate) for name in names]
    module = mir_eval.transcription_velocity if velocity else mir_eval.transcription
    return module.precision_recall_f1_overlap(*columns, offset_ratio=ratio)[:3]


@pytest.mark.parametrize("seed", range(6))
def test_three_scores_equal_mir_eval(seed):
    reference, estimate = piece(seed)
    found = all_note_f1(reference, estimate)
    expected = {
        "note": of_mir_eval(reference, estimate, None, False),
        "note_offset": of_mir_eval(reference, estimate, 0.2, False),
        "note_offset_velocity": of_mir_eval(reference, estimate, 0.2, True),
    }
    for name, values in expected.items():
        assert dataclasses.astuple(found[name]) == pytest.approx(values, abs=1e-12), name
    assert 0 < found["note_offset_velocity"].f1 < found["note_offset"].f1 < found["note"].f1 < 1


def test_nothing_matches_nothing():
    reference, estimate = piece(0)
    empty = NoteEvents(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    assert note_f1(reference, empty).f1 == note_f1(empty, estimate).f1 == 0
    far = NoteEvents(estimate.intervals + 100, estimate.pitches, estimate.velocities)
    assert note_f1(reference, far, offsets=True, velocities=True).f1 == 0


def test_matching_is_as_large_as_any():
    """Greedy alone finds one pair here, since both estimates first ask for reference 0."""
    assert len(match_notes(np.array([[0, 0], [0, 1], [1, 0]]), 2, 2)) == 2
    rng = np.random.default_rng(0)
    for _ in range(30):
        allowed = rng.random((5, 5)) < 0.35
        best = max(
            sum(allowed[i, j] for i, j in enumerate(p)) for p in itertools.permutations(range(5))
        )
        found = match_notes(np.argwhere(allowed), 5, 5)
        assert len(found) == best
        assert all(allowed[i, j] for i, j in found)
        assert len(set(found[:, 0])) == len(set(found[:, 1])) == best


def test_frame_f1_equals_mir_eval_multipitch():
    rng = np.random.default_rng(0)
    reference, estimate = rng.random((2, 80, 88)) < 0.05
    times, hertz = np.arange(80) * 0.032, hertz_of_note(np.arange(21, 109))
    rolls = [[hertz[frame] for frame in roll] for roll in (reference, estimate)]
    values = mir_eval.multipitch.evaluate(times, rolls[0], times, rolls[1])
    found = frame_f1(reference, estimate)
    assert found.precision == pytest.approx(values["Precision"])
    assert found.recall == pytest.approx(values["Recall"])
    assert frame_f1(reference, reference).f1 == 1.0
    assert frame_f1(reference, 0 * estimate).f1 == 0.0


def test_bad_input_is_named():
    reference, estimate = piece(0)
    with pytest.raises(BadInput, match="no velocities"):
        note_f1(reference, NoteEvents(estimate.intervals, estimate.pitches), velocities=True)
    with pytest.raises(BadInput, match="same notes"):
        note_f1(reference, NoteEvents(estimate.intervals[1:], estimate.pitches))
    with pytest.raises(BadInput, match="positive Hz"):
        note_f1(reference, NoteEvents(estimate.intervals, 0 * estimate.pitches))
    with pytest.raises(BadInput, match="later than its onset"):
        note_f1(reference, NoteEvents(estimate.intervals[:, ::-1], estimate.pitches))
