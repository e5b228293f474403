"""Machines between pairs, extreme learning, a perceptron: held to scikit-learn and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import pinv
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from zoo.errors import BadInput
from zoo.objectives.one_vs_one import PairwiseSVM, classes, pair_ends
from zoo.objectives.shallow import Labelled, quality
from zoo.objectives.shallow_nets import ExtremeLearning, MultilayerPerceptron, least_squares, units

pytestmark = pytest.mark.optimised

RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 6))


def of_classes(seed, count=60):
    """Examples of four overlapping classes."""
    draw = np.random.default_rng(seed)
    label = np.arange(count) % 4
    features = CENTRES[label] + draw.normal(size=(count, 6))
    tags = np.eye(4)[label]
    return Labelled(features, tags, np.ones_like(tags)), label


def of_tags(seed, count=60):
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(count, 6))
    tags = (features[:, :3] + 0.5 * features[:, 3:] > 0).astype(float)
    return Labelled(features, tags, np.ones_like(tags))


def fit(classifier, train, held):
    weights = classifier.blank(jax.random.key(0), train.features.shape[1], train.tags.shape[1])
    return classifier.fit(jax.device_get(weights), train, held, lambda *_: None)


def scores(classifier, weights, features):
    weights = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), weights)
    return np.asarray(classifier.scores(weights, jnp.asarray(features, jnp.float32)))


@pytest.mark.parametrize("kernel", ["auto", "linear"])
def test_machines_between_pairs_are_scikit_learn_s(kernel):
    (train, label), (held, _) = of_classes(1), of_classes(2)
    classifier = PairwiseSVM(len(train.features) + 5, (kernel,), (2.0,))
    found = scores(classifier, fit(classifier, train, held), held.features)
    given = {"kernel": "linear"} if kernel == "linear" else {"gamma": "auto"}
    oracle = SVC(C=2.0, tol=1e-5, break_ties=True, **given).fit(train.features, label)
    theirs = oracle.decision_function(held.features)
    np.testing.assert_allclose(found, 2 * theirs / 3 - 1, atol=2e-3)
    np.testing.assert_array_equal(found.argmax(1), oracle.predict(held.features))


def test_machines_between_pairs_take_the_most_accurate_of_the_grid():
    (train, _), (held, label) = of_classes(1), of_classes(2)
    each = [PairwiseSVM(60, (g,), (2.0,)) for g in (1e-4, 0.1)]
    found = [scores(c, fit(c, train, held), held.features) for c in each]
    accuracies = [(one.argmax(1) == label).mean() for one in found]
    both = PairwiseSVM(60, (1e-4, 0.1), (2.0,))
    best = scores(both, fit(both, train, held), held.features)
    assert accuracies[0] != accuracies[1]
    np.testing.assert_array_equal(best, found[int(np.argmax(accuracies))])


def test_pairs_want_one_class_each():
    train, held = of_tags(1), of_tags(2)
    with pytest.raises(BadInput, match="one label for each example"):
        fit(PairwiseSVM(60), train, held)
    with pytest.raises(BadInput, match="2 or more"):
        PairwiseSVM(60).blank(jax.random.key(0), 6, 1)
    assert [classes(len(pair_ends(count))) for count in (2, 3, 10, 35)] == [2, 3, 10, 35]


def test_extreme_learning_is_a_pseudo_inverse_of_rectified_units():
    train, held = of_tags(1), of_tags(2)
    classifier = ExtremeLearning((8,))
    weights = fit(classifier, train, held)
    hidden = np.maximum(train.features @ weights["random"] + weights["offset"], 0)
    np.testing.assert_allclose(weights["kernel"], pinv(hidden) @ (2 * train.tags - 1), atol=1e-8)
    found = scores(classifier, weights, held.features)
    np.testing.assert_allclose(found, units(weights, held.features) @ weights["kernel"], atol=1e-3)
    assert weights["random"].shape == (6, 8) and np.std(weights["random"]) > 0.5


def test_extreme_learning_takes_the_width_that_is_best_on_validation():
    train, held = of_tags(1), of_tags(2)
    classifier = ExtremeLearning((2, 20, 59))
    weights = fit(classifier, train, held)
    used = int((np.abs(weights["kernel"]).sum(1) > 0).sum())
    qualities = {}
    for width in classifier.widths:
        seen, tested = (units(weights, part.features)[:, :width] for part in (train, held))
        qualities[width] = quality(tested @ least_squares(seen, train), held)
    assert used == max(qualities, key=qualities.get) and len(set(qualities.values())) > 1


def test_unknown_labels_are_left_out_of_the_least_squares():
    train = of_tags(1)
    known = (np.random.default_rng(0).random(train.tags.shape) < 0.7) * 1.0
    hidden = train.features
    kernel = least_squares(hidden, Labelled(hidden, np.where(known > 0, train.tags, 9), known))
    rows = known[:, 1] > 0
    wanted = pinv(hidden[rows]) @ (2 * train.tags[rows, 1] - 1)
    np.testing.assert_allclose(kernel[:, 1], wanted, atol=1e-8)


def planted(weights, train):
    """scikit-learn's perceptron with our weights; a step of plain descent is one `partial_fit`."""
    theirs = MLPClassifier(
        (5,), solver="sgd", momentum=0, alpha=3.0, learning_rate_init=0.1, batch_size=60
    )
    theirs.partial_fit(train.features, train.tags, classes=np.arange(3))
    for number, name in enumerate(("hidden", "top")):
        theirs.coefs_[number][...] = weights[name]["kernel"]
        theirs.intercepts_[number][...] = weights[name]["bias"]
    return theirs


def test_a_perceptron_and_its_gradient_are_scikit_learn_s():
    train = of_tags(1)
    ours = MultilayerPerceptron(5, penalty=3.0)
    weights = jax.device_get(ours.blank(jax.random.key(3), 6, 3))
    theirs = planted(weights, train)
    found = 1 / (1 + np.exp(-scores(ours, weights, train.features)))
    np.testing.assert_allclose(found, theirs.predict_proba(train.features), atol=1e-5)
    gradient = jax.grad(ours.loss)(
        weights, *map(jnp.asarray, (train.features, train.tags, train.known))
    )
    theirs.partial_fit(train.features, train.tags)
    for number, name in enumerate(("hidden", "top")):
        for kind, after in (("kernel", theirs.coefs_), ("bias", theirs.intercepts_)):
            step = weights[name][kind] - 0.1 * np.asarray(gradient[name][kind])
            np.testing.assert_allclose(step, after[number], atol=1e-5)


def test_a_perceptron_learns_and_unknown_labels_count_for_nothing():
    train, held = of_tags(1, 200), of_tags(2, 200)
    ours = MultilayerPerceptron(8, epochs=150, batch=50, learning_rate=1e-2)
    known = (np.random.default_rng(0).random(train.tags.shape) < 0.6) * 1.0
    results = []
    for wrong in (train.tags, 1 - train.tags, np.full_like(train.tags, np.nan)):
        lies = np.where(known > 0, train.tags, wrong)
        weights = fit(ours, Labelled(train.features, lies, known), held)
        results.append(scores(ours, weights, held.features))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    assert quality(results[0], held) > 0.95
