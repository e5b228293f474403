"""The corpus reader against music21 itself, and the melody split against its own rule."""

import numpy as np
import pytest

from zoo.data.records import data_dir
from zoo.data.score_render import melody_split, scores
from zoo.errors import BadInput


@pytest.fixture(scope="module")
def pieces():
    return scores.cached_pieces(data_dir() / "score_render_work")


def test_corpus_is_the_known_one(pieces):
    assert len(pieces) == scores.EXPECTED_PIECES
    assert scores.names_hash(piece.name for piece in pieces) == scores.EXPECTED_NAMES
    assert sum(piece.notes for piece in pieces) == scores.EXPECTED_NOTES
    voices = [(piece.repertoire, len(piece.parts)) for piece in pieces]
    assert voices.count(("chorale", 4)) == 364
    assert voices.count(("chorale", 5)) == 16
    assert voices.count(("quartet", 4)) == 51
    assert voices.count(("madrigal", 5)) == 41


def test_cache_returns_what_was_read(pieces):
    piece = next(piece for piece in pieces if piece.name == "bach/bwv66.6")
    corpus = scores.package_folder("music21") / "corpus"
    fresh = scores.read_piece(corpus / "bach/bwv66.6.mxl", corpus)
    assert (fresh.name, fresh.repertoire, fresh.mode) == (piece.name, "chorale", "minor")
    for a, b in zip([*fresh.parts, fresh.bars], [*piece.parts, piece.bars], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["bach/bwv66.6", "bach/bwv269", "monteverdi/madrigal.3.3"])
def test_notes_agree_with_music21(name):
    from music21 import converter

    corpus = scores.package_folder("music21") / "corpus"
    ours = scores.read_piece(corpus / f"{name}.mxl", corpus)
    theirs = converter.parse(str(corpus / f"{name}.mxl")).stripTies()
    assert len(theirs.parts) == len(ours.parts)
    for part, reference in zip(ours.parts, theirs.parts):
        expected = [
            (float(note.offset), float(note.quarterLength), pitch.midi)
            for note in reference.flatten().notes
            if not note.duration.isGrace and "Harmony" not in note.classes
            for pitch in note.pitches
        ]
        np.testing.assert_allclose(part, sorted(expected, key=lambda n: (n[0], n[2])), atol=1e-3)


def test_a_long_rest_in_one_part_does_not_stretch_the_bar(pieces):
    """Madrigal 4.3 writes an empty bar of four quarters as a rest of eight in some parts."""
    piece = next(piece for piece in pieces if piece.name == "monteverdi/madrigal.4.3")
    assert set(piece.bars[:-1, 1]) == {4.0}
    np.testing.assert_array_equal(piece.parts[0][:3, 0], [2.0, 4.0, 6.0])


def test_bars_follow_each_other(pieces):
    for piece in pieces[::20]:
        ends = piece.bars[:-1].sum(1)
        np.testing.assert_allclose(piece.bars[1:, 0], ends, atol=1e-6)
        assert piece.length <= piece.bars[-1].sum() + 1e-6


def test_no_tune_on_both_sides(pieces):
    split = melody_split.split_pieces(pieces)
    overlap = melody_split.piece_overlap(pieces)
    place = {piece.name: index for index, piece in enumerate(pieces)}
    rows = {key: [place[piece.name] for piece in part] for key, part in split.items()}
    assert sum(map(len, rows.values())) == len(pieces) == len(set().union(*rows.values()))
    assert 0.35 < overlap[rows["test"]][:, rows["train"]].max() <= 0.4
    assert overlap[rows["validation"]][:, rows["train"]].max() <= 0.4
    assert overlap[rows["validation"]][:, rows["test"]].max() <= 0.4
    assert overlap.max() == 1  # so that the bounds above mean something
    counts = {
        key: [sum(piece.repertoire == name for piece in part) for name in scores.REPERTOIRES]
        for key, part in split.items()
    }
    assert counts == {"train": [304, 40, 33], "validation": [41, 6, 4], "test": [35, 5, 4]}


def test_split_does_not_depend_on_order(pieces):
    names = [piece.name for piece in melody_split.split_pieces(pieces)["test"]]
    assert names == [piece.name for piece in melody_split.split_pieces(pieces[::-1])["test"]]


def test_signature_ignores_transposition_and_repetition():
    pitches = np.array([60, 62, 64, 62, 67, 65, 64, 62, 60, 59, 60, 55])
    part = np.stack([np.arange(12.0), np.ones(12), pitches], axis=1)
    repeated = np.repeat(part, 2, axis=0) + np.array([0, 0, 5])
    expected = melody_split.interval_signatures(part)
    assert len(expected) == 4
    np.testing.assert_array_equal(melody_split.interval_signatures(repeated), expected)


def test_another_corpus_is_refused(monkeypatch):
    monkeypatch.setattr(scores, "EXPECTED_NAMES", "0" * 64)
    monkeypatch.setattr(scores, "FOLDERS", ("schumann_robert",))
    with pytest.raises(BadInput, match=r"hash .*not 472 .*music21==10.5.1"):
        scores.read_pieces()


def test_missing_package_says_what_to_install():
    with pytest.raises(BadInput, match=r"needs .*: pip install 'music21>="):
        scores.package_folder("no_such_package")
