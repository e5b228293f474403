import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
import scipy.signal

from zoo.errors import BadInput
from zoo.signal import framing, stft

AUDIO = np.random.default_rng(0).uniform(-1, 1, (2, 4001, 2)).astype(np.float32)


def by_librosa(x, **arguments):
    """[B T C] -> [B F N C]."""
    return np.transpose(librosa.stft(np.moveaxis(x, 1, 2), **arguments), (0, 3, 2, 1))


@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize(("n_fft", "hop", "win"), [(512, 128, None), (400, 150, 301)])
def test_spectra_are_librosas(pad_mode, n_fft, hop, win):
    ours = stft.stft(jnp.asarray(AUDIO), n_fft, hop, win=win, centre=True, pad_mode=pad_mode)
    theirs = by_librosa(AUDIO, n_fft=n_fft, hop_length=hop, win_length=win, pad_mode=pad_mode)
    assert ours.dtype == jnp.complex64
    np.testing.assert_allclose(ours, theirs, atol=5e-5)


def test_spectra_without_padding_are_scipys():
    ours = stft.stft(jnp.asarray(AUDIO), 256, 64, centre=False)
    _, _, theirs = scipy.signal.stft(
        AUDIO, nperseg=256, noverlap=192, boundary=None, padded=False, axis=1
    )
    scale = scipy.signal.get_window("hann", 256).sum()
    np.testing.assert_allclose(ours, np.transpose(theirs, (0, 3, 1, 2)) * scale, atol=5e-5)


def test_spectra_are_torchs():
    torch = pytest.importorskip("torch")
    theirs = torch.stft(
        torch.tensor(AUDIO[..., 0]),
        512,
        128,
        window=torch.hann_window(512),
        return_complex=True,
    )
    ours = stft.stft(jnp.asarray(AUDIO[..., :1]), 512, 128, centre=True, pad_mode="reflect")
    np.testing.assert_allclose(ours[..., 0], theirs.numpy().swapaxes(1, 2), atol=5e-5)


@pytest.mark.parametrize("name", [*stft.COSINES])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_are_scipys(name, periodic):
    theirs = scipy.signal.get_window(
        {"rectangular": "boxcar"}.get(name, name), 25, fftbins=periodic
    )
    np.testing.assert_allclose(stft.window(name, 25, periodic=periodic), theirs, atol=1e-12)


@pytest.mark.parametrize("centre", [True, False])
def test_inverse_is_librosas(centre):
    shape = (40, 257)
    rng = np.random.default_rng(3)
    spectrum = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    spectrum[:, [0, -1]] = spectrum[:, [0, -1]].real
    ours = stft.istft(jnp.asarray(spectrum)[None, :, :, None], 512, 128, centre=centre)
    theirs = librosa.istft(spectrum.T, hop_length=128, center=centre)
    assert ours.shape == (1, len(theirs), 1)
    inner = slice(0, None) if centre else slice(32, -32)  # the window all but vanishes outside
    np.testing.assert_allclose(ours[0, inner, 0], theirs[inner], atol=1e-5)


@pytest.mark.parametrize(
    "convention",
    [
        {"centre": True, "pad_mode": "reflect"},
        {"centre": True, "pad_mode": "constant", "win": 300},
        {"centre": False, "pad": (384, 384), "pad_mode": "reflect"},
    ],
)
def test_round_trip_has_the_exact_length(convention):
    spectrum = stft.stft(jnp.asarray(AUDIO), 512, 128, **convention)
    back = {k: v for k, v in convention.items() if k != "pad_mode"}
    audio = stft.istft(spectrum, 512, 128, length=4001, **back)
    assert audio.shape == AUDIO.shape
    whole = 3900  # a tail without a whole frame is not in the spectrum
    np.testing.assert_allclose(audio[:, :whole], AUDIO[:, :whole], atol=2e-6)


def test_end_padding_counts_frames_as_tensorflow_does():
    pad = framing.end_padding(4001, 256, 128)
    spectrum = stft.stft(jnp.asarray(AUDIO), 256, 128, centre=False, pad=pad)
    assert spectrum.shape == (2, 32, 129, 2)


def test_gradients_are_finite_at_silence():
    def loud(x, floor):
        return stft.magnitude(stft.stft(x, 64, 16, centre=True), floor).sum()

    for floor in (0.0, 1e-9):
        slope = jax.jit(jax.grad(loud), static_argnums=1)(jnp.zeros((1, 256, 1)), floor)
        assert np.all(np.isfinite(slope))


def test_gradient_holds_no_scatter():
    def loud(x):
        return stft.power(stft.stft(x, 512, 128, centre=True, pad_mode="reflect")).sum()

    text = jax.jit(jax.grad(loud)).lower(jnp.asarray(AUDIO)).as_text()
    assert "scatter" not in text and "gather" not in text


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="hann, hamming"):
        stft.window("hanning", 4)
    with pytest.raises(BadInput, match="cannot be reflected"):
        stft.stft(jnp.zeros((1, 100, 1)), 512, 128, centre=True, pad_mode="reflect")
    with pytest.raises(BadInput, match="centre=False"):
        stft.stft(jnp.asarray(AUDIO), 512, 128, centre=True, pad=(1, 1))
