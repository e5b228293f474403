"""Learnt filters: sorted, at the right frequencies, found by watching the network run."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from looked_at import RATE, Bank, looked_at, sinusoids

from zoo.errors import BadInput
from zoo.interpret import filters, layers
from zoo.layers.conv import Conv
from zoo.models.classification.harmonic_cnn import HarmonicCNN
from zoo.models.classification.multi_scale import MultiScale, MultiScaleFront
from zoo.models.classification.samplecnn import SampleCNN
from zoo.models.classification.sincnet import SincNet
from zoo.runs import trained
from zoo.signal.harmonic import harmonic_centres

HERTZ = (2000.0, 310.0, 3100.0, 900.0)


def test_a_bank_of_sinusoids_comes_out_sorted_at_its_frequencies():
    (bank,) = filters.banks(looked_at(Bank(), bank=sinusoids(HERTZ)))
    assert bank.name == "bank" and bank.order.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(bank.peak, sorted(HERTZ), atol=5)
    np.testing.assert_allclose(bank.centroid, sorted(HERTZ), rtol=0.02)
    assert np.allclose(bank.response.max(0), 1)
    top = bank.response.argmax(0) / (len(bank.response) - 1) * RATE / 2
    np.testing.assert_allclose(top, sorted(HERTZ), atol=5)


def test_response_is_that_of_scipy():
    signal = pytest.importorskip("scipy.signal")
    kernel = np.random.default_rng(0).normal(size=(50, 3))
    response, _, _ = filters.responses(kernel, RATE)
    hertz, wanted = signal.freqz(kernel[:, 1], worN=len(response), include_nyquist=True, fs=RATE)
    assert hertz[-1] == RATE / 2
    np.testing.assert_allclose(response[:, 1], abs(wanted) / abs(wanted).max(), atol=1e-6)


def test_band_edges_are_the_parameters_of_sincnet():
    model = SincNet(
        labels=3, samples=600, sample_rate=RATE, filters=6, taps=101, channels=(4, 4), hidden=(4,)
    )
    found = looked_at(model, samples=600)
    low = np.array([900, 50, 1700, 300, 2500, 500], np.float32)
    band = np.array([400, 200, 300, 350, 500, 250], np.float32)
    found.variables.params["model"]["sinc"] = {"low": low, "band": band}
    bank = filters.banks(found)[0]
    order = np.argsort(low + band / 2)
    assert bank.name == "sinc" and bank.order.tolist() == order.tolist()
    np.testing.assert_allclose(bank.edges, [(low + 50)[order], (low + band + 100)[order]])
    np.testing.assert_allclose(bank.centroid, bank.edges.mean(0), rtol=0.08)


def test_mel_curve_is_evenly_spaced_in_mels():
    librosa = pytest.importorskip("librosa")
    wanted = librosa.mel_frequencies(40, fmin=0, fmax=RATE / 2, htk=True)
    np.testing.assert_allclose(filters.mel_curve(40, RATE), wanted, atol=1e-6)


def test_layers_are_those_of_the_network_in_order_with_the_norm_upon_them():
    network = layers.audio_network(looked_at(Bank()))
    first, second = layers.convolutions(network)
    assert (first.name, first.read, first.taps, first.filters) == ("bank", "norm", 128, 4)
    assert (second.name, second.read, second.inputs) == ("second", "second", 4)
    assert first.length == second.length == 1000 - 127


def test_shorter_sounds_reach_the_lower_layers_only():
    net = SampleCNN(depth=4, labels=3, first=2, middle=2, last=2)
    network = layers.audio_network(looked_at(net, samples=net.samples))
    every = [layer.name for layer in layers.convolutions(network)]
    assert every == ["stem/conv", *(f"module_{i}/conv" for i in range(1, 5)), "top/conv"]
    lengths = {layer.name: layer.length for layer in layers.convolutions(network, 27)}
    assert list(lengths.values())[:3] == [9, 9, 3] and "top/conv" not in lengths


def test_short_filters_and_models_without_any_are_refused_in_one_line():
    net = SampleCNN(depth=2, labels=3, first=2, middle=2, last=2)
    with pytest.raises(BadInput, match=r"filters of 3 samples.*--kind activation"):
        filters.banks(looked_at(net, samples=net.samples))
    with pytest.raises(BadInput, match="'second' does not filter the waveform"):
        filters.banks(looked_at(Bank()), "second")
    with pytest.raises(BadInput, match="no layer 'secnd': did you mean second"):
        filters.banks(looked_at(Bank()), "secnd")


def test_scales_are_banks_that_join_in_one_order():
    front = MultiScaleFront((16, 64, 320), (4, 16, 80), (3, 4, 5), 80)
    model = MultiScale(3, front, width=8, hidden=8, samples=1600)
    found = looked_at(model, samples=1600)
    kernels = {
        f"conv_{i}": sinusoids(hertz, taps)
        for i, taps, hertz in ((1, 16, (3000, 1000, 2000)), (2, 64, (1500, 600, 300, 2500)))
    }
    kernels["conv_3"] = sinusoids((150, 80, 700, 450, 250), 320)
    for name, kernel in kernels.items():
        found.variables.params["model"]["front"][name]["kernel"] = jnp.asarray(kernel)
    banks = filters.banks(found)
    assert [bank.name for bank in banks] == [f"front/conv_{i}" for i in (1, 2, 3)]
    every = filters.join_banks(banks)
    wanted = [80, 150, 250, 300, 450, 600, 700, 1000, 1500, 2000, 2500, 3000]
    np.testing.assert_allclose(every.peak, wanted, rtol=0.06)
    assert every.kernel.shape == (320, 12) and np.allclose(every.response.max(0), 1)
    assert filters.join_banks(banks[:1]) is banks[0]


def test_harmonic_filters_are_triangles_on_the_multiples_of_notes():
    model = HarmonicCNN(3, width=4, samples=80_000, harmonics=2)
    found = looked_at(model, samples=80_000)
    found.variables.params["model"]["harmonic_spectrogram"]["q"] = jnp.array([2.0])
    first, second = filters.banks(found)
    assert second.name == "harmonic_spectrogram/harmonic_2"
    centres = harmonic_centres(16_000, 2)
    for bank, own in zip((first, second), centres):
        high = own > 700  # far wider than a bin of 31 Hz
        np.testing.assert_allclose(bank.peak[-high.sum() :], own[high], atol=32)
    # At a quarter of the width from the centre a triangle of power is at a half.
    hertz = np.linspace(0, 8000, len(second.response))
    centre = centres[1][-1]
    width = (0.1079 * centre + 24.7) / 2
    level = np.interp(centre + width / 4, hertz, second.response[:, -1])
    assert level == pytest.approx(np.sqrt(0.5), abs=0.06)
    with pytest.raises(BadInput, match="no layer 'harmonic'"):
        filters.banks(found, "harmonic")


class Slow(nn.Module):
    """Filters the loudness of frames, [B T 1] -> [B 3]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        frames = jnp.abs(x).reshape(len(x), -1, 10, 1).mean(2)
        return nn.Dense(3)(Conv(8, 16, name="frames")(frames).mean(1))


def test_filters_of_frames_are_not_filters_of_the_waveform():
    with pytest.raises(BadInput, match="no layer that filters the waveform"):
        filters.banks(looked_at(Slow()))


@pytest.mark.download
def test_published_filters_of_crepe_bend_like_a_logarithm():
    (bank,) = filters.banks(trained.load_trained("crepe_tiny"))
    assert bank.kernel.shape == (512, 128)
    tenth, middle, ninth, last = np.percentile(bank.peak, (10, 50, 90, 100))
    assert middle < 1000 and np.mean(bank.peak < 1700) > 0.9  # of 8,000 Hz
    assert (last - ninth) / 10 > 3 * (ninth - tenth) / 80  # straight, then steep
