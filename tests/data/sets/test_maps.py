"""MAPS in its two layouts: pianos with MUS folders, and flac beside tsv/matched."""

import numpy as np
import odd_audio
import pretty_midi
import pytest
import soundfile

from zoo.data.sets.maps import RECORDED, SYNTHESISED, Maps, piece_of, read_tsv
from zoo.errors import BadInput

NOTES = [(0.1, 0.5, 60, 80), (0.6, 1.4, 64, 100), (2.2, 2.9, 67, 40)]
PIECES = [
    *((f"piece_{number}", SYNTHESISED[number % 7]) for number in range(12)),
    *(("alb_se2", piano) for piano in (*RECORDED, "StbgTGd2")),
    ("chpn-p19", "ENSTDkCl"),
]


def sound(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.3 * odd_audio.tone(3.1, 16_000), 16_000)


def of_a_repository(root):
    for piece, piano in PIECES:
        name = f"MAPS_MUS-{piece}_{piano}"
        sound(root / "flac" / f"{name}.flac")
        tsv = root / "tsv" / "matched" / f"{name}.tsv"
        tsv.parent.mkdir(parents=True, exist_ok=True)
        rows = ["\t".join(f"{value:.6f}" for value in note) for note in reversed(NOTES)]
        tsv.write_text("\n".join(["# onset,offset,note,velocity", *rows]) + "\n")
    return root


def original(root):
    for piece, piano in PIECES:
        file = root / piano / "MUS" / f"MAPS_MUS-{piece}_{piano}.wav"
        sound(file)
        score, keys = pretty_midi.PrettyMIDI(resolution=1000), pretty_midi.Instrument(0)
        keys.notes = [pretty_midi.Note(v, p, on, off) for on, off, p, v in NOTES]
        score.instruments.append(keys)
        score.write(str(file.with_suffix(".mid")))
    return root


@pytest.mark.parametrize("layout", [of_a_repository, original])
def test_recorded_pianos_are_the_test_and_no_piece_of_theirs_is_learnt(layout, tmp_path, capsys):
    source = Maps(str(layout(tmp_path / "MAPS")), 16_000, 1.0, str(tmp_path / "data"), 1)
    source.prepare()
    pieces = {}
    for split in ("train", "validation", "test"):
        tracks = {str(record["track"]) for record in source.open(split)}
        pieces[split] = {track.removeprefix("MAPS_MUS-").rpartition("_")[0] for track in tracks}
        assert all((track[-8:] in RECORDED) == (split == "test") for track in tracks)
    assert pieces["test"] == {"alb_se2", "chpn-p19"}
    assert len(pieces["train"] | pieces["validation"]) == 12 and pieces["validation"]
    assert not pieces["train"] & (pieces["validation"] | pieces["test"])
    told = capsys.readouterr().err
    assert "train and validation has 12 tracks, not 139" in told and "test has 3 tracks" in told
    assert "its piece is in the test" in (source.directory / "rejects.csv").read_text()
    for record in source.open("test"):
        start = int(record["samples"]) * int(record["chunk"]) / int(record["chunks"]) / 16_000
        wanted = [note for note in NOTES if note[1] > start and note[0] < start + 3.1 / 3]
        assert record["notes"]["pitch"].tolist() == [pitch for *_, pitch, _ in wanted]
        found = record["notes"]["onset"] + start
        np.testing.assert_allclose(found, [onset for onset, *_ in wanted], atol=2e-3)
        assert record["loudest"] == 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with ''"),
        ("0.1\t0.2\t60\t80\n", "begins with '0.1"),
        ("onset\n0.1\t0.2\t60\n", "line 2: .* is no note"),
        ("onset\n0.1\t0.2\t60\t80\n0.3\t0.2\t60\t80\n", "line 3: .* is no note"),
        ("onset\n0.1\tnan\t60\t80\n", "line 2: .* is no note"),
        ("onset\n", "holds no notes"),
    ],
)
def test_notes_that_are_none_are_refused_by_line(tmp_path, text, message):
    (tmp_path / "a.tsv").write_text(text)
    with pytest.raises(BadInput, match=message):
        read_tsv(tmp_path / "a.tsv")


def test_what_is_not_maps_is_refused(tmp_path):
    source = Maps(str(tmp_path), data_dir=str(tmp_path / "data"))
    with pytest.raises(BadInput, match="holds no recordings of MAPS: get MAPS"):
        source.prepare()
    sound(tmp_path / "flac" / "MAPS_MUS-a_ENSTDkCl.flac")
    with pytest.raises(BadInput, match=r"199 of 199 files are missing: .*MAPS_MUS-a_ENSTDkCl\.tsv"):
        source.prepare()
    with pytest.raises(BadInput, match="named as no recording of MAPS"):
        piece_of(tmp_path / "MAPS_MUS-a_Steinway.flac")
    with pytest.raises(BadInput, match="no such folder"):
        Maps(str(tmp_path / "none")).prepare()
