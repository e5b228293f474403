"""`python -m zoo interpret`: files, lines and exit codes."""

from types import SimpleNamespace

import numpy as np
import pytest
from looked_at import Bank, Gated, looked_at, sinusoids
from PIL import Image
from test_excitation import clip

from zoo.cli import main as zoo
from zoo.front import finding

PARTS = ("order", "peak", "response", "kernel", "centroid", "rate")


@pytest.fixture
def tagger(monkeypatch):
    """In place of a run: a bank of known filters."""
    found = looked_at(Bank(), bank=sinusoids((2000, 310, 3100, 900)))
    monkeypatch.setattr(finding, "requested_system", lambda *_: SimpleNamespace(trained=found))
    monkeypatch.setattr("zoo.cli.command_line.prepare_devices", lambda: None)
    return found


def look(tmp_path, *words):
    return zoo.main(["interpret", "runs/toy", "--out", str(tmp_path), *words])


def test_filters(tagger, tmp_path, capsys):
    assert look(tmp_path, "--kind", "filters") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        str(tmp_path / "filters.png"),
        str(tmp_path / "filters.npz"),
    ]
    numbers = np.load(tmp_path / "filters.npz")
    assert set(numbers) == {f"bank/{part}" for part in PARTS}
    assert Image.open(tmp_path / "filters.png").width > 600


def test_activation(tagger, tmp_path, capsys):
    assert look(tmp_path, "--kind", "activation", "--filters", "2") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "activation.npz",
        "activation.png",
        "activation_bank.png",
        "activation_second.png",
    ]
    numbers = np.load(tmp_path / "activation.npz")
    assert numbers["bank/filters"].tolist() == [0, 3]
    assert "2 of 4 filters" in capsys.readouterr().out


def test_excitation(tagger, tmp_path, capsys, monkeypatch):
    records = [clip(0.8, 0.4, tags=[1, 0, 0]), clip(0.2, 0.1, tags=[0, 1, 0])]
    gated = looked_at(Gated(), records)
    monkeypatch.setattr(finding, "requested_system", lambda *_: SimpleNamespace(trained=gated))
    assert look(tmp_path, "--kind", "excitation") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "excitation.npz",
        "excitation_loudness.png",
        "excitation_spread.png",
        "excitation_tags.png",
    ]
    numbers = np.load(tmp_path / "excitation.npz")
    assert numbers["layers"].tolist() == ["block_9", "block_10"]
    assert numbers["block_9/mean"].shape == (2, 2)
    assert len(capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("filters", "--layer", "bnk"), "did you mean bank"),
        (("activation", "--layer", "bnk"), "did you mean bank"),
        (("excitation",), "no squeeze-and-excitation blocks"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tagger, tmp_path, capsys, words, said):
    folder = tmp_path / "new"
    assert look(folder, "--kind", *words) == 2
    errors = capsys.readouterr().err
    assert said in errors and errors.count("\n") == 1
    assert not folder.exists()


def test_no_filters_are_refused_where_words_are_read(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        look(tmp_path / "new", "--kind", "activation", "--filters", "0")
    assert "1 or above" in capsys.readouterr().err


def test_unknown_weights_are_refused(tmp_path, capsys):
    assert zoo.main(["interpret", "crepe_tinny", "--kind", "filters"]) == 2
    assert "did you mean crepe_tiny" in capsys.readouterr().err
