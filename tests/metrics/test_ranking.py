"""rank_tags equals scikit-learn per tag, over known labels, and names what is undefined."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from zoo.errors import BadInput
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
