"""Whatever a test of an evaluation scores: its scores per clip or track make up its metrics."""

import numpy as np
import pytest

from zoo.evaluation.base import Report


@pytest.fixture(autouse=True)
def scores_make_the_metrics(monkeypatch):
    finish = Report.__post_init__

    def checked(report):
        finish(report)
        if report.scores is None:
            return
        names = report.scores.names
        assert len(set(names.tolist())) == len(names)
        whole = report.scores.statistics(np.ones((1, len(names)), int))
        assert {name for name, value in whole.items() if np.isfinite(value[0])} <= set(
            report.metrics
        )
        for name, value in whole.items():
            if np.isfinite(value[0]):
                assert value[0] == pytest.approx(report.metrics[name], rel=1e-6, abs=1.1e-5), (
                    name
                )  # museval rounds

    monkeypatch.setattr(Report, "__post_init__", checked)
