"""Claims of the tutorial: rows that exist, verdicts by the interval over the same clips."""

import json

import numpy as np
import pytest
from PIL import Image

from zoo import catalog
from zoo.evaluation import scores_file
from zoo.metrics.resampling import Scores
from zoo.report import claims, tables
from zoo.report.claims import Claim

ROW = {"task": "classification", "data": {"name": claims.DATA}, "split": "test", "parameters": 7}


def store(folder, name, values, items=True):
    """A row whose two metrics are the means of `values`."""
    path = folder / "classification" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    mean = float(np.mean(values))
    path.write_text(json.dumps({**ROW, "config": name, "metrics": {"pr_auc": mean}, "step": 9}))
    if items:
        names = np.array([f"clip {i}" for i in range(len(values))])
        means = {"pr_auc": np.asarray(values), "roc_auc": -np.asarray(values)}
        scores_file.write_scores(path.with_suffix(".npz"), Scores(names, means))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.4, 80)
    store(tmp_path, "a", base)
    store(tmp_path, "b", base + 0.25)
    store(tmp_path, "c", base + rng.normal(0, 0.1, 80) * np.where(np.arange(80) % 2, 1, -1))
    store(tmp_path, "d", base, items=False)
    pairs = (("b", "a"), ("a", "b"), ("c", "a"), ("d", "a"))
    monkeypatch.setattr(claims, "CLAIMS", tuple(Claim(f"{x} > {y}", x, y, "us") for x, y in pairs))
    return tmp_path


def test_a_claim_holds_where_its_interval_lies_above_zero(folder):
    page, picture = tables.write_tables(results=folder)[1:]
    assert (page.name, picture.name) == ("CLAIMS.md", "claims.png")
    cells = [line.split(" | ") for line in page.read_text().splitlines() if " > " in line]
    verdicts = [line[-1].strip("| ") for line in cells]
    assert verdicts == ["holds", "does not hold", "undecided", "not measured: waits for `d`"]
    assert [line[4] for line in cells[:2]] == [
        "+0.250 [+0.250, +0.250]",
        "-0.250 [-0.250, -0.250]",
    ]
    assert cells[0][5].startswith("-0.250")  # roc_auc went the other way, and has no say
    rows = [line.split("`")[1] for line in page.read_text().splitlines() if "| 7 |" in line]
    assert rows[0] == "b" and set(rows) == {"a", "b", "c", "d"}
    assert Image.open(picture).width > 600


def test_the_figure_is_drawn_again_only_with_the_page(folder):
    picture = tables.write_tables(results=folder)[-1]
    drawn = picture.stat().st_mtime_ns
    assert picture not in tables.write_tables(results=folder)
    assert picture.stat().st_mtime_ns == drawn
    picture.unlink()
    assert picture in tables.write_tables(results=folder)


def test_no_page_without_two_rows_of_a_claim(folder):
    for path in (folder / "classification").glob("*.npz"):
        path.unlink()
    assert [path.name for path in tables.write_tables(results=folder)] == ["RESULTS.md"]


def test_every_claim_is_about_rows_of_the_embedded_music():
    for claim in claims.CLAIMS:
        known = {row.id for entry in catalog.entries(claim.task) for row in entry.rows}
        assert {claim.above, claim.below} <= known and "score_render" in claim.above
        assert claim.above != claim.below
