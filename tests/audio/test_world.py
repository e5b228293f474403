"""A voice taken apart by WORLD and played again: pitch, time, level; without pyworld, one line."""

import importlib.util

import numpy as np
import pytest

from zoo.audio import world
from zoo.audio.world import VoiceLayout
from zoo.errors import BadInput

VOICE = VoiceLayout(16_000, 160)
needs_pyworld = pytest.mark.skipif(
    not world.world_installed(), reason="pyworld is not installed: it is the extra `voice`"
)


def sung(seconds=0.6, low=200.0, high=300.0, silent=0.2):
    """A glide of 25 partials behind `silent` seconds of faint noise, and its pitch [T] in Hz."""
    time = np.arange(round(seconds * VOICE.rate)) / VOICE.rate
    hertz = low * (high / low) ** (time / seconds)
    phase = 2 * np.pi * np.cumsum(hertz) / VOICE.rate
    tone = sum(np.sin(k * phase) / k for k in range(1, 26)) * 0.1
    noise = np.random.default_rng(0).normal(0, 1e-4, len(time))
    return np.where(time < silent, 0, tone) + noise, hertz


@pytest.fixture(scope="module")
def analysed():
    audio, hertz = sung()
    return audio, hertz, world.analysed(audio, VOICE)


@needs_pyworld
def test_pitch_is_that_of_the_middle_of_each_frame(analysed):
    _, hertz, found = analysed
    assert found.shape == (60, 66) and found.dtype == np.float32
    _, _, notes, unvoiced = world.split_parameters(found, VOICE)
    assert unvoiced[:18].all() and not unvoiced[24:58].any()
    true = 69 + 12 * np.log2(hertz[80::160] / 440)
    # Frames are 0.117 of a semitone apart: half of one amiss would be seen.
    np.testing.assert_allclose(notes[25:57], true[25:57], atol=0.05)
    assert abs(np.mean(notes[25:57] - true[25:57])) < 0.01
    np.testing.assert_array_equal(notes[:10], notes[0])  # goes on where there is none


@needs_pyworld
def test_it_sounds_again_where_it_was_and_as_loud(analysed):
    audio, _, found = analysed
    made = world.synthesise_voice(found, VOICE)
    assert made.shape == (9600,) and made.dtype == np.float32
    levels = [
        10 * np.log10(np.square(x[4000:9000]).mean()) for x in (audio, made.astype(np.float64))
    ]
    assert abs(levels[0] - levels[1]) < 3
    assert np.abs(made[:2800]).max() < 0.01 < np.abs(made[3600:4400]).max()
    again = world.analysed(made, VOICE)
    voiced = slice(26, 56)
    np.testing.assert_allclose(again[voiced, -2], found[voiced, -2], atol=0.1)
    assert np.abs(again[voiced, :30] - found[voiced, :30]).mean() < 2.5


@needs_pyworld
def test_louder_is_louder_and_silence_is_silence(analysed):
    audio, _, found = analysed
    louder = world.analysed(2 * audio, VOICE)
    np.testing.assert_allclose((louder - found)[26:56, :40], 20 * np.log10(2), atol=0.1)
    silence = world.analysed(np.zeros(1700), VOICE)
    assert silence.shape == (10, 66) and np.all(silence[:, -1] == 1) and np.isfinite(silence).all()
    assert np.abs(world.synthesise_voice(silence, VOICE)).max() < 1e-4
    assert world.analysed(np.zeros(100), VOICE).shape == (0, 66)
    assert world.synthesise_voice(np.zeros((0, 66)), VOICE).shape == (0,)


@needs_pyworld
def test_whatever_a_network_gives_is_played_finite():
    wild = np.random.default_rng(1).normal(0, 300, (12, 66))
    assert np.isfinite(world.synthesise_voice(wild, VOICE)).all()
    with pytest.raises(BadInput, match="not finite"):
        world.synthesise_voice(np.full((3, 66), np.nan), VOICE)


@needs_pyworld
def test_spectra_are_as_long_as_the_library_s():
    for rate in (8000, 16_000, 22_050, 44_100, 48_000):
        assert VoiceLayout(rate, 256).bins == world.library().get_cheaptrick_fft_size(rate) // 2 + 1


def test_without_pyworld_one_line_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not world.world_installed()
    with pytest.raises(BadInput, match=r"pyworld: pip install 'pyworld>=0.3.4'$"):
        world.library.__wrapped__()
    with pytest.raises(BadInput, match="two points"):
        VoiceLayout(16_000, 160, bands=1)
