"""Phrases as text: what is written is what is played."""

import numpy as np
import pytest

from zoo.data.score_render.spelled_melodies import (
    SPELLING,
    SpelledMelodies,
    phrase_notes,
    spell_phrase,
)
from zoo.errors import BadInput


def test_a_phrase_is_written_as_it_is_played():
    phrase = ((67, 1), (70, 3), (60, 2))
    assert spell_phrase(phrase) == "g4 a#4-- c4-"
    notes = phrase_notes(phrase)
    np.testing.assert_allclose(notes["onset"], [0, 0.25, 1.0])
    np.testing.assert_allclose(notes["offset"], [0.25, 1.0, 1.5])
    assert notes["pitch"].tolist() == [67, 70, 60]


def test_records_are_texts_and_their_sound():
    source = SpelledMelodies("tiny")
    source.prepare()
    records = source.open("train")
    assert [len(source.open(s)) for s in ("train", "validation", "test")] == [32, 8, 8]
    for record in records[:4]:
        words = record["text"].split()
        assert len(words) == 4 and len(SPELLING.encode(record["text"])) <= 24
        seconds = sum(0.25 * (1 + word.count("-")) for word in words) + 0.25
        assert record["length"] == seconds * 16_000 and record["audio"].shape == (36_000, 1)
        audio = record["audio"][:, 0].astype(float)
        assert np.abs(audio).max() < 32_767 and not np.any(audio[record["length"] :])
        first = np.abs(np.fft.rfft(audio[800:4000] * np.hanning(3200), 1 << 16))
        hertz = 440 * 2 ** ((record["notes"]["pitch"][0] - 69) / 12)
        near = slice(*(round(hertz * f * (1 << 16) / 16_000) for f in (0.98, 1.02)))
        assert first[near].max() > 0.3 * first.max()
    np.testing.assert_array_equal(records[0]["audio"], source.open("train")[0]["audio"])
    with pytest.raises(BadInput, match="no size 'huge' of the embedded phrases: tiny, small"):
        SpelledMelodies("huge")
