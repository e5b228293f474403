"""Notes to events and back: exact within the rounding, whatever is played; symbols as published."""

import numpy as np
import pytest

from zoo.data.events import PAPER, RELEASED, Vocabulary, transpose_notes
from zoo.data.midi import read_notes
from zoo.errors import BadInput
from zoo.songs.midi_files import write_midi

SMALL = Vocabulary(40, 60, shifts=7, velocities=5, reserved=1, steps=20)


def performance(seed, count=200, lowest=21, highest=108):
    """Random notes, no key struck again before its release, in order of onset."""
    rng = np.random.default_rng(seed)
    free, rows, now = dict.fromkeys(range(lowest, highest + 1), 0.0), [], 0.0
    for _ in range(count):
        now += rng.choice([0.0, 0.013, 0.2, 3.7])
        pitch = int(rng.integers(lowest, highest + 1))
        if free[pitch] <= now:
            free[pitch] = now + rng.choice([0.03, 0.4, 2.6]) + 0.05
            rows.append((now, free[pitch] - 0.05, pitch, rng.integers(1, 128)))
    onset, offset, pitch, velocity = np.array(rows).T
    return {"onset": onset, "offset": offset, "pitch": pitch.astype(int), "velocity": velocity}


def ordered(notes, steps):
    start = np.floor(np.asarray(notes["onset"], np.float64) * steps + 0.5)
    order = np.lexsort((notes["pitch"], start))
    return {name: np.asarray(notes[name])[order] for name in notes}


@pytest.mark.parametrize("vocabulary", [PAPER, RELEASED, SMALL], ids=["388", "310", "small"])
@pytest.mark.parametrize("seed", range(5))
def test_a_performance_survives_within_the_rounding(vocabulary, seed):
    lowest, highest = max(vocabulary.lowest, 21), min(vocabulary.highest, 108)
    notes = performance(seed, lowest=lowest, highest=highest)
    events = vocabulary.encode(notes)
    assert events.dtype == np.int32 and events.min() >= 0 and events.max() < vocabulary.count
    back, expected = vocabulary.decode(events), ordered(notes, vocabulary.steps)
    half = 0.5 / vocabulary.steps + 1e-5
    np.testing.assert_array_equal(back["pitch"], expected["pitch"])
    np.testing.assert_allclose(back["onset"], expected["onset"], atol=half)
    lasting = np.maximum(expected["offset"], back["onset"] + 1 / vocabulary.steps)
    np.testing.assert_allclose(back["offset"], lasting, atol=half)
    lost = expected["velocity"] - back["velocity"]
    assert lost.min() >= 0 and lost.max() < vocabulary.bin
    np.testing.assert_array_equal(vocabulary.encode(back), events)
    assert vocabulary.seconds(events) == pytest.approx(back["offset"].max())


def test_the_symbols_are_the_published_ones():
    """128 + 128 + 100 + 32 = 388; 2 + 88 + 88 + 100 + 32 = 310."""
    assert (PAPER.count, RELEASED.count) == (388, 310)
    notes = {"onset": [0.5], "offset": [2.0], "pitch": [60], "velocity": [81]}
    expected = [256 + 49, 356 + 20, 60, 256 + 99, 256 + 49, 128 + 60]
    assert PAPER.encode(notes).tolist() == expected
    on, off, shift, velocity = 2 - 21, 90 - 21, 178 - 1, 278
    expected = [shift + 50, velocity + 20, on + 60, shift + 100, shift + 50, off + 60]
    assert RELEASED.encode(notes).tolist() == expected


def test_order_within_a_step_and_a_velocity_is_said_once():
    notes = {"onset": [0, 0, 1], "offset": [1, 2, 2], "pitch": [64, 60, 67], "velocity": [1, 1, 9]}
    off, second = 128, 355
    expected = [356, 60, 64, second, off + 64, 358, 67, second, off + 60, off + 67]
    assert PAPER.encode(notes).tolist() == expected


def test_a_key_struck_while_it_sounds_is_released_first():
    notes = {"onset": [0, 0.5], "offset": [2, 1], "pitch": [60, 60], "velocity": [9, 9]}
    back = PAPER.decode(PAPER.encode(notes))
    np.testing.assert_allclose(back["onset"], [0, 0.5])
    np.testing.assert_allclose(back["offset"], [0.5, 1])


def test_any_sequence_of_events_is_music():
    rng = np.random.default_rng(0)
    for vocabulary in (PAPER, RELEASED, SMALL):
        notes = vocabulary.decode(rng.integers(0, vocabulary.count, 3_000))
        assert len(notes["pitch"]) > 100 and (notes["offset"] > notes["onset"]).all()
        assert (notes["offset"] - notes["onset"]).max() <= 3_000 and np.all(notes["velocity"] > 0)
        assert vocabulary.lowest <= notes["pitch"].min() <= notes["pitch"].max() < 128
    unended = PAPER.decode(np.array([60, 355, 355, 355, 355, 355, 355, 62]))
    np.testing.assert_allclose(unended["offset"], [5.0, 6.01])
    assert len(PAPER.decode(np.zeros(0, int))["onset"]) == 0
    assert len(PAPER.encode({k: [] for k in ("onset", "offset", "pitch", "velocity")})) == 0
    with pytest.raises(BadInput, match="give 0 to 387"):
        PAPER.decode(np.array([388]))


def test_through_a_file_and_back(tmp_path):
    notes = performance(7)
    played = PAPER.decode(PAPER.encode(notes))
    again = read_notes(write_midi(tmp_path / "a.mid", played))
    np.testing.assert_array_equal(PAPER.encode(again), PAPER.encode(notes))


def test_transposed_and_stretched():
    notes = {"onset": [1.0, 2.0], "offset": [2.0, 3.0], "pitch": [60, 127], "velocity": [9, 8]}
    there = transpose_notes(notes, 3, 1.05)
    np.testing.assert_allclose(there["onset"], [1.05], rtol=1e-6)
    np.testing.assert_allclose(there["offset"], [2.1], rtol=1e-6)
    assert there["pitch"].tolist() == [63] and there["velocity"].tolist() == [9]


def test_what_a_model_forgot_to_end_is_cut_where_asked():
    notes = {"onset": [0.0, 1.0], "offset": [4.0, 1.5], "pitch": [60, 62], "velocity": [9, 9]}
    for cut, last in ((False, 4.0), (True, 2.0)):
        vocabulary = Vocabulary(longest=2.0, cut=cut)
        np.testing.assert_allclose(
            vocabulary.decode(vocabulary.encode(notes))["offset"], [last, 1.5]
        )
