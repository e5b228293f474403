"""rank_tags equals scikit-learn per tag, over known labels, and names what is undefined."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from zoo import places
from zoo.errors import BadInput
from zoo.metrics import resampling
from zoo.metrics.ranking import rank_tags


def make(clips: int = 60, tags: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (clips, tags))
    return truth, truth + rng.standard_normal((clips, tags)).round(1)


def test_macro_means_equal_sklearn():
    truth, score = make()
    found = rank_tags(truth, score)
    assert found.roc_auc == pytest.approx(roc_auc_score(truth, score, average="macro"))
    expected = average_precision_score(truth, score, average="macro")
    assert found.average_precision == pytest.approx(expected)
    assert found.undefined_roc_auc == found.undefined_average_precision == ()


def test_unknown_labels_are_left_out_of_their_tag():
    truth, score = make()
    known = np.random.default_rng(1).random(truth.shape) < 0.6
    wrong = np.where(known, truth, 1 - truth)
    found = rank_tags(wrong, np.where(known, score, np.nan), known)
    expected = [roc_auc_score(truth[m, k], score[m, k]) for k, m in enumerate(known.T)]
    np.testing.assert_allclose(found.roc_auc_per_tag, expected)
    assert found.roc_auc != pytest.approx(rank_tags(truth, score).roc_auc)


def test_undefined_tags_are_named_and_skipped():
    truth, score = make()
    truth[:, 1], truth[:, 3] = 0, 1
    found = rank_tags(truth, score, names=["a", "b", "c", "d", "e"])
    assert found.undefined_roc_auc == ("b", "d")
    assert found.undefined_average_precision == ("b", "d")
    kept = [0, 2, 4]
    assert found.roc_auc == pytest.approx(roc_auc_score(truth[:, kept], score[:, kept]))
    assert np.isnan(found.average_precision_per_tag[3])
    empty = rank_tags(0 * truth, score)
    assert np.isnan(empty.roc_auc)
    assert len(empty.undefined_roc_auc) == 5


def test_bad_input_is_named():
    truth, score = make()
    with pytest.raises(BadInput, match="one shape"):
        rank_tags(truth, score[:-1])
    with pytest.raises(BadInput, match="other than 0 and 1"):
        rank_tags(truth - 1, score)
    with pytest.raises(BadInput, match="finite"):
        rank_tags(truth, score * np.nan)
    with pytest.raises(BadInput, match="tag names"):
        rank_tags(truth, score, names=["one"])


def table(path):
    """[N K] of a file without header: index TAB path, then a number for each of K tags."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    first = 1 if len(rows[0]) == 51 else 2
    return [row[0] for row in rows], np.array([row[first:] for row in rows], float)


def test_published_predictions_have_their_published_scores():
    """musicnn on MagnaTagATune's test clips, 4,332 x 50, by github.com/philtgun's benchmark.

    est.csv and gt.csv of its results/test-mtat-train-mtat-musicnn have no licence: fetch them into
    the data folder's published_tag_scores, or say where they lie in ZOO_PUBLISHED_TAG_SCORES.
    """
    place = os.environ.get("ZOO_PUBLISHED_TAG_SCORES")
    folder = Path(place) if place else places.data() / "published_tag_scores"
    if not (folder / "est.csv").is_file():
        pytest.skip(f"no published predictions: put est.csv and gt.csv of this test in {folder}")
    (names, score), (others, truth) = table(folder / "est.csv"), table(folder / "gt.csv")
    assert names == others and truth.shape == (4332, 50)
    found = rank_tags(truth, score)
    assert found.roc_auc == pytest.approx(0.910897708562, abs=1e-12)
    assert found.average_precision == pytest.approx(0.450874107631, abs=1e-12)
    known = np.ones(truth.shape, bool)
    whole = resampling.ranking(truth, score, known, np.ones((1, 4332), int))
    assert whole["roc_auc"][0] == pytest.approx(found.roc_auc, abs=1e-12)
    assert whole["pr_auc"][0] == pytest.approx(found.average_precision, abs=1e-12)
