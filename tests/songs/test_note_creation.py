"""Notes, bends and windows of Basic Pitch against its authors' package; kinds of music by hand."""

import csv
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile

from zoo.audio import audio_files
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.transcription import NoteTranscription
from zoo.runs import inference, trained
from zoo.songs import note_creation
from zoo.songs.midi_files import non_overlapping, write_midi
from zoo.songs.note_creation import NoteCreation
from zoo.songs.note_decoding import listen
from zoo.songs.overlapping import Overlapping

pytestmark = pytest.mark.optimised

STEP = 256 / 22_050
COLUMNS = ("onset", "offset", "pitch", "velocity")
PACKAGES = ("basic-pitch==0.4.0", "resampy==0.4.3")


def silence(frames=200):
    """The floor that the net has in silence."""
    return {
        "onsets": np.full((frames, 88), 0.1, np.float32),
        "frames": np.full((frames, 88), 0.1, np.float32),
        "contours": np.full((frames, 264), 0.1, np.float32),
    }


def play(rolls, key, start, stop, height=0.8, onset=0.9, bend=0):
    """Adds a note of a key; onset: 0 for one that is only inferred or left over."""
    rolls["frames"][start:stop, key] = height
    rolls["contours"][start:stop, 3 * key + bend] = height
    if onset:
        rolls["onsets"][start, key] = onset
    return rolls


def found(rolls, **how):
    """Frames and keys of the notes: (first, behind the last, key, velocity)."""
    notes = NoteCreation(**how).decode(rolls, STEP)
    times = note_creation.frame_times(len(rolls["frames"]), STEP)
    frames = [np.searchsorted(times, notes[name] - 1e-9).tolist() for name in COLUMNS[:2]]
    return list(zip(*frames, (notes["pitch"] - 21).tolist(), notes["velocity"].tolist()))


def test_silence_is_no_notes():
    assert found(silence()) == found(silence(1)) == found(silence(0)) == []
    assert found({name: 0 * roll for name, roll in silence().items()}) == []


def test_one_note_a_chord_and_repetitions():
    assert found(play(silence(), 40, 50, 90)) == [(50, 90, 40, 102)]
    chord = silence()
    for key in (30, 34, 37, 42):
        play(chord, key, 50, 90)
    assert [note[:3] for note in found(chord)] == [(50, 90, k) for k in (30, 34, 37, 42)]
    again = silence()
    for start in (20, 60, 100):
        play(again, 40, start, start + 40)  # struck again as it still sounds
    assert [note[:3] for note in found(again)] == [(20, 60, 40), (60, 100, 40), (100, 140, 40)]


def test_a_note_without_onset_is_inferred_or_left_over():
    """The steepest rise counts as much as the strongest onset; without either, frames suffice."""
    rolls = play(play(silence(), 40, 50, 90), 60, 100, 150, onset=0)
    assert [note[:3] for note in found(rolls)] == [(50, 90, 40), (100, 150, 60)]
    assert [n[:3] for n in found(rolls, inferred=False, leftover=False)] == [(50, 90, 40)]
    left = found(rolls, inferred=False)
    assert [note[:3] for note in left] == [(50, 90, 40), (100, 149, 60)]  # the authors' ends differ


def test_short_notes_and_those_outside_the_limits_are_dropped():
    assert found(play(silence(), 40, 50, 61), leftover=False) == []
    assert len(found(play(silence(), 40, 50, 62), leftover=False)) == 1
    assert len(found(play(silence(), 40, 50, 54), shortest=30.0, leftover=False)) == 1
    wide = silence()
    for key in (10, 40, 70):
        play(wide, key, 50, 90)
    assert [note[2] for note in found(wide, lowest=100.0)] == [40, 70]
    assert [note[2] for note in found(wide, highest=1000.0)] == [10, 40]
    assert [note[2] for note in found(wide, lowest=5.0, highest=20_000.0)] == [10, 40, 70]
    assert found(wide, highest=20.0) == []


def test_quiet_frames_end_a_note_and_few_do_not():
    rolls = play(silence(), 40, 50, 120)
    rolls["frames"][70:80, 40] = 0.1
    assert [note[:3] for note in found(rolls, inferred=False)] == [(50, 120, 40)]
    rolls["frames"][70:81, 40] = 0.1
    assert found(rolls, inferred=False, leftover=False)[0][:3] == (50, 70, 40)


def test_bends_follow_the_contours():
    rolls = play(silence(), 40, 50, 90, bend=1)
    rolls["contours"][70:90] = 0.1
    rolls["contours"][70:90, 3 * 40 - 2] = 0.8
    (bend,) = NoteCreation().decode(rolls, STEP)["bends"]
    assert bend.tolist() == [1] * 20 + [-2] * 20
    rolls["contours"][50:90] = 0
    rolls["contours"][50:70, 3 * 40 + 25] = rolls["contours"][70:90, 3 * 40 - 25] = 0.8
    rolls["contours"][50:90, 3 * 40 + 26] = 1.0  # out of the authors' reach of 25 bins
    (bend,) = NoteCreation().decode(rolls, STEP)["bends"]
    assert bend.tolist() == [25] * 20 + [-25] * 20
    assert "bends" not in NoteCreation(bends=False).decode(rolls, STEP)


def test_thresholds_are_probabilities():
    for how in ({"onset": 0.0}, {"frame": 1.0}, {"shortest": -1.0}, {"lowest": -3.0}):
        with pytest.raises(BadInput, match=r"thresholds|positive"):
            NoteCreation(**how)
    with pytest.raises(BadInput, match="nothing lies"):
        NoteCreation(lowest=2000.0, highest=1000.0)


def random_rolls(seed, frames):
    """Notes of all lengths, dense enough to meet, over noise; half of them without onset."""
    random = np.random.default_rng(seed)
    rolls = silence(frames)
    for _ in range(frames // 6):
        key, start = int(random.integers(88)), int(random.integers(frames))
        stop = start + int(random.integers(4, 60))
        onset = random.uniform(0.3, 1) if random.random() < 0.5 else 0
        play(rolls, key, start, stop, random.uniform(0.25, 1), onset, int(random.integers(-1, 2)))
    for roll in rolls.values():
        roll += random.normal(0, 0.05, roll.shape)
        np.clip(roll, 0, 1, out=roll)
    return rolls


@pytest.mark.download
def test_notes_are_those_of_the_authors_module(published_modules, monkeypatch):
    """Frame by frame, velocity, bends and all, whatever the block; on the keyboard's ends too."""
    published_modules(*PACKAGES)
    from basic_pitch.note_creation import model_output_to_notes

    kinds = [
        {},
        {"inferred": False},
        {"leftover": False},
        {"onset": 0.7, "frame": 0.4},
        {"shortest": 30.0},
        {"lowest": 60.0, "highest": 2000.0},
    ]
    for seed, how in enumerate(kinds):
        monkeypatch.setattr(note_creation, "_BLOCK", (8192, 64, 7)[seed % 3])
        rolls = random_rolls(seed, 700)
        creation = NoteCreation(**how)
        own = creation.decode(rolls, STEP)
        output = {"note": "frames", "onset": "onsets", "contour": "contours"}
        _, theirs = model_output_to_notes(
            {name: rolls[ours].copy() for name, ours in output.items()},
            creation.onset,
            creation.frame,
            infer_onsets=creation.inferred,
            min_note_len=round(creation.shortest / 1000 / STEP),
            min_freq=creation.lowest,
            max_freq=creation.highest,
            melodia_trick=creation.leftover,
        )
        theirs = sorted(
            (a, b, int(pitch), round(127 * float(loud)), tuple(map(int, bends)))
            for a, b, pitch, loud, bends in theirs
        )
        assert len(own["pitch"]) == len(theirs) > 20
        rows = zip(*(own[name].tolist() for name in COLUMNS), own["bends"])
        for row, wanted in zip(rows, theirs):
            assert row[:2] == pytest.approx(wanted[:2], abs=1e-9)
            assert (*row[2:4], tuple(row[4].tolist())) == wanted[2:]


def reading(batch):
    """A 'model' whose frames are means of their surroundings, [B 172 2]."""
    audio = np.asarray(batch["audio"])[..., 0]
    padded = np.pad(audio, ((0, 0), (512, 512)))
    sums = np.cumsum(padded, 1, dtype=np.float64)
    starts = np.arange(172) * 256
    near = sums[:, starts + 1023] - sums[:, starts]
    return {n: np.stack([near, near * i], -1) for i, n in enumerate(Overlapping().kept)}


def joined(sound, how, block=10_000):
    blocks = [sound[i : i + block] for i in range(0, len(sound), block)]
    return next(listen(reading, [blocks], how))


@pytest.mark.download
def test_windows_are_those_of_the_authors_module(published_modules):
    published_modules(*PACKAGES)
    from basic_pitch.inference import unwrap_output, window_audio_file

    lengths = (1, 300, 32_323, 32_324, 32_325, 36_164, 40_004, 72_328, 1_500_000)
    for length in lengths:
        sound = np.random.default_rng(length).normal(size=length).astype(np.float32)
        padded = np.concatenate([np.zeros(15 * 256, np.float32), sound])
        windows = np.stack([w for w, _ in window_audio_file(padded, 43_844 - 30 * 256)])
        theirs = unwrap_output(reading({"audio": windows})["frames"], length, 30)
        for batch in (1, 8):
            own = joined(sound[:, None], Overlapping(batch=batch))["frames"]
            assert own.shape == theirs.shape
            np.testing.assert_allclose(own, theirs, atol=1e-5)


def test_windows_end_before_their_frames_do():
    """basic-pitch's times: 43,844 samples of windows of 172 frames, and 1.8 ms by hand."""
    step = 256 / 22_050
    times = note_creation.frame_times(400, step)
    late = step * (172 - 43_844 / 256) + 0.0018
    expected = [171 * step, 172 * step - late, 399 * step - 2 * late]
    np.testing.assert_allclose(times[[171, 172, 399]], expected)


def test_the_whole_of_a_song_ends_with_it():
    sound = np.ones((60 * 22_050, 1), np.float32)
    part, whole = (joined(sound, Overlapping(whole=whole))["frames"] for whole in (False, True))
    assert len(part) == 60 * 86 and len(whole) == 36 * 142 + 83  # ceil(21 096 / 256) more
    np.testing.assert_array_equal(whole[: len(part)], part)
    assert whole[-3, 0] > 0 and len(joined(sound[:0], Overlapping())["frames"]) == 0


def test_bent_notes_are_bent_in_midi_where_they_sound_alone(tmp_path):
    notes = {
        "onset": np.array([0.0, 1.0, 1.5, 3.0]),
        "offset": np.array([0.9, 2.0, 2.5, 4.0]),
        "pitch": np.array([60, 64, 67, 72]),
        "velocity": np.array([90, 80, 70, 60]),
        "bends": [np.array([0, 1, -9, 2]), np.ones(4, int), np.ones(4, int), np.zeros(5, int)],
    }
    np.testing.assert_array_equal(non_overlapping(notes), [True, False, False, True])
    write_midi(tmp_path / "a.mid", notes)
    (piano,) = pretty_midi.PrettyMIDI(str(tmp_path / "a.mid")).instruments
    assert [n.pitch for n in piano.notes] == [60, 64, 67, 72]
    got = [(round(bend.time, 3), bend.pitch) for bend in piano.pitch_bends]
    assert got == [(0.3, 1365), (0.6, -8192), (0.9, 2731), (0.9, 0)]


@pytest.mark.download
def test_a_file_s_notes_are_those_of_the_authors_predict(published_modules, tmp_path):
    """Stereo at 44.1 kHz, and a file shorter than a window, from the audio to the CSV."""
    published_modules(*PACKAGES)
    import basic_pitch.inference as authors

    found = trained.published("basic_pitch")
    predict = inference.predictor(found.experiment.objective, found.mesh)(found.variables)
    weights = Path(authors.__file__).parent / "saved_models" / "icassp_2022" / "nmp.onnx"
    model = authors.Model(weights)
    time = np.arange(5 * 44_100) / 44_100
    random = np.random.default_rng(0)
    sound = random.normal(0, 1e-3, len(time))
    for number, key in enumerate((57, 60, 64, 69, 64, 60, 57, 45)):
        t = time - 0.3 - 0.5 * number
        phase = 2 * np.pi * 440 * 2 ** ((key - 69) / 12) * t + 2 * np.sin(2 * np.pi * 5 * t)
        wave = sum(np.sin(n * phase) / n for n in range(1, 7))
        sound += 0.1 * np.where((t > 0) & (t < 0.45), wave * np.exp(-np.maximum(t, 0)), 0)
    soundfile.write(tmp_path / "long.wav", np.stack([sound, 0.5 * sound], 1), 44_100)
    soundfile.write(tmp_path / "short.wav", sound[: 44_100 * 6 // 5], 44_100)
    for name in ("long", "short"):
        path = tmp_path / f"{name}.wav"
        _, midi, theirs = authors.predict(path, model)
        info = found.experiment.data.source.info
        folder = tmp_path / name
        found.experiment.evaluation.predict_file(predict, path, folder, info)
        assert {p.name for p in folder.iterdir()} == {
            "notes.mid",
            "notes.csv",
            "roll.png",
            "page.html",
        }
        with (folder / "notes.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(theirs) >= (8 if name == "long" else 2)
        bent = 0
        for row, wanted in zip(rows, sorted(theirs, key=lambda note: note[:3])):
            assert float(row["onset"]) == pytest.approx(wanted[0], abs=6e-4)
            assert float(row["offset"]) == pytest.approx(wanted[1], abs=6e-4)
            assert int(row["pitch"]) == wanted[2]
            assert abs(int(row["velocity"]) - 127 * wanted[3]) < 1
            bends = np.array(row["bend_thirds"].strip("[]").split(), int)
            assert np.mean(bends == np.array(wanted[4])) > 0.97
            bent += np.any(bends)
        assert bent
        (own,) = pretty_midi.PrettyMIDI(str(folder / "notes.mid")).instruments
        assert len(own.notes) == len(midi.instruments[0].notes)
        assert bool(own.pitch_bends) == bool(midi.instruments[0].pitch_bends)


def test_streaming_equals_one_block(tmp_path):
    """Blocks of a file of any size give the same rolls; nothing of it is read twice."""
    sound = np.random.default_rng(3).normal(0, 0.1, 90_000)
    soundfile.write(tmp_path / "a.wav", sound, 22_050, subtype="FLOAT")
    whole = joined(sound[:, None].astype(np.float32), Overlapping(), block=10**6)
    for block in (1000, 43_844, 65_536):
        pieces = audio_files.stream_audio(tmp_path / "a.wav", 22_050, 1, block)
        own = next(listen(reading, [pieces], Overlapping()))
        np.testing.assert_allclose(own["contours"], whole["contours"], atol=1e-6)


def test_the_report_says_how_notes_were_made():
    """One piece, whose notes are found where the rolls have them: F1 of one."""
    rolls = play(play(silence(172), 40, 20, 60), 45, 70, 120)
    notes = {
        "onset": np.array([20, 70]) * STEP,
        "offset": np.array([60, 120]) * STEP,
        "pitch": np.array([61, 66]),
        "velocity": np.array([102, 102]),
    }
    record = {"track": "a", "audio": np.zeros((32_000, 1), np.int16), "notes": notes}

    def predict(batch):
        return {k: np.stack([np.roll(v, 15, 0)] * len(batch["audio"])) for k, v in rolls.items()}

    evaluation = NoteTranscription(Overlapping(batch=1), NoteCreation())
    report = evaluation.run(predict, [record], Info("a", 22_050, 1, (), "none", "none"))
    assert report.metrics["note_offset_f1"] == 1.0 and report.metrics["frame_f1"] > 0.97
    assert "basic-pitch 0.4.0" in report.protocol and "86 frames a second" in report.protocol
