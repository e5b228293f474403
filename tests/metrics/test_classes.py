"""Scores by a classifier against scipy.stats.entropy, scikit-learn, and their bounds."""

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, mutual_info_score

from zoo.errors import BadInput
from zoo.metrics.classes import accuracy, entropy, inception_score


def drawn(count: int = 103, classes: int = 7) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(classes, 0.3), count)


@pytest.mark.parametrize("splits", [1, 10])
def test_inception_score_is_scipys_entropy_over_splits(splits):
    found = drawn()
    parts = np.split(found, [i * 103 // splits for i in range(1, splits)])
    scores = [np.exp(scipy.stats.entropy(p.T, p.mean(0)[:, None]).mean()) for p in parts]
    mean, deviation = inception_score(found, splits)
    assert mean == pytest.approx(np.mean(scores), rel=1e-9)
    assert deviation == pytest.approx(np.std(scores), rel=1e-9, abs=1e-12)


def test_inception_score_of_sure_answers_is_the_mutual_information():
    """ln of it is what scikit-learn finds between clips and classes; its bounds are 1 and K."""
    labels = np.random.default_rng(0).integers(0, 4, 60)
    score, _ = inception_score(np.eye(5)[labels], 1)
    assert np.log(score) == pytest.approx(mutual_info_score(labels, labels))
    assert inception_score(np.eye(5)[np.arange(50) % 5], 2)[0] == pytest.approx(5)
    assert inception_score(np.tile(drawn(1), (50, 1)), 5) == pytest.approx((1, 0))


def test_accuracy_and_entropy():
    found = drawn()
    wanted = np.random.default_rng(1).integers(0, 7, 103)
    assert accuracy(found, wanted) == pytest.approx(accuracy_score(wanted, found.argmax(1)))
    assert entropy(found) == pytest.approx(scipy.stats.entropy(found.T).mean())
    assert entropy(np.full((3, 8), 1 / 8)) == pytest.approx(np.log(8))
    assert entropy(np.eye(8)) == 0


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="5 clips in 6 splits"):
        inception_score(drawn(5), 6)
    for wrong in (drawn() * 2, drawn() - 0.1, drawn()[0], drawn() * np.nan, drawn()[:0]):
        with pytest.raises(BadInput, match="probabilities"):
            entropy(wrong)
    with pytest.raises(BadInput, match="classes"):
        accuracy(drawn(), np.zeros(3))
