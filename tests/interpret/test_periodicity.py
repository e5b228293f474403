"""Steady notes through vocoders that keep, detune or comb them."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from zoo import mesh as meshes
from zoo.errors import BadInput
from zoo.interpret import periodicity
from zoo.interpret.command import Options, interpret
from zoo.objectives.base import Variables
from zoo.signal import mel

SPEC = replace(mel.HIFIGAN, sample_rate=16_000)


class Copy:
    """A vocoder that changes nothing."""

    needs_source, spec = True, SPEC

    def predict(self, variables, batch, rng):
        return {"audio": batch["audio"]}


class Repeat(Copy):
    """One frame of the middle of every note over and over: a period of a hop."""

    def predict(self, variables, batch, rng):
        audio = batch["audio"]
        frame = audio[:, 8192 : 8192 + SPEC.hop]
        return {"audio": jnp.tile(frame, (1, audio.shape[1] // SPEC.hop, 1))}


def found(objective):
    experiment = SimpleNamespace(objective=objective)
    variables, mesh = Variables({}), meshes.make_mesh(1)
    return SimpleNamespace(experiment=experiment, variables=variables, mesh=mesh, name="toy")


def test_a_copy_is_in_tune_and_a_repeated_frame_is_a_comb():
    copy, comb = (periodicity.play_tones(found(kind())) for kind in (Copy, Repeat))
    assert np.abs(copy.cents).max() <= 0.5 and np.all(np.diff(copy.hertz) > 0)
    np.testing.assert_allclose(copy.on_teeth, copy.expected)
    assert comb.on_teeth.min() > 0.99 and comb.expected.mean() < 0.5
    assert np.median(np.abs(comb.cents)) > 20


def test_files_and_the_line_about_them(tmp_path):
    lines = list(interpret(found(Repeat()), "periodicity", tmp_path, Options()))
    assert "at multiples of 62.50 Hz" in lines[0] and "100% of the energy" in lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "periodicity.npz",
        "periodicity.png",
    ]
    assert np.load(tmp_path / "periodicity.npz")["cents"].shape == (periodicity.NOTES,)


def test_other_systems_are_refused(tmp_path):
    with pytest.raises(BadInput, match="toy is no vocoder"):
        next(interpret(found(SimpleNamespace()), "periodicity", tmp_path, Options()))
