"""Emulations of amplifiers scored: ratios and floors by least squares, and what is left out."""

import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.emulation import Emulation

INFO = Info("x", 16_000, 1, (), "", "")
DRY = np.random.default_rng(0).normal(0, 0.2, 6000).astype(np.float32)
WET = np.convolve(DRY, [0.5, 0.3, -0.2])[:6000].astype(np.float32)
SCORE = Emulation(5000, 1000, batch=2)


def record(dry, wet):
    return {"track": "a", "audio": dry[:, None], "stems": wet[None, :, None]}


def test_errors_are_shares_of_the_wet_energy_beside_the_best_gain_and_filter():
    """The context is not scored: what is made there may be anything."""

    def predict(batch):
        made = np.tile(0.8 * WET[:5000, None], (len(batch["audio"]), 1, 1))
        made[:, :1000] = 9
        return {"audio": made}

    report = SCORE.run(predict, [record(DRY, WET), record(DRY, 0 * WET)], INFO)
    wanted, dry = np.float64(WET[1000:5000]), np.float64(DRY[1000:5000])
    _, residual, *_ = np.linalg.lstsq(dry[:, None], wanted)
    assert report.counts == {"records": 1, "short_or_silent_records": 1}
    assert report.metrics["esr"] == pytest.approx(0.04, rel=1e-4)
    assert report.metrics["mae"] == pytest.approx(0.2 * np.abs(wanted).mean(), rel=1e-4)
    assert report.metrics["floor/dry"] == pytest.approx(residual[0] / (wanted @ wanted), rel=1e-6)
    assert report.metrics["floor/linear_filter"] < 0.01 < report.metrics["floor/dry"]


def test_records_that_are_too_short_are_named():
    with pytest.raises(BadInput, match="no record holds 5000 samples of sound"):
        SCORE.run(lambda batch: batch, [record(DRY[:900], WET[:900])], INFO)
