"""Notes from rolls, windows against one pass, scores against mir_eval, MIDI against pretty_midi."""

import json

import mir_eval
import numpy as np
import pretty_midi
import pytest
import soundfile

from zoo.data.note_rolls import rolls
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.transcription import NoteTranscription
from zoo.songs.midi_files import write_midi
from zoo.songs.note_decoding import ROLLS, NoteWindows, decode_notes, for_metrics, listen

STEP = 512 / 16_000
INFO = Info("clicks", 16_000, 1, (), "none", "none")


def melody(count=40, seconds=16.0, seed=0):
    """Random notes on the frames' grid, no key struck while it sounds."""
    random = np.random.default_rng(seed)
    free = np.zeros(88, int)
    rows = []
    for start in np.sort(random.choice(int(seconds / STEP) - 30, count, replace=False)):
        key, length = int(random.integers(88)), int(random.integers(2, 25))
        if free[key] < start:
            rows.append((start * STEP, (start + length) * STEP, 21 + key, random.integers(1, 128)))
            free[key] = start + length
    columns = np.array(rows).T
    return {
        "onset": columns[0],
        "offset": columns[1],
        "pitch": columns[2].astype(int),
        "velocity": columns[3].astype(int),
    }


def test_rolls_decode_to_the_notes_they_were_made_of():
    notes = melody()
    found = decode_notes(rolls(notes, 520, STEP), STEP)
    for name in notes:
        np.testing.assert_allclose(found[name], notes[name], atol=1e-9, err_msg=name)


def test_only_onsets_begin_notes():
    made = {name: np.zeros((12, 88)) for name in ROLLS}
    made["frames"][2:5, 3] = 1  # a frame without an onset
    made["onsets"][6, 5] = 1  # an onset without a frame: one frame long
    made["frames"][1:9, 7] = 1  # struck twice, the second time while it sounds
    made["onsets"][[1, 2, 5], 7] = 1
    made["velocities"][[1, 2, 5], 7] = 0.25, 0.75, 0.1
    found = decode_notes(made, 1.0)
    got = list(zip(found["onset"], found["offset"], found["pitch"], found["velocity"]))
    assert got == [(1, 5, 28, 64), (5, 9, 28, 13), (6, 7, 26, 1)]
    empty = decode_notes({name: np.zeros((5, 88)) for name in ROLLS}, 1.0)
    assert all(len(column) == 0 for column in empty.values())


def reading(batch):
    """A 'model' of context two hops: a frame's onset is the mean of what surrounds it."""
    audio = np.asarray(batch["audio"])[..., 0]
    frames = audio.reshape(len(audio), -1, 4).mean(-1)
    padded = np.pad(frames, ((0, 0), (2, 2)))
    near = sum(padded[:, i : i + frames.shape[1]] for i in range(5))
    return {name: np.repeat(near[..., None], 2, -1) * (i + 1) for i, name in enumerate(ROLLS)}


@pytest.mark.parametrize("length", [1, 31, 32, 33, 100, 128, 203])
def test_windows_equal_one_pass(length):
    sound = np.random.default_rng(length).normal(size=(length, 1)).astype(np.float32)
    other = np.random.default_rng(1).normal(size=(50, 1)).astype(np.float32)
    frames = -(-length // 4)
    whole = reading({"audio": np.pad(sound, ((0, frames * 4 + 8 - length), (0, 0)))[None]})
    blocks = [sound[i : i + 7] for i in range(0, length, 7)]
    heard = list(listen(reading, [blocks, [other]], NoteWindows(32, 8, hop=4, batch=3)))
    assert len(heard) == 2 and len(heard[1]["frames"]) == 13
    for name in ROLLS:
        assert len(heard[0][name]) == frames
        np.testing.assert_allclose(heard[0][name], whole[name][0, :frames], atol=4e-3)


def test_windows_must_meet():
    with pytest.raises(BadInput, match="multiples"):
        NoteWindows(1000, 100)
    with pytest.raises(BadInput, match="half"):
        NoteWindows(1024, 512)


def pretending(estimates):
    """A predictor that gives, whatever it reads, the rolls of prepared notes, window by window."""
    waiting = list(estimates)

    def predict(batch):
        made = [rolls(waiting.pop(0), batch["audio"].shape[1] // 512, STEP) for _ in batch["audio"]]
        return {name: np.stack([m[name] for m in made]) for name in ROLLS}

    return predict


def test_no_note_lasts_less_than_a_millisecond():
    notes = {"onset": [1.0, 2.0], "offset": [1.0, 2.5], "pitch": [69, 57], "velocity": [1, 2]}
    found = for_metrics(notes)
    np.testing.assert_allclose(found.intervals, [[1, 1.001], [2, 2.5]])
    np.testing.assert_allclose(found.pitches, [440, 220])


def test_scores_are_mir_evals():
    truth, samples = [melody(seed=i) for i in range(2)], 500 * 512
    guesses = []
    for notes in truth:
        guess = {name: value.copy() for name, value in notes.items()}
        guess["onset"][::5] += 3 * STEP
        guess["offset"] += np.where(np.arange(len(guess["offset"])) % 3, 0, 9 * STEP)
        guess["velocity"][::4] = 127 - guess["velocity"][::4]
        guesses.append(guess)
    records = [
        {"track": str(i), "audio": np.zeros((samples, 1), np.int16), "notes": notes}
        for i, notes in enumerate(truth)
    ]
    report = NoteTranscription(NoteWindows(samples, 512)).run(pretending(guesses), records, INFO)
    expected = []
    for notes, guess in zip(truth, guesses):
        heard = for_metrics(decode_notes(rolls(guess, 500, STEP), STEP))
        ours = for_metrics({**notes, "offset": np.minimum(notes["offset"], 500 * STEP)})
        pair = (ours.intervals, ours.pitches, heard.intervals, heard.pitches)
        score = mir_eval.transcription.precision_recall_f1_overlap
        both = (
            ours.intervals,
            ours.pitches,
            ours.velocities,
            heard.intervals,
            heard.pitches,
            heard.velocities,
        )
        loud = mir_eval.transcription_velocity.precision_recall_f1_overlap
        expected.append([score(*pair, offset_ratio=None)[2], score(*pair)[2], loud(*both)[2]])
    names = ("note_f1", "note_offset_f1", "note_offset_velocity_f1")
    np.testing.assert_allclose([report.metrics[n] for n in names], np.mean(expected, 0), atol=1e-9)
    assert 0.1 < report.metrics["note_offset_velocity_f1"] < report.metrics["note_f1"] < 0.95
    assert report.counts["pieces"] == 2 and 0 < report.metrics["frame_f1"] < 1


def test_perfect_ears_score_one_and_held_notes_are_left_out():
    notes = melody()
    held = {
        name: np.append(value, extra)
        for (name, value), extra in zip(notes.items(), (-0.5, 0.4, 60, 80))
    }
    record = {"track": "a", "audio": np.zeros((512 * 500, 1), np.int16), "notes": held}
    report = NoteTranscription(NoteWindows(512 * 500, 512)).run(pretending([notes]), [record], INFO)
    assert {v for k, v in report.metrics.items()} == {1.0}
    assert report.counts["notes_begun_before"] == 1
    with pytest.raises(BadInput, match="no piece"):
        nothing = {name: value[:0] for name, value in notes.items()}
        NoteTranscription(NoteWindows(512 * 500, 512)).run(
            pretending([nothing]), [{**record, "notes": nothing}], INFO
        )


def test_chunks_are_joined_to_pieces():
    """Two chunks of a piece, a note sounding across their border: as the piece in one record."""
    notes, half = melody(seconds=8.0), 125 * 512
    second = half / 16_000
    parts = []
    for chunk, start in enumerate((0.0, second)):
        here = (notes["offset"] > start) & (notes["onset"] < start + second)
        own = {name: value[here] for name, value in notes.items()}
        own = {**own, "onset": own["onset"] - start, "offset": own["offset"] - start}
        audio = np.zeros((half, 1), np.int16)
        parts.append(
            {
                "track": "a",
                "audio": audio,
                "notes": own,
                "chunk": chunk,
                "chunks": 2,
                "length": half,
            }
        )
    assert sum(len(part["notes"]["pitch"]) for part in parts) > len(notes["pitch"])
    how = NoteTranscription(NoteWindows(2 * half, 512))
    report = how.run(pretending([notes]), parts, INFO, limit=1)
    assert report.counts["notes"] == len(notes["pitch"]) and report.metrics["note_offset_f1"] == 1


def test_midi_reads_back(tmp_path):
    notes = melody()
    notes["onset"][-1], notes["offset"][-1] = 700.0, 7000.678  # needs four bytes
    write_midi(tmp_path / "a.mid", notes)
    (piano,) = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).instruments
    got = sorted((n.start, n.end, n.pitch, n.velocity) for n in piano.notes)
    wanted = sorted(zip(*(notes[k] for k in ("onset", "offset", "pitch", "velocity"))))
    np.testing.assert_allclose(got, wanted, atol=6e-4)


def test_a_users_file_becomes_midi_and_a_page(tmp_path):
    soundfile.write(tmp_path / "</script>.wav".replace("/", "-"), np.zeros(44_100) + 0.01, 44_100)
    (sound,) = tmp_path.glob("*.wav")
    notes = {
        "onset": np.array([0.0, 0.32]),
        "offset": np.array([0.3, 0.64]),
        "pitch": np.array([60, 64]),
        "velocity": np.array([40, 90]),
    }
    folder = tmp_path / "out"
    line = NoteTranscription(NoteWindows(20_480, 512)).predict_file(
        pretending([notes]), sound, folder, INFO
    )
    assert "2 notes in 1.0 s" in line
    assert {p.name for p in folder.iterdir()} == {"notes.mid", "notes.csv", "roll.png", "page.html"}
    page = (folder / "page.html").read_text()
    data = page.split('id="data">')[1].split("</script>")[0]
    assert [row[2] for row in json.loads(data)["notes"]] == [60, 64]
    assert page.count("</script>") == 2 and 'href="notes.mid"' in page
    (piano,) = pretty_midi.PrettyMIDI(str(folder / "notes.mid")).instruments
    assert [n.pitch for n in piano.notes] == [60, 64]
