"""Bits per sample against closed forms, whatever the windows."""

import numpy as np
import pytest

from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.generation import Likelihood

INFO = Info("toy", 16_000, 1, (), "CC0", "")


def records(*lengths):
    rng = np.random.default_rng(0)
    return [
        {
            "track": f"t{i}",
            "chunk": 0,
            "audio": rng.integers(-9999, 9999, (n, 1)).astype(np.int16),
            "pitch": 40 + i,
        }
        for i, n in enumerate(lengths)
    ]


def uniform(batch):
    return {"nats": np.full(batch["audio"].shape[:2], np.log(256), np.float32)}


def order_two(batch):
    """Nats that depend on the sample and on the two before it."""
    x = np.pad(batch["audio"][..., 0], ((0, 0), (2, 0))).astype(np.float64)
    return {"nats": 1 + np.abs(x[:, 2:] - 0.5 * x[:, 1:-1] + 0.3 * x[:, :-2])}


def test_uniform_codes_of_8_bits_cost_8_bits():
    report = Likelihood(100, 30).run(uniform, records(1000, 333, 5), INFO)
    assert report.metrics["bits_per_sample"] == pytest.approx(8, abs=1e-6)
    assert report.counts == {"records": 3, "samples": 1338, "left_out_samples": 0}
    assert "preceded by 30 zeros" in report.protocol


@pytest.mark.parametrize("samples,batch", [(50, 4), (64, 1), (2000, 3)])
@pytest.mark.parametrize("lead", ["zeros", "exclude"])
def test_windows_do_not_matter_once_the_context_covers_the_memory(samples, batch, lead):
    data = records(777, 100, 48)
    report = Likelihood(samples, 8, batch, lead).run(order_two, data, INFO)
    first = 0 if lead == "zeros" else 8
    nats = [order_two({"audio": r["audio"][None] / 32768})["nats"][0, first:] for r in data]
    expected = np.concatenate(nats)
    assert report.counts["samples"] == len(expected)
    assert report.counts["left_out_samples"] == 3 * first
    assert report.metrics["bits_per_sample"] == pytest.approx(expected.mean() / np.log(2), rel=1e-6)
    row = report.tables["per_record"][1]
    assert row["bits_per_sample"] == pytest.approx(nats[1].mean() / np.log(2), rel=1e-6)


def test_too_little_context_is_seen():
    data = records(777)
    right = Likelihood(50, 2).run(order_two, data, INFO).metrics["bits_per_sample"]
    wrong = Likelihood(50, 0).run(order_two, data, INFO).metrics["bits_per_sample"]
    assert abs(right - wrong) > 1e-4


def test_model_that_skips_its_first_samples_is_aligned_to_the_end():
    data = records(300)
    short = lambda batch: {"nats": order_two(batch)["nats"][:, 5:]}  # noqa: E731
    full = Likelihood(60, 10).run(order_two, data, INFO).metrics
    assert Likelihood(60, 10).run(short, data, INFO).metrics == pytest.approx(full)
    with pytest.raises(BadInput, match="T >= 56, or means"):
        Likelihood(60, 4).run(short, data, INFO)


def test_means_per_window_leave_the_rest_out_and_say_so():
    means = lambda batch: {"nats": order_two(batch)["nats"].mean(1)}  # noqa: E731
    report = Likelihood(100).run(means, records(1050), INFO)
    assert report.counts["samples"] == 1000 and report.counts["left_out_samples"] == 50
    expected = Likelihood(100).run(order_two, records(1000), INFO).metrics
    assert report.metrics == pytest.approx(expected)
    with pytest.raises(BadInput, match="context=0"):
        Likelihood(100, 10).run(means, records(1050), INFO)


def test_conditions_travel_with_every_window_and_limit_holds():
    def conditioned(batch):
        return {"nats": np.repeat(batch["pitch"][:, None] * np.log(2), 100, 1)}

    report = Likelihood(100, keys=("pitch",)).run(
        conditioned, records(200, 200, 200), INFO, limit=2
    )
    assert report.metrics["bits_per_sample"] == pytest.approx(40.5)
    assert report.metrics["bits_per_sample_standard_error"] == pytest.approx(0.5)
    assert report.counts["records"] == 2


def test_nothing_to_count():
    with pytest.raises(BadInput, match="no record is long enough"):
        Likelihood(100, 50, lead="exclude").run(uniform, records(20), INFO)
    with pytest.raises(BadInput, match="context 100 must be 0 to 99"):
        Likelihood(100, 100)
