"""The sampler: every preset sounds, in tune, without clicks or aliasing, the same everywhere."""

import hashlib
import subprocess
import sys

import librosa
import numpy as np
import pytest
import scipy.signal

from zoo.data.score_render.orchestration import IN_TUNE, INSTRUMENT_FAMILIES, MISTUNED
from zoo.data.score_render.performance import KITS
from zoo.data.score_render.sampler import DRUMS, Sampler, butterworth
from zoo.data.score_render.soundfont import default_font, load_font
from zoo.data.score_render.takes import BASS_KEYS, KEYS
from zoo.data.score_render.tuning import semitones_off
from zoo.errors import BadInput

RATE = 16_000


@pytest.fixture(scope="module")
def sampler():
    return Sampler(load_font(default_font()), RATE)


def test_font_is_the_known_one(sampler):
    assert sampler.font.md5 == "1f569cc40159a6bd9250f816225ae222"
    assert len(sampler.font.presets) == 136
    assert sorted(p for bank, p in sampler.font.presets if bank == DRUMS)[:7] == list(KITS)


def test_every_preset_and_kit_sounds(sampler):
    for family, programs in INSTRUMENT_FAMILIES.items():
        for program in programs:
            tone = sampler.note(program, 45 if family == "bass" else 64, 100, 0.2)
            assert np.isfinite(tone).all()
            assert 0.01 < np.abs(tone).max() < 4, (family, program)
    for kit in (*KITS, 77):  # 77 is absent and falls back to kit 0
        for key in (36, 38, 42, 51, 50, 48, 47, 45):
            assert np.abs(sampler.note(kit, key, 100, 0.2, bank=DRUMS)).max() > 0.01
    np.testing.assert_array_equal(
        sampler.note(77, 38, 100, 0.2, bank=DRUMS), sampler.note(0, 38, 100, 0.2, bank=DRUMS)
    )


@pytest.mark.parametrize("program", [0, 24, 40, 48, 65, 71, 73])
def test_pitch(sampler, program):
    for key in (50, 60, 69):
        tone = sampler.note(program, key, 100, 0.8)[1600:12000]
        found = librosa.yin(tone, fmin=80, fmax=1000, sr=RATE, frame_length=1024)
        cents = 1200 * np.log2(np.median(found) / librosa.midi_to_hz(key))
        assert abs(cents) < 20, (program, key, cents)


@pytest.mark.parametrize("below", [0, 12, 24])
def test_pitch_is_the_period_of_all_harmonics(below):
    """A tone of harmonics, one of them strong, and a weak one an octave or two below them all."""
    t, hertz = np.arange(8000) / RATE, librosa.midi_to_hz(57)
    tone = np.sin(2 * np.pi * hertz * t) + 2 * np.sin(2 * np.pi * 3 * hertz * t)
    tone += 0.8 * np.sin(2 * np.pi * librosa.midi_to_hz(57 - below) * t)
    assert semitones_off(tone, RATE, 57) == pytest.approx(-below, abs=0.1)
    assert semitones_off(tone, RATE, 60) == pytest.approx(-below - 3, abs=0.1)


def test_the_whole_font_is_measured_and_notes_are_in_tune(sampler):
    """Every preset of every family: most of its keys sound within half a semitone of the label."""
    off = {}
    for family in INSTRUMENT_FAMILIES:
        for program in {*INSTRUMENT_FAMILIES[family], *IN_TUNE[family]}:
            keys = (BASS_KEYS if family == "bass" else KEYS)[::6]
            tones = [(key, sampler.note(program, key, 90, 0.77)[1600:9600]) for key in keys]
            found = [
                semitones_off(x, RATE, key) for key, x in tones if np.abs(x).max(initial=0) > 1e-4
            ]
            off[program] = np.mean(~(np.abs(found) < 0.5))
    wrong = {program for program, share in off.items() if share > 0.5}
    assert wrong == set(MISTUNED) and all(off[program] == 1 for program in (16, 17, 18))
    assert not wrong & {program for programs in IN_TUNE.values() for program in programs}
    assert sum(map(len, IN_TUNE.values())) == 88


def test_nothing_between_the_harmonics(sampler):
    """A flute at MIDI 76: energy away from multiples of its pitch, aliases included."""
    tone = sampler.note(73, 76, 100, 1.5)[4000:20384]
    frequency, power = scipy.signal.periodogram(tone, RATE, "blackmanharris")
    harmonic = frequency / librosa.midi_to_hz(76)
    near = np.abs(harmonic - np.round(harmonic)) < 0.08
    assert 10 * np.log10(power[~near & (frequency > 60)].sum() / power.sum()) < -30


def test_loop_has_no_click(sampler):
    """The whistle's own loop jumps; a click would stand out of the second difference."""
    bend = np.abs(np.diff(sampler.note(78, 67, 100, 2.0)[3200:30000], n=2))
    assert bend.max() < 3 * np.percentile(bend, 99)


def test_louder_and_longer(sampler):
    loud, soft = sampler.note(0, 60, 127, 0.5), sampler.note(0, 60, 64, 0.5)
    np.testing.assert_allclose(soft, loud * (64 / 127) ** 2, rtol=1e-5, atol=1e-7)
    assert len(sampler.note(0, 60, 100, 1.0)) - len(loud) == RATE // 2


def test_release_falls_evenly_from_where_the_note_was(sampler):
    region = sampler.font.regions(48, 60, 100)[0]
    held, tail = RATE // 2, RATE // 2
    short = Sampler(sampler.font, RATE)._voice(region, 60, 0.5)
    long = sampler._voice(region, 60, 2.0)
    np.testing.assert_array_equal(short[:held], long[:held])
    ratio = np.abs(short[held : held + tail]).max() / np.abs(long[held : held + tail]).max()
    assert ratio < 1.01
    end = slice(held + tail - 800, held + tail)
    fallen = 20 * np.log10(np.abs(short[end]).max() / np.abs(long[end]).max())
    assert fallen == pytest.approx(-100 * 0.475 / region.release, abs=3)


def test_butterworth_is_scipys():
    expected = scipy.signal.butter(2, 900, fs=RATE, output="sos")
    np.testing.assert_allclose(butterworth(900, RATE), expected, atol=1e-6)


def test_same_bytes_whatever_was_played_before(sampler):
    code = (
        "import hashlib; from zoo.data.score_render.sampler import Sampler;"
        "from zoo.data.score_render.soundfont import default_font, load_font;"
        f"s = Sampler(load_font(default_font()), {RATE});"
        "print(hashlib.sha256(s.note(56, 61, 90, 0.77).tobytes()).hexdigest())"
    )
    sampler.note(56, 61, 90, 3.0)
    here = hashlib.sha256(sampler.note(56, 61, 90, 0.77).tobytes()).hexdigest()
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no sound font at .*\.sf2"):
        load_font(tmp_path / "absent.sf2")
    (tmp_path / "a.sf2").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
    with pytest.raises(BadInput, match="no SoundFont 2 file"):
        load_font(tmp_path / "a.sf2")
