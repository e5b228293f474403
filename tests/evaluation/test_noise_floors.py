"""Noise that generators are compared with: its power, its spectrum, and that it is a floor."""

import numpy as np
import pytest
import scipy.signal

from zoo.evaluation import noise_floors
from zoo.evaluation.sampled import Sampled

RNG = np.random.default_rng(0)


def clips(count):
    """Noise of low frequencies, [N 2048 1]."""
    low = scipy.signal.lfilter([1], [1, -0.95], RNG.normal(size=(count, 2048)))
    return (0.05 * low[..., None]).astype(np.float32)


def test_noise_has_the_power_and_the_spectrum_of_the_clips():
    """By SciPy's estimate of spectra; white noise has the same power at every frequency."""
    real = clips(200)
    made = {"matched": noise_floors.spectrum_matched_noise(real), "white": noise_floors.white(real)}
    density = lambda x: scipy.signal.welch(x[..., 0], nperseg=64)[1].mean(0)  # noqa: E731
    np.testing.assert_allclose(density(made["matched"]), density(real), rtol=0.1)
    assert np.ptp(density(made["white"])[2:-1]) < 0.1 * density(made["white"]).max()
    for noise in made.values():
        assert noise.shape == real.shape and noise.dtype == np.float32
        assert noise.std() == pytest.approx(real.std(), rel=0.02)


def test_the_report_has_the_floors():
    """Clips of the same law are better than white noise; noise of their spectrum is as good."""
    records = [{"track": str(i), "audio": clip} for i, clip in enumerate(clips(24))]
    info = type("Info", (), {"sample_rate": 16_000, "name": "a", "channels": 1})
    predict = lambda batch: {"audio": clips(len(batch["audio"]))}  # noqa: E731
    report = Sampled(2048, noise=True).run(predict, records, info)
    found = report.metrics
    assert found["frechet"] < 0.3 * found["frechet_white"]
    assert found["frechet_matched"] < 0.3 * found["frechet_white"]
    assert "noise of their mean spectrum" in report.protocol
    assert "frechet_white" not in Sampled(2048).run(predict, records, info).metrics
