import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.signal import mel

RNG = np.random.default_rng(0)
AUDIO = RNG.uniform(-0.5, 0.5, (1, 8000, 1)).astype(np.float32)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_scales_are_librosas(scale):
    hz = np.linspace(0, 11025, 500)
    htk = scale == "htk"
    mels = mel.hz_to_mel(hz, scale)
    np.testing.assert_allclose(mels, librosa.hz_to_mel(hz, htk=htk), rtol=1e-12)
    np.testing.assert_allclose(mel.mel_to_hz(mels, scale), hz, atol=1e-8)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", None])
@pytest.mark.parametrize(
    ("rate", "n_fft", "bins", "low", "high"),
    [(16000, 512, 96, 0, None), (22050, 1024, 80, 50, 8000)],
)
@pytest.mark.filterwarnings("ignore:Empty filters")
def test_filters_are_librosas(scale, norm, rate, n_fft, bins, low, high):
    ours = mel.mel_filters(rate, n_fft, bins, low, high, scale=scale, norm=norm)
    theirs = librosa.filters.mel(
        sr=rate, n_fft=n_fft, n_mels=bins, fmin=low, fmax=high, htk=scale == "htk", norm=norm
    )
    np.testing.assert_allclose(ours, theirs.T, atol=1e-7)


def test_filters_straight_in_mel_ignore_dc_and_peak_at_one():
    # Between the first and the last centre, triangles straight in mel add up to one at every bin.
    weights = mel.mel_filters(16000, 1024, 40, 60, 7800, scale="htk", norm=None, straight_in="mel")
    assert np.all(weights[0] == 0)
    centres = mel.mel_to_hz(
        np.linspace(mel.hz_to_mel(60, "htk"), mel.hz_to_mel(7800, "htk"), 42), "htk"
    )[[1, -2]]
    hz = np.arange(513) * 16000 / 1024
    inner = (hz >= centres[0]) & (hz <= centres[1])
    np.testing.assert_allclose(weights[inner].sum(1), 1, atol=1e-6)


def test_musicnn_front_end():
    theirs = librosa.feature.melspectrogram(
        y=AUDIO[0, :, 0], sr=16000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"
    ).T
    theirs = np.log10(10000 * theirs.astype(np.float16).astype(np.float32) + 1)
    ours = jax.jit(mel.log_mel, static_argnums=1)(AUDIO, mel.MUSICNN)
    assert ours.shape == (1, 32, 96, 1)
    np.testing.assert_allclose(ours[0, :, :, 0], theirs, atol=1e-3)  # one step of float16


def test_musicnn_front_end_is_finite_when_loud():
    loud = mel.log_power(jnp.array([[0.0, 1e4, 1e8]]), half=True)
    assert np.all(np.isfinite(loud)) and float(loud[0, 0]) == 0


@pytest.mark.filterwarnings("ignore:Empty filters")
def test_won_front_end():
    # torchaudio's MelSpectrogram(16000, 512, n_mels=128) and AmplitudeToDB, in librosa's words.
    power = librosa.feature.melspectrogram(
        y=AUDIO[0, :, 0],
        sr=16000,
        n_fft=512,
        hop_length=256,
        n_mels=128,
        htk=True,
        norm=None,
        pad_mode="reflect",
    )
    theirs = librosa.power_to_db(power, top_db=None).T
    np.testing.assert_allclose(mel.log_mel(AUDIO, mel.WON)[0, :, :, 0], theirs, atol=2e-3)


@pytest.mark.parametrize(
    ("spec", "high", "log"), [(mel.MELGAN, None, np.log10), (mel.HIFIGAN, 8000, np.log)]
)
def test_vocoder_front_ends(spec, high, log):
    padded = np.pad(AUDIO[0, :, 0], 384, mode="reflect")
    theirs = librosa.feature.melspectrogram(
        y=padded, sr=22050, n_fft=1024, hop_length=256, n_mels=80, fmax=high, power=1, center=False
    ).T
    ours = mel.log_mel(AUDIO, spec)[0, :, :, 0]
    np.testing.assert_allclose(ours, log(np.maximum(theirs, 1e-5)), atol=1e-3)


def test_decibels_clip_per_example():
    power = RNG.uniform(0, 1, (2, 5, 7)).astype(np.float32) ** 20
    ours = mel.power_to_db(jnp.asarray(power), top=30)
    for i in range(2):
        theirs = librosa.power_to_db(power[i], top_db=30)
        np.testing.assert_allclose(ours[i], theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("compress", "written"),
    [
        (mel.log_clamp, lambda x: np.log(np.maximum(x, 1e-5))),
        (mel.log10_clamp, lambda x: np.log10(np.maximum(x, 1e-5))),
        (mel.standard_log, lambda x: (np.log(np.maximum(x, 1e-5)) + 5) / 3),
        (mel.unit_decibels, lambda x: np.clip(0.8 + np.log10(np.maximum(x, 1e-4)) / 5, 0, 1)),
        (mel.pcm_log, lambda x: np.log(np.maximum(32768 * x, 500)) / 10),  # as Lyra's C++ has it
    ],
)
def test_compressions_and_their_floors(compress, written):
    x = np.geomspace(1e-7, 100, 60)
    np.testing.assert_allclose(compress(x.astype(np.float32)), written(x), rtol=1e-4, atol=1e-5)


def test_front_end_of_lws():
    """As r9y9's audio.py has it of lws: windows of sqrt(hann / 2), each from its own hop on."""
    audio = RNG.normal(0, 0.1, 3000).astype(np.float32)
    audio[:1100] *= 1e-5  # below the floor
    window = np.sqrt(0.5) * np.sin(np.pi * (np.arange(1024) + 0.5) / 1024)
    padded = np.pad(audio, (0, 1023))
    spectra = librosa.stft(padded, n_fft=1024, hop_length=256, window=window, center=False)
    mels = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=80, fmin=125, fmax=7600)
    level = 20 * np.log10(np.maximum(1e-5, mels @ np.abs(spectra))) - 20
    expected = np.clip((level + 100) / 100, 0, 1)
    found = mel.log_mel(audio[None, :, None], mel.lws())[0, ..., 0]
    assert found.shape == (12, 80) and expected.min() == 0 and expected.max() > 0.4
    np.testing.assert_allclose(found, expected.T, atol=1e-4)


@pytest.mark.parametrize(
    ("spec", "floor"),
    [
        (mel.MUSICNN, 0),
        (mel.WON, -100),
        (mel.MELGAN, -5),
        (mel.HIFIGAN, np.log(1e-5)),
        (mel.TACOTRON2, np.log(0.01)),  # section 2.2
    ],
)
def test_silence_is_the_floor_of_a_front_end_and_has_a_finite_gradient(spec, floor):
    run = jax.jit(jax.value_and_grad(lambda x: mel.log_mel(x, spec).mean()))
    level, slope = run(jnp.zeros((1, 3000, 1)))
    assert float(level) == pytest.approx(floor, rel=1e-5)
    assert np.all(np.isfinite(slope))


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="'slaney' or 'htk'"):
        mel.hz_to_mel(100, "bark")
    with pytest.raises(BadInput, match="low < high <= 8000"):
        mel.mel_filters(16000, 512, 40, 0, 9000)
