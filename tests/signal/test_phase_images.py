"""Images of magnitude and phase against librosa and NumPy, and back to audio."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.signal import phase_images as images
from zoo.signal.phase_images import PhaseImageLayout

SMALL = PhaseImageLayout(samples=8_000, frames=66, bins=256)


def note(samples=8_000, hertz=311.0):
    time = np.arange(samples) / 16_000
    harmonics = np.arange(1, 12)
    tone = (np.sin(2 * np.pi * hertz * time[:, None] * harmonics) / harmonics).sum(1)
    tone += 0.01 * np.random.default_rng(0).normal(size=samples)
    ramp = np.minimum(1, np.minimum(time, time[::-1]) / 0.05)
    return (0.2 * tone * ramp).astype(np.float32)[None, :, None]


def spectrum(audio, layout):
    """librosa's, in float64 [F N], without the constant."""
    padded = np.pad(audio[0, :, 0].astype(np.float64), (layout.front, 0))
    found = librosa.stft(padded, n_fft=layout.n_fft, hop_length=layout.hop, center=False)
    return found[1:].T


def unwrapped(turned):
    """Half turns that each frame adds, by numpy.unwrap."""
    straight = np.unwrap(turned, axis=0)
    return np.concatenate([straight[:1], np.diff(straight, axis=0)]) / np.pi


def turns_apart(found, wanted):
    """Half turns between, where whole turns are none."""
    return np.abs((found - wanted + 1) % 2 - 1)


def layout(kind):
    return PhaseImageLayout(SMALL.samples, SMALL.frames, SMALL.bins, kind=kind)


@pytest.mark.parametrize("kind", ["linear", "phase", "mel"])
def test_images_are_those_of_librosa_and_numpy(kind):
    audio = note()
    found = np.asarray(jax.jit(images.image_of, static_argnums=1)(audio, layout(kind)))[0]
    bins = spectrum(audio, SMALL)
    size, turned = np.abs(bins), unwrapped(np.angle(bins))
    if kind == "phase":
        turned = np.angle(bins) / np.pi
    if kind == "mel":
        bands = images.mel_bands(256, 16_000).astype(np.float64)
        size = np.square(size + 1e-6) @ bands
        turned = unwrapped(np.cumsum(turned * np.pi, 0) @ bands)
    np.testing.assert_allclose(np.exp(found[..., 0]), size + 1e-6, rtol=1e-3, atol=1e-5)
    strong = size > 1e-2 * size.max()
    assert np.quantile(turns_apart(found[..., 1], turned)[strong], 0.999) < 2e-3
    assert strong.mean() > 0.01 and np.abs(found[..., 1]).max() > 0.9


@pytest.mark.parametrize(("kind", "decibels"), [("linear", 60), ("phase", 60)])
def test_a_note_comes_back(kind, decibels):
    audio = note()
    back = np.asarray(images.audio_of(images.image_of(audio, layout(kind)), layout(kind)))
    assert back.shape == audio.shape
    kept = slice(None, -SMALL.n_fft)  # the last frame fades
    error = np.square(back - audio)[:, kept].sum()
    assert 10 * np.log10(np.square(audio)[:, kept].sum() / error) > decibels


def test_mel_images_keep_the_spectrum_and_the_pitch():
    """Their bands lose detail: spectral convergence, not the waveform, is what is kept."""
    audio = note()
    back = np.asarray(images.audio_of(images.image_of(audio, SMALL), SMALL))
    size, found = np.abs(spectrum(audio, SMALL)), np.abs(spectrum(back, SMALL))
    assert np.linalg.norm(found - size) / np.linalg.norm(size) < 0.4
    middle = back[0, 2_000:6_000, 0]
    pitch = np.median(librosa.yin(middle, fmin=200, fmax=500, sr=16_000, frame_length=2_048))
    assert abs(1200 * np.log2(pitch / 311.0)) < 15


def test_a_wrapped_running_phase_would_not_do():
    """Weights of a band are no whole numbers: whole turns lost before the product are heard."""
    audio = note()
    whole = np.asarray(images.image_of(audio, SMALL))[0, ..., 1]
    bands = images.mel_bands(256, 16_000).astype(np.float64)
    wrapped = unwrapped(np.angle(spectrum(audio, SMALL)) @ bands)
    assert np.quantile(turns_apart(whole, wrapped), 0.9) > 0.1


def test_a_steady_sine_has_one_frequency():
    time = np.arange(8_000) / 16_000
    audio = np.sin(2 * np.pi * 1_010.0 * time).astype(np.float32)[None, :, None]
    found = np.asarray(images.image_of(audio, layout("linear")))[0, 8:-8, :, 1]
    cycles = 1_010.0 * SMALL.hop / 16_000
    np.testing.assert_allclose(found[:, 31], 2 * (cycles - round(cycles)), atol=1e-3)


def test_bands_are_librosa_s_where_they_are_not_widened():
    bands = images.mel_bands(256, 16_000)
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=510, n_mels=256, fmin=0, fmax=8_000, htk=True, norm=None
    ).T
    edges = librosa.mel_to_hz(np.linspace(0, librosa.hz_to_mel(8_000, htk=True), 258), htk=True)
    wide = edges[2:] - edges[:-2] >= 1.5 * 8_000 / 256
    assert 40 < wide.sum() < 200
    np.testing.assert_allclose(bands[1:, wide], theirs[1:, wide], atol=1e-3)
    assert not bands[0].any() and (bands.sum(0)[1:] > 0).all()  # the first band lies below a bin
    assert (np.count_nonzero(bands[:, ~wide], 0) <= 2).all()
    sums = (bands @ images.linear_bins(256, 16_000)).sum(0)
    np.testing.assert_allclose(sums[1:-1], 1, atol=1e-5)  # the last bin ends the last band


def test_what_the_paper_has():
    paper = PhaseImageLayout()
    assert (paper.n_fft, paper.hop, paper.front) == (2_048, 512, 3_072)
    low = PhaseImageLayout(frames=256, bins=512)
    assert (low.n_fft, low.hop, low.front) == (1_024, 256, 2_304)
    silence = images.normalised(jnp.log(jnp.full((1, 1, 1, 2), 1e-6)))
    np.testing.assert_allclose(silence[..., 0], 0.0661371661726 * np.log(1e-6) + 0.113718730221)
    inside = jnp.array([[[[-3.0, 0.7], [5.0, -1.0]]]])
    np.testing.assert_allclose(images.denormalised(images.normalised(inside)), inside, atol=1e-5)
    assert float(images.normalised(jnp.full((1, 1, 1, 2), 99.0)).max()) == 1.0


def test_bad_layouts_and_clips_are_refused():
    with pytest.raises(BadInput, match="choose mel, linear or phase"):
        PhaseImageLayout(kind="cqt")
    with pytest.raises(BadInput, match="less than 64,000: give more frames"):
        PhaseImageLayout(frames=64)
    with pytest.raises(BadInput, match="give 8,000 samples"):
        images.image_of(jnp.zeros((1, 7_999, 1)), SMALL)


@pytest.mark.parametrize("hertz", [65.4, 440.0, 1760.0, 3000.0])
def test_pulses_are_all_harmonics_below_half_the_rate(hertz):
    """Against the sum of cosines in float64; of RMS one."""
    made = np.asarray(images.pulses(jnp.float32([hertz]), SMALL))[0, :, 0]
    exact = float(np.float32(hertz))
    numbers = np.arange(1, int(8_000 / exact) + 1)
    phase = 2 * np.pi * exact * np.arange(8_000)[:, None] / 16_000
    wanted = np.cos(phase * numbers).sum(1) * np.sqrt(2 / len(numbers))
    np.testing.assert_allclose(made, wanted, atol=2e-2)
    assert np.sqrt(np.mean(np.square(made))) == pytest.approx(1, abs=0.03)
