"""The perceptron on mean spectra, from SciPy's spectra on."""

import jax
import numpy as np
import pytest
import scipy.signal
import scipy.special

from zoo.errors import BadInput
from zoo.models.classification.mean_spectrum import MeanSpectrum

pytestmark = pytest.mark.optimised


def test_logits_are_those_of_scipys_spectra_and_a_perceptron():
    model = MeanSpectrum(labels=3, n_fft=64, hidden=5)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 1000, 2)).astype(np.float32)
    x[1] *= 1e-3
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    own = jax.tree.map(lambda leaf: rng.uniform(0.2, 1, leaf.shape).astype(np.float32), shapes)
    _, _, spectra = scipy.signal.stft(
        x.mean(2), nperseg=64, noverlap=32, boundary=None, padded=False, window="hann"
    )
    level = np.log(np.abs(spectra * 32).mean(2) + 1e-5)  # the window sums to 32
    stats, params = own["batch_stats"]["standardise"], own["params"]
    level = (level - stats["mean"]) / np.sqrt(stats["var"] + 1e-5)
    hidden = scipy.special.expit(level @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    wanted = hidden @ params["top"]["kernel"] + params["top"]["bias"]
    np.testing.assert_allclose(model.apply(own, x), wanted, rtol=1e-4, atol=1e-4)
    assert np.ptp(wanted, 0).max() > 0.1


def test_shorter_than_a_window_is_refused():
    with pytest.raises(BadInput, match="takes 1024 or more"):
        jax.eval_shape(MeanSpectrum().init, jax.random.key(0), np.zeros((1, 1000, 1)))
