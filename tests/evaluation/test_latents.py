"""Windows of few latents scored, by hand."""

import numpy as np
import pytest

from zoo.data.source import Info
from zoo.evaluation.latents import Latents


def test_bits_divergences_and_ratios_of_a_code():
    """Nats become bits; of three latents two say more than a hundredth of a nat."""

    def predict(batch):
        rows = len(batch["audio"])
        nats, kl = np.full(rows, 0.5 * np.log(2)), np.tile([0.02, 0.005, 1.0], (rows, 1))
        return {"nats": nats, "kl": kl, "prediction": 0.9 * batch["audio"]}

    audio = (8000 * np.sin(np.arange(12.0)))[:, None].astype(np.int16)
    info = Info("x", 16_000, 1, (), "", "")
    found = Latents(4, batch=2).run(predict, [{"track": "a", "audio": audio}], info).metrics
    assert found["bits_per_sample"] == pytest.approx(0.5)
    assert found["kl_nats"] == pytest.approx(1.025)
    assert found["kl_bits_per_sample"] == pytest.approx(1.025 / np.log(2) / 4)
    assert found["active_latents"] == pytest.approx(2 / 3)
    assert found["prediction_snr"] == pytest.approx(20, abs=1e-3)
