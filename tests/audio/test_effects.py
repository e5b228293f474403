"""Effects on recordings, against closed forms and measured pitch."""

import numpy as np
import pytest
from scipy.signal import find_peaks

from zoo.audio import effects

RATE = 8000


def tone(hertz, seconds=1.0):
    t = np.arange(int(RATE * seconds)) / RATE
    return (0.4 * np.sin(2 * np.pi * hertz * t))[:, None].astype(np.float32)


def pitch(audio):
    spectrum = np.abs(np.fft.rfft(audio[:, 0] * np.hanning(len(audio)), 8 * len(audio)))
    return spectrum.argmax() / (8 * len(audio)) * RATE


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_stretching_changes_the_length_and_not_the_pitch(speed):
    made = effects.stretched(tone(440), RATE, speed)
    assert made.shape == (round(RATE / speed), 1) and made.dtype == np.float32
    assert pitch(made) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("semitones", [-1.0, 1.0])
def test_shifting_changes_the_pitch_and_not_the_length(semitones):
    made = effects.pitch_shift(np.repeat(tone(440), 2, 1), RATE, semitones)
    assert made.shape == (RATE, 2)
    assert pitch(made) == pytest.approx(440 * 2 ** (semitones / 12), abs=3)


@pytest.mark.parametrize(
    ("preset", "level", "wanted"),
    [
        ("music standard", -70, -58),
        ("music standard", -62.5, -50.5),  # half way between two points
        ("music standard", -31, -31),
        ("music standard", -10.5, -20.5),
        ("music standard", -96, -96),  # below the first point the gain stays
        ("speech", -70, -55),
        ("speech", -50, -35),
    ],
)
def test_steady_levels_become_what_the_preset_says(preset, level, wanted):
    steady = np.full((40 * RATE // 10, 1), 10 ** (level / 20))
    made = effects.compressed(steady, RATE, preset)
    assert 20 * np.log10(made[-1, 0]) == pytest.approx(wanted, abs=0.02)


def test_the_level_falls_and_rises_at_the_times_of_the_preset():
    magnitude = np.concatenate([np.zeros(RATE), np.ones(RATE)])
    level = effects.follow_level(magnitude, RATE)
    np.testing.assert_allclose(level[RATE - 1], np.exp(-1 / 0.3), rtol=1e-6)
    low = np.exp(-1 / 0.3)
    at = int(0.1 * RATE)
    np.testing.assert_allclose(level[RATE + at - 1], 1 - (1 - low) / np.e, rtol=1e-6)


def test_the_gain_looks_ahead_and_channels_are_apart():
    quiet, loud = np.full(2 * RATE, 1e-3), np.full(2 * RATE, 0.5)
    step = np.concatenate([quiet, loud])
    made = effects.compressed(np.stack([step, 0 * step + 1e-3], 1), RATE, "speech")
    gain = made[:, 0] / step
    falls = np.flatnonzero(np.diff(gain) < -1e-3)[-1::-1]
    assert falls.min() <= 2 * RATE - 0.09 * RATE  # 0.1 s before it gets loud
    assert np.all(np.diff(made[RATE:, 1]) >= 0)  # nothing of the other channel


def test_noise_is_white_and_of_the_weight_asked_for():
    audio = tone(440, 2)
    made = effects.add_noise(audio, RATE, 0.4, 1)
    noise = made - 0.6 * audio
    rms = np.sqrt(np.mean(audio**2))
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.4 * rms, rel=0.02)
    power = np.abs(np.fft.rfft(noise[:, 0])) ** 2
    assert power[: len(power) // 2].sum() == pytest.approx(power.sum() / 2, rel=0.05)
    assert (made == effects.add_noise(audio, RATE, 0.4, 1)).all()
    assert (made != effects.add_noise(audio, RATE, 0.4, 2)).any()
    assert len(find_peaks(power, power.max() / 2)[0]) > 1
