"""Dictionaries of waveforms: moved copies are found, and what they say is written."""

from types import SimpleNamespace

import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.evaluation.separation import Separation
from zoo.interpret import bases, command
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator


def waveforms():
    """[24 24]: a burst, the same one moved and turned over, and noise of falling length."""
    draw = np.random.default_rng(0)
    atoms = draw.standard_normal((24, 24)) * np.geomspace(0.5, 0.1, 24)
    burst = np.hanning(9) * np.cos(1.5 * np.arange(9))
    atoms[:, :2] = 0
    atoms[3:12, 0], atoms[8:17, 1] = 8 * burst, -7 * burst
    return atoms


def test_moved_copies_are_found():
    own = bases.dictionary("drums", np.linalg.inv(waveforms()))
    np.testing.assert_allclose(np.linalg.norm(own.atoms, axis=0), 1, atol=1e-5)
    np.testing.assert_array_equal(own.twin[:2], [1, 0])
    np.testing.assert_array_equal(own.shift[:2], [-5, 5])
    np.testing.assert_allclose(own.match[:2], -1, atol=1e-5)
    np.testing.assert_allclose(own.copies, 2 / 24)
    assert np.abs(own.match[2:]).max() < bases.COPY
    twin = np.roll(own.atoms[:, 1], own.shift[0]) * np.sign(own.match[0])
    np.testing.assert_allclose(twin, own.atoms[:, 0], atol=1e-5)


def test_near_copies_are_of_another_place():
    wave = np.sin(2 * np.pi * np.arange(64) / 8)[:, None]
    twin, shift, match = bases.match_twins(np.concatenate([wave, 1.01 * wave], 1) / np.sqrt(32))
    np.testing.assert_array_equal(twin, [1, 0])
    assert np.all(np.abs(shift) == 4) and np.all(match < -0.9)  # half a period, not 0


def test_command_writes_a_figure_and_refuses_networks(tmp_path, monkeypatch):
    monkeypatch.setattr(bases, "SHOWN", 2)  # waveforms: axes take time
    filters = np.linalg.inv(np.stack([waveforms(), waveforms().T]))
    params = {"model": {"filters": filters, "exponents": np.ones((2, 24))}}
    info = SimpleNamespace(sample_rate=16_000)
    how = Separator(Segments(64), 16_000, 1, ("drums", "bass"))
    experiment = SimpleNamespace(
        evaluation=Separation(how), data=SimpleNamespace(source=SimpleNamespace(info=info))
    )
    found = SimpleNamespace(
        name="mine", variables=SimpleNamespace(params=params), experiment=experiment
    )
    lines = list(command.interpret(found, "bases", tmp_path, command.Options()))
    assert "drums: 8% of 24 waveforms are moved copies" in lines[0]
    assert (tmp_path / "bases.png").stat().st_size > 5_000
    with np.load(tmp_path / "bases.npz") as numbers:
        assert numbers["bass/atoms"].shape == (24, 24)
    params["model"].pop("filters")
    with pytest.raises(BadInput, match="no dictionaries of waveforms"):
        list(command.interpret(found, "bases", tmp_path, command.Options()))
