"""NSynth in miniature: parts, names, JSON and list as in the release, and each damaged."""

import json

import numpy as np
import odd_audio
import pytest
import soundfile
from nsynth_miniature import PARTS, SPLITS, facts, nsynth

from zoo.data.sets.nsynth import COUNTS, FAMILIES, NSynth
from zoo.errors import BadInput


@pytest.fixture
def folder(tmp_path):
    return nsynth(tmp_path / "nsynth")


def source(folder, **more):
    return NSynth(str(folder), data_dir=str(folder.parent / "data"), **{"allow_missing": 1, **more})


def tracks(made):
    return {s: [str(r["track"]) for r in made.open(s)] for s in ("train", "validation", "test")}


def test_gansynth_s_list_makes_the_split(folder, capsys):
    made = source(folder)
    made.prepare()
    named = {"train": "train", "valid": "validation", "test": "test"}
    assert tracks(made) == {named[split]: [note] for note, split in SPLITS.items()}
    assert "train has 1 tracks, not 60,788" in capsys.readouterr().err
    (record,) = made.open("train")
    sound, _ = soundfile.read(
        folder / "nsynth-valid" / "audio" / f"{record['track']}.wav", dtype="int16"
    )
    np.testing.assert_array_equal(record["audio"][:, 0], sound)
    assert (int(record["pitch"]), int(record["velocity"]), int(record["source"])) == (84, 127, 0)
    assert FAMILIES[int(record["family"])] == FAMILIES[int(record["tags"].argmax())] == "flute"
    blank = made.blank()
    assert set(blank) == set(record) and blank["audio"].shape == record["audio"].shape


def test_the_full_set_has_the_splits_of_the_release(folder):
    (folder / "gansynth_splits.csv").unlink()  # it is not asked for
    made = source(folder, subset="full")
    made.prepare()
    found = {split: set(names) for split, names in tracks(made).items()}
    assert found == {
        "train": set(PARTS["train"]),
        "validation": set(PARTS["valid"]),
        "test": set(PARTS["test"]),
    }


def test_the_counts_are_those_of_the_release():
    assert sum(COUNTS["full"].values()) == 305_979


def rewrite(folder, change):
    path = folder / "nsynth-test" / "examples.json"
    listed = json.loads(path.read_text())
    change(listed)
    path.write_text(json.dumps(listed))


def without_a_list(folder):
    (folder / "gansynth_splits.csv").unlink()


def without_a_part(folder):
    (folder / "nsynth-valid" / "examples.json").unlink()


def cut_off(folder):
    path = folder / "nsynth-test" / "examples.json"
    path.write_text(path.read_text()[:-20])


def a_list_of_notes(folder):
    (folder / "nsynth-test" / "examples.json").write_text("[1, 2]")


def no_text(folder):
    (folder / "nsynth-test" / "examples.json").write_bytes(b"\xff\xfe\x00")


def another_pitch(folder):
    rewrite(folder, lambda notes: notes["keyboard_acoustic_004-024-025"].update(pitch=25))


def no_pitch(folder):
    rewrite(folder, lambda notes: notes["keyboard_acoustic_004-024-025"].pop("pitch"))


def a_family_that_is_none(folder):
    change = {"instrument_family": 11}
    rewrite(folder, lambda notes: notes["keyboard_acoustic_004-024-025"].update(change))


def a_path_as_a_name(folder):
    rewrite(folder, lambda notes: notes.update({"../up_000-024-025": facts("bass_acoustic_0-0-0")}))


def a_file_gone(folder):
    (folder / "nsynth-test" / "audio" / "keyboard_acoustic_004-024-025.wav").unlink()


def a_line(folder, line):
    with open(folder / "gansynth_splits.csv", "a") as file:
        file.write(f"{line}\n")


def a_note_unknown(folder):
    a_line(folder, "guitar_acoustic_011-060-075,train")


def a_synthetic_note(folder):
    a_line(folder, "synth_lead_synthetic_001-040-050,train")


def a_high_note(folder):
    a_line(folder, "brass_acoustic_006-085-025,train")


def twice(folder):
    a_line(folder, "guitar_acoustic_010-060-075,train")


def another_split(folder):
    a_line(folder, "guitar_acoustic_010-060-075,dev")


def in_stereo(folder):
    path = folder / "nsynth-test" / "audio" / "keyboard_acoustic_004-024-025.wav"
    soundfile.write(path, odd_audio.tone(1.0, 16_000, 2), 16_000)


def too_long(folder):
    path = folder / "nsynth-test" / "audio" / "keyboard_acoustic_004-024-025.wav"
    soundfile.write(path, odd_audio.tone(4.5, 16_000), 16_000)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_a_list, r"gansynth_splits\.csv is not there: .* columns id and split"),
        (without_a_part, r"nsynth-valid/examples\.json is not there: download nsynth-train"),
        (cut_off, "is cut off or no JSON"),
        (a_list_of_notes, "lists no notes by name"),
        (no_text, "is no text in UTF-8"),
        (another_pitch, "has pitch 25 and velocity 25, its name says otherwise"),
        (no_pitch, "has pitch=None, not a number of 0 to 127"),
        (a_family_that_is_none, "has instrument_family=11, not a number of 0 to 10"),
        (a_path_as_a_name, "is named otherwise than guitar_acoustic"),
        (a_file_gone, "files are missing: nsynth-test/audio/keyboard"),
        (a_note_unknown, "files are missing: guitar_acoustic_011-060-075"),
        (a_synthetic_note, "not an acoustic note of pitch 24 to 84"),
        (a_high_note, "not an acoustic note of pitch 24 to 84"),
        (twice, "line 5: guitar_acoustic_010-060-075 is listed twice"),
        (another_split, "line 5: not an id and train, valid or test"),
        (in_stereo, r"2 channel\(s\) of 16,000 Hz, not one of 16,000"),
        (too_long, "72,000 samples, not 64,000"),
    ],
)
def test_what_is_not_the_original_is_refused(folder, damage, said):
    damage(folder)
    with pytest.raises(BadInput, match=said) as caught:
        source(folder, allow_missing=float("missing" not in said)).prepare()
    assert "\n" not in str(caught.value)


def test_a_part_is_taken_where_that_is_asked_for(folder):
    a_note_unknown(folder)
    made = source(folder, allow_missing=1)
    made.prepare()
    assert len(made.open("train")) == 1
    with pytest.raises(BadInput, match="choose full, gansynth"):
        source(folder, subset="acoustic")
