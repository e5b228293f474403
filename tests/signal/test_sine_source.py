"""The sine source: in pitch for minutes, below half the rate, the same in windows, noise alone."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.evaluation import steady_notes
from zoo.signal import mel, sine_source
from zoo.signal.sine_source import CYCLE, Levelled, Sine

RATE, HOP = 16_000, 256
SPEC = replace(mel.HIFIGAN, sample_rate=RATE)
PURE = Sine(SPEC, noise=0.0)
SECOND = RATE // HOP
MINUTES = 3 * 60 * SECOND


sound = jax.jit(lambda sine, voice, first: sine(voice, first), static_argnums=0)
sung = jax.jit(lambda sine, hertz: sine.voice(hertz), static_argnums=0)


def played(sine, hertz, first=0, last=None):
    """Samples [T H] of frames `first` to `last` of a pitch [F]."""
    voice = np.asarray(sung(sine, np.asarray(hertz, np.float32)[None]))
    return np.asarray(sound(sine, voice[:, first:last], np.uint32(first)))[0]


@pytest.mark.parametrize("hertz", [55.0, 233.08, 440.0, 987.77, 1760.0])
def test_its_pitch_is_f0_within_a_hundredth_of_a_cent_for_minutes(hertz):
    """By the phases of the first and the last second: every cycle between them is counted."""
    steady = np.full(MINUTES, hertz)
    turn = np.exp(-2j * np.pi * hertz * np.arange(MINUTES * HOP) / RATE)
    first = played(PURE, steady, 0, SECOND)[:, 0] @ turn[: SECOND * HOP]
    last = played(PURE, steady, MINUTES - SECOND)[:, 0] @ turn[-SECOND * HOP :]
    off = np.angle(last / first) / (2 * np.pi) / ((MINUTES - SECOND) * HOP / RATE)
    assert abs(1200 * np.log2(1 + off / hertz)) < 0.01
    assert min(abs(first), abs(last)) > 0.049 * SECOND * HOP  # within a bin, so no cycle is lost


def test_an_hour_of_phase_is_exact():
    """Where the last of 225,000 frames begins, against integers of any size."""
    hertz = np.random.default_rng(0).uniform(55, 1760, 3600 * SECOND).astype(np.float32)
    voice = np.asarray(sung(PURE, hertz[None]))[0]
    begin, growth = voice[:-1, -2].astype(object), voice[:-1, -1].view(np.int32).astype(object)
    total = int((begin * HOP + growth * (HOP * (HOP - 1) // 2)).sum())
    for number in range(9):
        turned = int(voice[-1, number]) - int(voice[0, number])
        assert turned % 2**32 == total * (number + 1) % 2**32
    mean = float(voice[:, -2].astype(np.float64).mean()) * RATE / CYCLE
    assert mean == pytest.approx(hertz.mean(), rel=1e-3)


def test_a_source_in_windows_is_the_whole_to_the_last_bit():
    random = np.random.default_rng(1)
    hertz = 440 * 2 ** random.uniform(-2, 2, 200) * (random.random(200) > 0.2)
    whole = played(Sine(SPEC), hertz)
    for first, last in ((0, SECOND), (70, 70 + SECOND), (200 - SECOND, 200)):
        part = played(Sine(SPEC), hertz, first, last)
        np.testing.assert_array_equal(part, whole[first * HOP : last * HOP])


@pytest.mark.parametrize("hertz", [440.0, 1000.0, 3000.0])
def test_there_is_nothing_but_harmonics_below_half_the_rate(hertz):
    """What lay above would be folded to other frequencies."""
    made = played(PURE, np.full(SECOND, hertz))
    count = int(RATE / 2 / hertz - 1e-9)
    assert np.ptp(made[:, :count], 0).min() > 0.19 and not made[:, count:].any()
    time = np.arange(len(made)) / RATE
    for number, one in enumerate(made[:, :count].T, 1):
        pair = np.stack([trig(2 * np.pi * hertz * number * time) for trig in (np.sin, np.cos)], 1)
        rest = one - pair @ np.linalg.lstsq(pair, one, rcond=None)[0]
        assert np.abs(rest).max() < 1e-3


def test_without_a_pitch_there_is_noise_alone_and_with_one_a_little():
    silent = played(Sine(SPEC), np.zeros(SECOND))
    assert silent.std() == pytest.approx(0.1 / 3, rel=0.02)
    assert abs(np.mean(silent[1:] * silent[:-1])) < 0.01 * silent.var() * 3
    pair = [played(sine, np.full(SECOND, 440.0)) for sine in (Sine(SPEC), PURE)]
    assert (pair[0] - pair[1]).std() == pytest.approx(0.003, rel=0.02)


def test_phases_differ_by_harmonic_and_in_training_by_row():
    hertz = np.full((2, 4), 440.0, np.float32)
    fixed = np.asarray(PURE.voice(hertz))
    drawn = np.asarray(PURE.voice(hertz, jax.random.key(5)))
    assert len(np.unique(fixed[:, 0, :9])) == 9 and len(np.unique(drawn[:, 0, :9])) == 18
    np.testing.assert_array_equal(fixed[0], fixed[1])


def test_the_condition_is_in_tune_and_the_same_block_by_block(monkeypatch):
    monkeypatch.setattr(sine_source, "_BLOCK", 100)
    audio, hertz = steady_notes.scale(1, 4 * SECOND * HOP, RATE)
    condition = np.asarray(jax.jit(PURE.condition)(audio))
    followed = np.asarray(PURE.condition_of_source(audio[0]))
    np.testing.assert_allclose(followed[..., -2], condition[..., -2], rtol=1e-6)
    assert np.abs((followed - condition)[..., :9].view(np.int32)).max() < 1e-4 * CYCLE
    made = np.asarray(sound(PURE, condition, np.uint32(0)))[..., :1]
    assert np.abs(steady_notes.errors(made, hertz, RATE)).max() <= 1


def test_a_levelled_source_is_as_loud_as_the_audio_and_silent_with_it():
    """And the same in windows, of a source block by block, where its rms doubles every second."""
    time = np.arange(4 * SECOND * HOP) / RATE
    audio = (0.02 * 2.0**time * np.sin(2 * np.pi * 440 * time))[None, :, None].astype(np.float32)
    audio[:, -SECOND * HOP :] = 0
    levelled = Levelled(Sine(SPEC))
    condition = np.asarray(jax.jit(levelled.condition)(audio))
    followed = np.asarray(levelled.condition_of_source(audio[0]))
    np.testing.assert_array_equal(followed[..., -2:], condition[..., -2:])
    made = np.asarray(sound(levelled, condition, np.uint32(0)))[0]
    for place in (SECOND // 2, 3 * SECOND // 2, 5 * SECOND // 2):
        part = slice(place * HOP, (place + 4) * HOP)
        rms = audio[0, part].std()
        assert made[part, 0].std() == pytest.approx(rms / 2**0.5, rel=0.03)
    assert not made[-(SECOND - 1) * HOP :].any()
    part = np.asarray(sound(levelled, condition[:, 70:90], np.uint32(70)))[0]
    np.testing.assert_array_equal(part, made[70 * HOP : 90 * HOP])


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="a sine source needs a front end with a frame a hop"):
        Sine(replace(SPEC, centre=True, pad=None))
