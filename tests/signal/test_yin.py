"""YIN: against librosa's, on notes of known pitch, and frame by frame."""

import jax
import librosa
import numpy as np

from zoo.evaluation import steady_notes
from zoo.signal.yin import Yin

RATE, HOP = 16_000, 256
YIN = Yin(RATE, HOP)
SAMPLES = 32 * HOP
tracked = jax.jit(YIN)  # of 11 rows, so that it compiles once


def rows(audio):
    """Audio [T] eleven times, [11 T 1]."""
    return np.tile(audio[None, :, None], (11, 1, 1)).astype(np.float32)


def cents(found, hertz):
    return 1200 * np.log2(np.asarray(found) / hertz)


def test_steady_notes_are_found_within_half_a_cent():
    hertz = 55.0 * 2 ** (np.arange(0, 61, 6) / 12)  # 55 to 1760 Hz
    tones = np.stack([steady_notes.harmonic_tone(pitch, SAMPLES, RATE) for pitch in hertz])
    found = np.asarray(tracked(tones[..., None].astype(np.float32)))[:, 4:-4]
    assert found.shape == (11, 24) and np.abs(cents(found, hertz[:, None])).max() < 0.5


def test_it_agrees_with_librosa_on_a_glide():
    time = np.arange(SAMPLES) / RATE
    turns = 200 * time + 100 * np.square(time)
    audio = 0.2 * np.sin(2 * np.pi * turns[:, None] * np.arange(1, 6)).sum(1) / 5
    ours = np.asarray(tracked(rows(audio)))[0]
    before, after = YIN.pad
    padded = np.pad(audio, (before, after))
    how = dict(fmin=60, fmax=1000, sr=RATE, frame_length=YIN.span, hop_length=HOP, center=False)
    theirs = librosa.yin(padded, trough_threshold=0.1, **how)[: len(ours)]
    assert np.abs(cents(ours, theirs))[3:-3].max() < 10  # of 870 that it glides


def test_noise_and_silence_have_no_pitch():
    noise = rows(np.random.default_rng(0).normal(0, 0.1, SAMPLES))
    tone = rows(steady_notes.harmonic_tone(220.0, SAMPLES, RATE))
    assert not np.asarray(tracked(np.concatenate([noise[:5], 1e-4 * tone[:5], 0 * tone[:1]]))).any()


def test_a_tone_has_a_pitch_until_a_fifth_of_its_power_is_noise():
    """A period's normalised difference is the share of the power that does not repeat."""
    tone = steady_notes.harmonic_tone(220.0, SAMPLES, RATE)
    noise = np.random.default_rng(1).normal(0, tone.std(), SAMPLES)
    shares = np.array([0.12, 0.3])
    mixed = np.sqrt(1 - shares)[:, None] * tone + np.sqrt(shares)[:, None] * noise
    audio = np.concatenate([mixed, np.tile(mixed[:1], (9, 1))])[..., None].astype(np.float32)
    pitched = (np.asarray(tracked(audio))[:2, 4:-4] > 0).mean(1)
    assert pitched[0] > 0.9 and pitched[1] < 0.1


def test_a_frame_depends_on_its_own_samples_alone():
    audio = rows(steady_notes.harmonic_tone(300.0, SAMPLES, RATE))
    before, after = 10 * HOP - YIN.pad[0], 12 * HOP + YIN.pad[1]
    alone = np.zeros_like(audio)
    alone[:, before:after] = audio[:, before:after]
    whole, part = (np.asarray(tracked(x)) for x in (audio, alone))
    np.testing.assert_allclose(part[:, 10:12], whole[:, 10:12], rtol=1e-5)
    assert np.abs(part[:, 12:14] / whole[:, 12:14] - 1).max() > 1e-5


def test_another_rate():
    tone = steady_notes.harmonic_tone(196.0, 32 * 512, 44_100)[None, :, None].astype(np.float32)
    assert np.abs(cents(jax.jit(Yin(44_100, 512))(tone)[0, 8:-8], 196.0)).max() < 0.5
