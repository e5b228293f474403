"""Programme loudness against the numbers that ITU-R BS.1770 and EBU Tech 3341 publish."""

import numpy as np
import pytest

from zoo.audio.loudness import measured, weighting

RATE = 48_000


def sine(level, seconds, rate=RATE, channels=2, hertz=1000.0):
    wave = 10 ** (level / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave[:, None], channels, 1).astype(np.float32)


def loudness(audio, rate=RATE, size=10_007):
    return measured((audio[at : at + size] for at in range(0, len(audio), size)), rate).loudness


def test_the_filters_are_the_standards_at_48_khz():
    """Tables 1 and 2 of BS.1770."""
    shelf, high_pass = weighting(RATE)
    wanted = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1]
    np.testing.assert_allclose(shelf, [*wanted, -1.69065929318241, 0.73248077421585], atol=1e-8)
    wanted = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    np.testing.assert_allclose(high_pass, wanted, atol=1e-8)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000, 96_000])
def test_a_full_scale_sine_in_one_channel_measures_what_the_standard_says(rate):
    assert loudness(sine(0, 3, rate, 1, 997.0), rate) == pytest.approx(-3.01, abs=0.06)


@pytest.mark.parametrize(
    "parts, wanted",
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    ],
)
def test_signals_of_tech_3341(parts, wanted):
    """Its test cases 1 to 5: two channels, and what the gates leave out."""
    audio = np.concatenate([sine(level, seconds) for level, seconds in parts])
    assert loudness(audio) == pytest.approx(wanted, abs=0.1)


def test_surround_channels_count_more_and_the_deep_one_not():
    """Test case 6 of Tech 3341."""
    wave = sine(0, 20, channels=1)[:, 0]
    levels = [-28, -28, -24, -np.inf, -30, -30]
    audio = np.stack([10 ** (level / 20) * wave for level in levels], 1).astype(np.float32)
    assert loudness(audio) == pytest.approx(-23, abs=0.1)
    audio[:, 3] = wave
    assert loudness(audio) == pytest.approx(-23, abs=0.1)


def test_silence_and_what_is_shorter_than_a_block():
    assert loudness(np.zeros((RATE, 2), np.float32)) == -np.inf
    assert measured([], RATE).loudness == -np.inf
    assert loudness(sine(-23, 0.25)) == pytest.approx(-23, abs=0.3)
    assert measured([sine(-6, 1)], RATE).peak == pytest.approx(10 ** (-6 / 20), abs=1e-3)
