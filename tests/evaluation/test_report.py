"""A report keeps what it promises whoever makes it."""

import json

import numpy as np

from zoo.evaluation.base import Report, save_report


def test_metrics_are_finite_and_fit_into_json(tmp_path):
    """As one's own evaluation gives them: NumPy's scalars, and NaN where nothing is defined."""
    metrics = {"error": np.float32(0.5), "count": np.int64(3), "ratio": np.float64("nan")}
    report = Report(metrics, "Counted.", {"clips": 3})
    assert report.metrics == {"error": 0.5, "count": 3.0}
    save_report(report, tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["metrics"] == report.metrics
