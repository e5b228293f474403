"""What is audio and what is not: shapes, types, rates, batches."""

import numpy as np
import pytest
import soundfile

from zoo.errors import BadInput
from zoo.front import sounds

TONE = (0.25 * np.sin(np.arange(8000) / 5)).astype(np.float32)


@pytest.mark.parametrize(
    "array",
    [
        TONE,
        TONE.astype(np.float64),
        np.round(TONE * 2**15).astype(np.int16),
        np.round(TONE.astype(np.float64) * 2**31).astype(np.int32),
    ],
    ids=lambda a: str(a.dtype),
)
def test_floats_and_pcm_integers_are_one_sound(array):
    found = sounds.as_samples(array)
    assert found.dtype == np.float32 and found.shape == (8000, 1)
    np.testing.assert_allclose(found[:, 0], TONE, atol=2e-5)


REFUSED = {
    "nothing": (np.zeros(0, np.float32), 8000, r"shape \(0,\).*with samples in it"),
    "no frames": (np.zeros((0, 2), np.float32), 8000, "with samples in it"),
    "a number": (np.float32(0.1), 8000, r"shape \(\)"),
    "channels first": (np.zeros((2, 8000), np.float32), 8000, r"8,000 channels.*audio\.T"),
    "NaN": (np.where(np.arange(9) == 4, np.nan, 0.0), 8000, "NaN or infinity at sample 4"),
    "16-bit scale": (TONE * 32768, 8000, "peaks at 819[0-9].*scale it down"),
    "bytes": (np.zeros(9, np.uint8), 8000, "audio of uint8"),
    "complex": (np.zeros(9, complex), 8000, "audio of complex128"),
    "text": (np.array(["a"]), 8000, "audio of <U1"),
    "no rate": (TONE, None, "give rate="),
    "rate of nothing": (TONE, 0, "rate=0: "),
    "rate in kHz": (TONE, 44.1, "rate=44.1: "),
    "rate NaN": (TONE, float("nan"), "rate=nan: "),
    "rate as text": (TONE, "8000", "rate='8000': "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_audio_is_refused_in_one_line(case):
    audio, rate, message = REFUSED[case]
    with pytest.raises(BadInput, match=message) as caught:
        sounds.as_sound(audio, rate)
    assert "\n" not in str(caught.value)


def test_batches_are_lists_and_arrays_of_three_axes(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE, 8000)
    lengths = sounds.for_each_sound(
        [TONE, tmp_path / "a.wav", str(tmp_path / "a.wav")], 8000, _length
    )
    assert lengths == [8000] * 3
    assert sounds.for_each_sound(np.zeros((4, 100, 2), np.float32), 8000, _length) == [100] * 4
    assert sounds.for_each_sound((), 8000, _length) == []
    assert sounds.for_each_sound(TONE, 8000, _length) == 8000
    with pytest.raises(BadInput, match="number 2 of 2: the audio holds NaN"):
        sounds.for_each_sound([TONE, TONE * np.nan], 8000, _length)
    with pytest.raises(BadInput, match="a list of numbers is no batch"):
        sounds.for_each_sound([0.1, 0.2], 8000, _length)
    with pytest.raises(BadInput, match=r"a\.wav has 8,000 Hz, not 44,100"):
        sounds.as_sound(tmp_path / "a.wav", 44_100)


def _length(sound):
    return sound.length


@pytest.mark.parametrize("rate, channels", [(8000, 1), (44_100, 2), (48_000, 6)])
def test_any_rate_and_channel_count_becomes_the_models(rate, channels):
    seconds = np.arange(rate) / rate
    tone = 0.25 * np.sin(2 * np.pi * 440 * seconds)
    audio = np.repeat(tone[:, None], channels, 1)
    found = sounds.as_sound(audio, rate).read(16_000, 1)
    wanted = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert found.shape == (16_000, 1)
    middle = slice(1000, -1000)
    factor = np.vdot(found[middle, 0], wanted[middle]) / np.vdot(wanted[middle], wanted[middle])
    np.testing.assert_allclose(found[middle, 0], factor * wanted[middle], atol=2e-3)
    assert channels > 2 or abs(factor - 1) < 1e-2


def test_a_sound_of_which_nothing_is_left_is_refused():
    with pytest.raises(BadInput, match="1 samples, nothing at 16,000 Hz"):
        sounds.as_sound(np.zeros(1), 48_000).require(16_000)
