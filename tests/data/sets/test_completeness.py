"""A data set of which files are missing: one rule for every reader that knows what there should be.

Every miniature here lacks nearly all of its data set.
"""

import importlib
import inspect
import math
import pkgutil
import re
from dataclasses import fields

import pytest
import test_whose_records as of_files
import test_whose_songs as of_songs

from zoo.data import completeness
from zoo.data import sets as package
from zoo.data.sets import fma
from zoo.data.sets.amp_pair import AmpPair
from zoo.data.sets.ljspeech import LJSpeech
from zoo.data.sets.million_song import MillionSong
from zoo.data.sets.mtg_jamendo import MtgJamendo
from zoo.errors import BadInput

# A user's own files, sets of one file, and bases.
WITHOUT_LISTS = {
    *("Folder", "LabelledFolder", "MidiFolder", "Polyphonic", "JsbSixteenths"),
    *("Prepared", "StemSongs"),
}
# In tests of their own; AmpPair is two files, neither of which can be missing.
APART = {LJSpeech, MillionSong, MtgJamendo, AmpPair}
MADE = {
    **of_songs.PREPARED,
    "maestro_notes": of_songs.KEPT["maestro_notes"],
    **{make.__name__: make for make in of_files.SETS[1:]},
}


def readers():
    for found in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{found.name}")
        for name, kind in vars(module).items():
            own = inspect.isclass(kind) and kind.__module__ == module.__name__
            if own and hasattr(kind, "prepare") and name not in WITHOUT_LISTS:
                yield kind


def make(name, root, data):
    made = MADE[name]
    return (
        made(root, data)
        if name in {*of_songs.PREPARED, "maestro_notes"}
        else made(root, data_dir=data)
    )


def again(source, **changes):
    kept = {field.name: getattr(source, field.name) for field in fields(source)}
    return type(source)(**{**kept, **changes})


def test_every_reader_has_the_argument_and_a_miniature_here(tmp_path):
    kinds = set(readers())
    assert len(kinds) >= 20
    for kind in kinds:
        assert inspect.signature(kind).parameters["allow_missing"].default == 0.0, kind
    here = {type(make(name, tmp_path / name, str(tmp_path / "data"))) for name in MADE}
    assert here == kinds - APART


@pytest.mark.parametrize("name", MADE)
def test_a_part_is_refused_or_allowed_and_said(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(fma, "SECONDS", 0.5)
    root = tmp_path / "part"
    source = again(make(name, root, str(tmp_path / "data")), allow_missing=0.0)
    with pytest.raises(BadInput, match=r" of [\d,]+ \w+ are missing: .+ takes what is") as refused:
        source.prepare()
    said = str(refused.value)
    assert "\n" not in said and said.startswith(str(root))
    missing, total = (
        int(n.replace(",", "")) for n in re.findall(r"([\d,]+) of ([\d,]+) \w+ are", said)[0]
    )
    share = float(re.search(r"allow_missing=([\d.]+) ", said)[1])
    assert 0 < missing < total and math.isclose(share, missing / total, abs_tol=1e-3)
    with pytest.raises(BadInput, match="are missing"):
        again(source, allow_missing=0.99 * missing / total).prepare()
    taken = again(source, allow_missing=share)
    for _ in range(2):
        capsys.readouterr()
        taken.prepare()
        assert f"{missing:,} of {total:,} " in (told := capsys.readouterr().err), told
        assert "are missing: results are not comparable" in told
    with pytest.raises(BadInput, match="are missing"):
        source.prepare()  # although the records of the part are there
    root.rename(tmp_path / "away")
    if name != "maestro_notes":  # which keeps none
        taken.prepare()
        with pytest.raises(
            BadInput, match=r"of the records made from it [\d,]+ of .* allow_missing="
        ):
            source.prepare()


@pytest.mark.parametrize(
    "name, file",
    [
        ("dsd100", "Sources/Test/*/bass.wav"),
        ("ccmixter", "*song 3/mix.wav"),
        ("slakh2100", "train/*/metadata.yaml"),
        ("a_musdb", "train/A/drums.wav"),
        ("maps", "tsv/matched/*piece_3*"),
        ("maestro", "**/b.midi"),
    ],
)
def test_a_track_without_one_of_its_files_is_missing(name, file, tmp_path):
    source = make(name, tmp_path / "part", str(tmp_path / "data"))
    (gone,) = (tmp_path / "part").glob(file)
    gone.unlink()
    with pytest.raises(BadInput, match=re.escape(str(gone.relative_to(tmp_path / "part")))):
        again(source, allow_missing=0.0).prepare()
    source.prepare()


def test_the_share_that_a_message_names_suffices():
    for missing, total in ((1, 8_000), (3, 1_000), (1, 3), (999, 1_000), (1, 305_979)):
        found = completeness.Listed(total, missing)
        assert not found.exceeds(found.share) and found.exceeds(0.999 * missing / total)
    assert not completeness.Listed().exceeds(0.0)
    assert completeness.check_completeness(None, completeness.Listed(5), 0.0, "") == ()
