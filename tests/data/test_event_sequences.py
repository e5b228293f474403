"""Music as training examples of symbols: grids, crops with their mask, notes in a file, MIDI."""

import json

import numpy as np
import pytest

from zoo.data import note_files
from zoo.data.event_sequences import EventCrop, MoveNotes, held_segments, pad_events, split_events
from zoo.data.events import PAPER, Vocabulary
from zoo.data.grids import Grid
from zoo.data.pipeline import Data
from zoo.data.sets import jsb_sixteenths
from zoo.data.sets.jsb_sixteenths import JsbSixteenths
from zoo.data.sets.maestro_notes import MaestroNotes
from zoo.data.sets.midi_folder import MidiFolder
from zoo.data.transforms import Keep
from zoo.errors import BadInput
from zoo.songs.midi_files import write_midi

RNG = np.random.default_rng(0)


def tune(count, seed=0):
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.choice([0.25, 0.5], count)).astype(np.float32)
    pitch = rng.integers(48, 72, count).astype(np.int32)
    loud = np.full(count, 80, np.int32)
    return {"onset": onset, "offset": onset + np.float32(0.2), "pitch": pitch, "velocity": loud}


def test_a_grid_holds_voices_and_gives_them_back():
    grid = Grid(40, 60, voices=2, seconds_per_step=0.25)
    voices = np.array([[50, 40], [50, 41], [-1, 41], [60, 41]])
    symbols = grid.sequence({"voices": voices})
    assert symbols.tolist() == [11, 1, 11, 2, 0, 2, 21, 2] and grid.count == 22
    notes = grid.decode(symbols)
    assert notes["pitch"].tolist() == [40, 50, 41, 60]
    np.testing.assert_allclose(notes["onset"], [0, 0, 0.25, 0.75])
    np.testing.assert_allclose(notes["offset"], [0.25, 0.5, 1.0, 1.0])
    full = grid.sequence({"voices": voices[[0, 1, 3]]})  # no voice is silent, none cross
    np.testing.assert_array_equal(grid.encode(grid.decode(full)), full)
    assert grid.seconds(symbols) == 1.0 and grid.begun(symbols) == 8
    assert grid.decode(symbols[:-1])["offset"].max() == 0.75  # the last step is not whole
    assert len(grid.decode(symbols[:0])["pitch"]) == len(grid.encode(notes | tune(0))) == 0
    with pytest.raises(BadInput, match="give 0 to 21"):
        grid.decode(np.array([22, 0]))


def test_a_grid_takes_the_highest_of_many_notes():
    grid = Grid(40, 60, voices=2, seconds_per_step=1.0)
    both = {"onset": [0, 0, 0, 0], "offset": [1, 1, 1, 1]}
    symbols = grid.encode({**both, "pitch": [45, 59, 50, 99], "velocity": [9] * 4})
    assert symbols.tolist() == [20, 11]


LONG = Vocabulary(velocities=16, steps=10)


def overlapping(count):
    notes = tune(count)
    return {**notes, "offset": notes["onset"] + np.float32(1.1)}


def sounding_at(notes, events):
    """Pitches that sound after these symbols, by decoding them, with their velocities."""
    found = LONG.decode(np.append(events, LONG.shift))
    there = np.isclose(found["offset"], LONG.seconds(events) + 0.1)
    return dict(zip(found["pitch"][there].tolist(), found["velocity"][there].tolist()))


def test_what_sounds_is_begun_anew():
    notes = overlapping(12)
    notes["velocity"] = np.arange(12, dtype=np.int32) * 9 + 1
    events = LONG.sequence({"notes": notes})
    for start in range(len(events)):
        begun = LONG.sounding(events[:start])
        assert sounding_at(notes, begun) == sounding_at(notes, events[:start]), start
        rest = LONG.decode(np.concatenate([begun, events[start:]]))
        whole = LONG.decode(events)
        late = whole["offset"] > LONG.seconds(events[:start]) + 1e-4
        assert sorted(rest["velocity"].tolist()) == sorted(whole["velocity"][late].tolist())
    assert len(LONG.sounding(events)) == 1  # silence, and how loud what follows is
    assert not len(Grid().sounding(np.arange(8)))


def test_crops_and_segments_begin_with_what_sounds_there():
    record = {"track": "a", "notes": overlapping(60)}
    events = LONG.sequence(record)
    for _ in range(20):
        crop = EventCrop(LONG, 40, held=True)(RNG, record)
        found = crop["events"][crop["known"] == 1, 0]
        sounds: list[int] = []
        for event in found:  # every end has its beginning
            if event < LONG.off:
                sounds.append(event)
            elif event < LONG.shift:
                sounds.remove(event - LONG.keys)
    pairs = list(held_segments(LONG, events, 40))
    np.testing.assert_array_equal(np.concatenate([segment for _, segment in pairs]), events)
    assert all(len(begun) + len(segment) == 40 for begun, segment in pairs[:-1])
    assert sum(len(begun) > 1 for begun, _ in pairs) > len(pairs) / 2


def test_examples_are_stretches_of_pieces_with_their_mask():
    record = {"track": "a", "notes": tune(40)}
    events = PAPER.sequence(record)
    starts = set()
    for _ in range(60):
        example = EventCrop(PAPER, 20)(RNG, record)
        assert example["known"].tolist() == [1] * 20 and example["events"].dtype == np.int32
        found = [
            i
            for i in range(len(events) - 19)
            if (events[i : i + 20] == example["events"][:, 0]).all()
        ]
        assert found
        starts.add(found[0])
    assert {min(starts) < 20, max(starts) > len(events) - 40} == {True}
    whole = EventCrop(PAPER, len(events) + 3)(RNG, record)
    assert whole["known"].tolist() == [1] * len(events) + [0] * 3
    np.testing.assert_array_equal(whole["events"][:-3, 0], events)
    assert [len(part) for part in split_events(events, 50)][-1] == len(events) % 50
    np.testing.assert_array_equal(np.concatenate(list(split_events(events, 50))), events)
    assert pad_events(events[:2], 4)["events"][:, 0].tolist() == [*events[:2], 0, 0]


def test_moves_are_drawn_and_no_sound_is_lost():
    moves, stretches = set(), set()
    for _ in range(200):
        there = MoveNotes(2, (0.5, 1.0))(RNG, {"notes": tune(5)})["notes"]
        moves.add(int(there["pitch"][0] - tune(5)["pitch"][0]))
        stretches.add(round(float(there["onset"][-1] / tune(5)["onset"][-1]), 3))
    assert moves == {-2, -1, 0, 1, 2} and stretches == {0.5, 1.0}


def test_notes_are_read_once_and_again_when_they_change(tmp_path):
    place, asked = tmp_path / "deep" / "notes.npz", []

    def read():
        asked.append(1)
        return {"train": [("a", tune(3)), ("b", tune(0)), ("c", tune(2, 1))], "test": []}

    note_files.store_pieces(place, {"x": 1}, read)
    note_files.store_pieces(place, {"x": 1}, read)
    assert len(asked) == 1
    records = note_files.open_pieces(place, "train")
    assert [r["track"] for r in records] == ["a", "b", "c"]
    for record, notes in zip(records, (tune(3), tune(0), tune(2, 1))):
        for name in notes:
            np.testing.assert_array_equal(record["notes"][name], notes[name])
    with pytest.raises(BadInput, match="no piece for 'test'"):
        note_files.open_pieces(place, "test")
    note_files.store_pieces(place, {"x": 2}, read)
    place.write_bytes(place.read_bytes()[:-3])
    with pytest.raises(BadInput, match="damaged"):
        note_files.open_pieces(place, "train")
    note_files.store_pieces(place, {"x": 2}, read)
    assert len(asked) == 3


def midi_folder(folder, count=20):
    for number in range(count):
        place = folder / f"set{number % 3}" / f"{number}.mid"
        place.parent.mkdir(parents=True, exist_ok=True)
        write_midi(place, tune(30, number))
    return folder


def test_a_folder_of_midi_files(tmp_path, capsys):
    folder = midi_folder(tmp_path / "mine")
    (folder / "broken.MID").write_bytes(b"MThd nonsense")
    (folder / "notes.txt").write_text("no MIDI")
    source = MidiFolder(str(folder), 0.2, 0.2, data_dir=str(tmp_path / "kept"))
    source.prepare()
    said = capsys.readouterr().err
    assert "1 files left out" in said and "broken.MID" in said and "drawn by hash" in said
    tracks = {s: [r["track"] for r in source.open(s)] for s in ("train", "validation", "test")}
    assert sum(map(len, tracks.values())) == len(set().union(*tracks.values())) == 20
    assert min(map(len, tracks.values())) >= 2
    crop = EventCrop(PAPER, 16)
    batch = next(Data(source, (crop, Keep("events", "known"))).batches(2, seed=0))
    assert batch["events"].shape == (2, 16, 1) and batch["known"].all()
    write_midi(folder / "new.mid", tune(4))
    source.prepare()
    assert "new.mid" in {r["track"] for s in tracks for r in source.open(s)}


def test_a_folder_without_use_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        MidiFolder(str(tmp_path / "absent")).prepare()
    with pytest.raises(BadInput, match="holds no file"):
        MidiFolder(str(tmp_path)).prepare()
    (tmp_path / "a.mid").write_bytes(b"x")
    with pytest.raises(BadInput, match="1 of 1 files cannot be read"):
        MidiFolder(str(tmp_path), data_dir=str(tmp_path / "kept")).prepare()
    with pytest.raises(BadInput, match="shares below 1"):
        MidiFolder(str(tmp_path), 0.6, 0.6)


def test_maestro_by_its_midi_files_alone(tmp_path):
    rows = ["split,midi_filename,audio_filename"]
    for split, year in (("train", 2004), ("validation", 2006), ("test", 2008)):
        (tmp_path / str(year)).mkdir()
        write_midi(tmp_path / f"{year}/a.midi", tune(5, year))
        rows.append(f"{split},{year}/a.midi,{year}/a.wav")
    (tmp_path / "maestro-v3.0.0.csv").write_text("\n".join(rows))
    source = MaestroNotes(str(tmp_path), allow_missing=True, data_dir=str(tmp_path / "kept"))
    source.prepare()
    assert [r["track"] for r in source.open("validation")] == ["2006/a.midi"]
    assert source.open("test")[0]["notes"]["pitch"].tolist() == tune(5, 2008)["pitch"].tolist()
    with pytest.raises(BadInput, match="are missing: train 1 of 962"):
        MaestroNotes(str(tmp_path)).prepare()
    (tmp_path / "2008/a.midi").write_bytes(b"x")
    with pytest.raises(BadInput, match="cannot be read"):
        source.prepare()


def test_the_published_chorales(tmp_path, monkeypatch):
    content = {"train": [[[60, 55, 50, 40], [60, -1, 50, 40]]], "valid": [], "test": []}
    (tmp_path / jsb_sixteenths.FILE).write_text(json.dumps(content))
    with pytest.raises(BadInput, match="SHA-256 differs"):
        JsbSixteenths(str(tmp_path)).prepare()
    with pytest.raises(BadInput, match="no such file"):
        JsbSixteenths(str(tmp_path / "absent")).prepare()
    import hashlib

    digest = hashlib.sha256((tmp_path / jsb_sixteenths.FILE).read_bytes()).hexdigest()
    monkeypatch.setattr(jsb_sixteenths, "SHA256", digest)
    source = JsbSixteenths(str(tmp_path))
    source.prepare()
    (record,) = source.open("train")
    assert record["voices"].dtype == np.int16 and record["voices"].shape == (2, 4)
    assert Grid().sequence(record).tolist() == [25, 20, 15, 5, 25, 0, 15, 5]
    assert Grid().count == 47
