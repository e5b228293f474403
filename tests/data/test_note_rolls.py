"""Piano rolls of hand-made notes, crops that move them, and pedals."""

import numpy as np
import pretty_midi
import pytest

from zoo.data import midi
from zoo.data.note_rolls import (
    NoteCrop,
    NoteRolls,
    frame_weights,
    notes_between,
    rolls,
    touched_rolls,
)
from zoo.errors import BadInput

STEP = 512 / 16_000


def notes(*rows):
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    onset, offset = columns[:2].astype(np.float32)
    pitch, velocity = columns[2:].astype(np.int32)
    return {"onset": onset, "offset": offset, "pitch": pitch, "velocity": velocity}


def test_rolls_of_notes_inside_and_across_the_edges():
    made = rolls(
        notes(
            (2 * STEP, 5 * STEP, 60, 64),
            (-1.0, 3 * STEP, 62, 32),
            (8 * STEP, 9.0, 108, 127),
            (4.4 * STEP, 4.45 * STEP, 64, 100),
            (1.0, 2.0, 20, 90),
        ),
        10,
        STEP,
    )
    on = {name: set(zip(*map(np.ndarray.tolist, np.nonzero(roll)))) for name, roll in made.items()}
    assert on["onsets"] == {(2, 39), (8, 87), (4, 43)}
    assert on["offsets"] == {(5, 39), (3, 41), (5, 43)}
    sounding = {(f, 39) for f in (2, 3, 4)} | {(f, 41) for f in (0, 1, 2)} | {(8, 87), (9, 87)}
    assert on["frames"] == sounding | {(4, 43)} == on["velocities"]
    assert made["velocities"][2, 39] == 0.5 and made["velocities"][8, 87] == 127 / 128


def test_labels_lie_on_every_frame_that_they_touch():
    """Two frames for 32 ms from anywhere within a frame, as note_seq counts, ends clipped."""
    made = touched_rolls(
        notes(
            (2.3 * STEP, 5.1 * STEP, 60, 50),
            (-0.5 * STEP, 1.5 * STEP, 62, 100),
            (9.9 * STEP, 12.0, 108, 80),
            (4.6 * STEP, 4.7 * STEP, 64, 20),
        ),
        10,
        STEP,
        0.032,
        100,
    )
    on = {name: np.nonzero(roll) for name, roll in made.items()}
    on = {name: set(zip(*map(np.ndarray.tolist, found))) for name, found in on.items()}
    assert on["onsets"] == {(2, 39), (3, 39), (0, 41), (9, 87), (4, 43), (5, 43)}
    assert on["offsets"] == {(5, 39), (6, 39), (1, 41), (2, 41), (4, 43), (5, 43)}
    sounding = {(f, 39) for f in (2, 3, 4, 5)} | {(0, 41), (1, 41), (9, 87), (4, 43)}
    assert on["frames"] == sounding
    assert on["velocities"] == sounding | on["onsets"]
    assert made["velocities"][2, 39] == 0.5 and made["velocities"][0, 41] == 1
    weights = frame_weights(made, 5.0)
    np.testing.assert_allclose(weights[2:7, 39], [5, 5, 5, 2.5, 1])


def test_velocities_are_shares_of_the_performances_loudest():
    example = {"audio": np.zeros((5120, 1)), "notes": notes((0.05, 0.2, 60, 60))}
    for more, share in ({"loudest": 80}, 0.75), ({}, 1.0):
        made = NoteRolls(span=0.032, relative=True)(None, {**example, **more})
        assert made["velocities"].max() == np.float32(share) and made["onsets"].sum() == 2
    assert NoteRolls()(None, example)["velocities"].max() == np.float32(60 / 128)


def test_weights_fall_with_the_age_of_a_note():
    made = rolls(notes((2 * STEP, 8 * STEP, 60, 64), (-1.0, 3 * STEP, 61, 64)), 10, STEP)
    weights = frame_weights(made, 5.0)
    wanted = [1, 1, 5, 5, 5 / 2, 5 / 3, 5 / 4, 1, 1, 1]
    np.testing.assert_allclose(weights[:, 39], wanted, rtol=1e-6)
    np.testing.assert_array_equal(weights[:, 40], 1)


def test_a_crop_moves_the_notes_with_the_audio():
    """A click at every onset: after the crop it still stands where the note says."""
    onsets = np.array([0.1, 0.5, 0.9, 1.3, 1.7])
    audio = np.zeros((32_768, 1), np.int16)
    audio[(onsets * 16_000).round().astype(int)] = 1000
    example = {"audio": audio, "notes": notes(*[(t, t + 0.3, 60, 80) for t in onsets])}
    starts = set()
    for seed in range(8):
        cropped = NoteCrop(8192)(np.random.default_rng(seed), example)
        begun = cropped["notes"]["onset"]
        clicks = np.flatnonzero(cropped["audio"][:, 0]) / 16_000
        np.testing.assert_allclose(begun[begun >= 0], clicks, atol=1e-4)
        assert np.all(cropped["notes"]["offset"] > 0)
        starts.add(float(clicks[0]) if len(clicks) else -1.0)
        made = NoteRolls()(None, cropped)
        assert made["onsets"].shape == (16, 88) and "notes" not in made
        heard = np.floor(begun / STEP + 0.5)  # half a frame before the crop is frame 0
        assert made["onsets"].sum() == ((heard >= 0) & (heard < 16)).sum()
    assert len(starts) > 3
    with pytest.raises(BadInput, match="too short"):
        NoteCrop(40_000)(np.random.default_rng(0), example)


def test_crops_of_a_short_file_keep_out_of_the_zeros_behind_it():
    audio = np.zeros((100 * 512, 1), np.int16)
    audio[: 40 * 512] = 1000
    example = {"audio": audio, "notes": notes((0, 1, 60, 80)), "length": 40 * 512}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert NoteCrop(30 * 512)(rng, example)["audio"].all()
        assert NoteCrop(50 * 512)(rng, example)["audio"][0] == 1000  # as much of it as there is


def test_shifted_keeps_what_sounds():
    moved = notes_between(
        notes((0, 1, 60, 1), (1, 3, 61, 2), (2.5, 4, 62, 3), (5, 6, 63, 4)), 2.0, 2.0
    )
    np.testing.assert_array_equal(moved["pitch"], [61, 62])
    np.testing.assert_allclose(moved["onset"], [-1, 0.5])
    np.testing.assert_allclose(moved["offset"], [1, 2])


def performance(path, played, pedal=()):
    score = pretty_midi.PrettyMIDI(resolution=1000)
    piano = pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(v, p, a, b) for a, b, p, v in played]
    piano.control_changes = [pretty_midi.ControlChange(64, value, t) for t, value in pedal]
    score.instruments.append(piano)
    score.write(str(path))
    return path


def test_the_pedal_holds_notes_until_it_rises_or_the_key_is_struck_again(tmp_path):
    played = [
        (0.0, 0.5, 60, 70),  # released before the pedal goes down
        (0.6, 1.0, 62, 80),  # held by the pedal until 2.0
        (0.7, 1.0, 64, 80),  # held until its key is struck again at 1.5
        (1.5, 2.5, 64, 90),  # released after the pedal rose
        (3.0, 3.2, 65, 60),  # under a pedal that never rises: until the end
    ]
    file = performance(tmp_path / "a.mid", played, [(0.55, 100), (2.0, 10), (2.9, 127)])
    dry, wet = midi.read_notes(file, pedal=False), midi.read_notes(file)
    np.testing.assert_allclose(dry["offset"], [0.5, 1.0, 1.0, 2.5, 3.2], atol=2e-3)
    np.testing.assert_allclose(wet["offset"], [0.5, 2.0, 1.5, 2.5, 3.2], atol=2e-3)
    np.testing.assert_array_equal(wet["pitch"], [60, 62, 64, 64, 65])
    np.testing.assert_array_equal(wet["velocity"], [70, 80, 80, 90, 60])
    assert midi.sustained([(0.0, 1.0, 60, 1)], [(0.5, 127)], 9.0) == [(0.0, 9.0, 60, 1)]


def test_what_is_no_midi_is_refused(tmp_path):
    (tmp_path / "b.mid").write_bytes(b"RIFF no midi at all")
    with pytest.raises(BadInput, match="not readable"):
        midi.read_notes(tmp_path / "b.mid")
    with pytest.raises(BadInput, match="no notes"):
        midi.read_notes(performance(tmp_path / "c.mid", []))
