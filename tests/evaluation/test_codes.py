"""Codes of another network scored, by hand."""

import numpy as np
import pytest
from scipy.stats import entropy

from zoo.data.source import Info
from zoo.evaluation.codes import CodeLikelihood


def test_bits_of_codes_and_of_their_shares():
    """Half a bit a code, of which there is one for two samples."""
    codes = np.array([[0, 1], [1, 3], [1, 1]])

    def predict(batch):
        rows = batch["audio"][:, 0, 0].astype(int)
        return {"nats": np.full((len(rows), 2), 0.5 * np.log(2)), "codes": codes[rows]}

    audio = np.repeat(np.arange(3), 4)[:, None].astype(np.float32)
    info = Info("x", 16_000, 1, (), "", "")
    score = CodeLikelihood(4, hop=2, codes=4, batch=2)
    found = score.run(predict, [{"track": "a", "audio": audio}], info).metrics
    assert found["bits_per_code"] == pytest.approx(0.5)
    assert found["bits_per_second"] == pytest.approx(0.5 * 16_000 / 2)
    assert found["unigram_bits_per_code"] == pytest.approx(entropy([1, 4, 1], base=2))
    assert found["live_codes"] == 0.75
