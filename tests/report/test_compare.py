"""Two stored systems are compared clip by clip, and only on the same clips."""

import json

import numpy as np
import pytest

from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.metrics.resampling import Scores
from zoo.report import compare


def store(root, name, values, data="toys", run=False):
    """A run directory or a stored row that holds `values`."""
    names = np.array([f"clip {i}" for i in range(len(values))])
    row = root / name / "evaluation/test.json" if run else root / f"{name}.json"
    scores = row.with_suffix("") / "scores.npz" if run else row.with_suffix(".npz")
    scores.parent.mkdir(parents=True, exist_ok=True)
    row.write_text(json.dumps({"data": {"name": data}}))
    scores_file.write_scores(scores, Scores(names, {"right": np.asarray(values, float)}))
    return root / name if run else row


def test_a_run_against_a_stored_row(tmp_path):
    values = np.linspace(0, 1, 30)
    run = store(tmp_path, "run", values + 0.25, run=True)
    found = compare.paired_differences(run, store(tmp_path, "row", values))
    assert found["right"].difference == pytest.approx(0.25)
    assert found["right"].interval == pytest.approx((0.25, 0.25))
    head, line = compare.comparison_lines(found)
    assert line.split()[:4] == ["right", "0.7500", "0.5000", "+0.2500"] and "p = 0.002" in line
    assert head.startswith("metric") and len(compare.comparison_lines(found, only=["right"])) == 2


def test_what_cannot_be_compared_is_refused(tmp_path):
    row = store(tmp_path, "row", np.arange(5))
    with pytest.raises(BadInput, match=r"scored on toys, .* on others"):
        compare.paired_differences(row, store(tmp_path, "other", np.arange(5), data="others"))
    with pytest.raises(BadInput, match="not the same"):
        compare.paired_differences(row, store(tmp_path, "fewer", np.arange(4)))
    run = store(tmp_path, "run", np.arange(5), run=True)
    with pytest.raises(BadInput, match="no scores of the validation split: python"):
        compare.paired_differences(row, run, split="validation")
    row.with_suffix(".npz").unlink()
    with pytest.raises(BadInput, match="evaluate it again"):
        compare.paired_differences(row, run)
    with pytest.raises(BadInput, match="give a run or row"):
        compare.paired_differences(tmp_path / "nothing.json", run)


def test_two_runs_have_intervals_beside_their_metrics(tmp_path):
    values = np.linspace(0, 1, 30)
    for name, shift in (("one", 0.25), ("other", 0.0)):
        run = store(tmp_path, name, values + shift, run=True)
        (run / "run.json").write_text(json.dumps({"config": "toy", "arguments": {}}))
        row = {"data": {"name": "toys"}, "metrics": {"right": 0.5 + shift}, "step": 10}
        (run / "evaluation/test.json").write_text(json.dumps(row))
    told = compare.compare_runs(tmp_path / "one", tmp_path / "other")
    assert "right" in told and "[+0.2500, +0.2500]" in told and "the same arguments" in told
    row = store(tmp_path, "row", values)
    assert "[+0.2500, +0.2500]" in compare.compare_runs(tmp_path / "one", row)
