"""Pitches by name, as librosa reads them."""

import librosa
import pytest

from zoo.errors import BadInput
from zoo.sampling import pitch_names


def test_names_are_librosa_s():
    names = ["C4", "A4", "F#3", "Eb5", "b2", "C-1", "G9", "Cb4", "B#3"]
    wanted = tuple(int(librosa.note_to_midi(name)) for name in names)
    assert pitch_names.parse_pitch_text(",".join(names)) == wanted
    assert pitch_names.parse_pitches([60, "C4", 0, 127]) == (60, 60, 0, 127)
    assert (
        pitch_names.parse_pitch_text(" 60 , C4 ") == (60, 60)
        and pitch_names.parse_pitch_text("") == ()
    )


@pytest.mark.parametrize("word", ["H4", "128", "-3", "C", "4C", "A#9", "60.5", "Cb-1"])
def test_others_are_refused(word):
    with pytest.raises(BadInput, match="is no pitch: give names such as C4"):
        pitch_names.parse_pitch_text(word)
