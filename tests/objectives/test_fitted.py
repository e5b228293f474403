"""Features that nobody trains and a classifier by scikit-learn: fit, predict, unknown labels."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model import Ridge as LeastSquares
from sklearn.svm import SVC

from zoo.errors import BadInput
from zoo.objectives.fitted import Fitted
from zoo.objectives.shallow import KernelSVM, LinearSVM, Logistic, Ridge
from zoo.objectives.shallow_nets import ExtremeLearning, MultilayerPerceptron

CLIPS, SAMPLES, TAGS = 40, 30, 3


class Random(nn.Module):
    """Rectified random projections, [B T 1] -> [B D]."""

    @nn.compact
    def __call__(self, x, *, train=False):
        return nn.relu(nn.Dense(8)(x[..., 0]))


def clips(seed, known=1.0):
    draw = np.random.default_rng(seed)
    audio = draw.standard_normal((CLIPS, SAMPLES, 1)).astype(np.float32)
    tags = (audio[:, :TAGS, 0] + audio[:, 1 : TAGS + 1, 0] > 0.3).astype(np.float32)
    mask = (draw.random((CLIPS, TAGS)) < known).astype(np.float32)
    return {"audio": audio, "tags": tags, "known": mask}


def fitted(classifier, train, held=None, **how):
    objective = Fitted(Random(), classifier, **how)
    variables = jax.jit(objective.init)(jax.random.key(0), train)
    describe = jax.jit(objective.describe)
    splits = []
    for part in (train, held or clips(9)):
        features = describe(variables, part, jax.random.key(0))["features"]
        splits.append({"tags": part["tags"], "known": part["known"], "features": features})
    learnt = objective.fit(variables, *(jax.device_get(s) for s in splits), lambda *_: None)
    return objective, variables, learnt, splits[0]["features"]


def oracle(machine, features, split, rows=slice(None)):
    features = np.asarray(features, np.float64)
    features = (features - features.mean(0)) / features.std(0)
    return machine.fit(features[rows], split["tags"][rows, 0] * 2 - 1), features


CASES = [
    (LinearSVM((0.5,)), SVC(C=0.5, kernel="linear")),
    (KernelSVM(CLIPS, ("linear",), (0.5,)), SVC(C=0.5, kernel="linear")),
    (KernelSVM(CLIPS + 7, (0.03,), (2.0,)), SVC(C=2.0, gamma=0.03)),
    (KernelSVM(CLIPS, ("auto",), (2.0,)), SVC(C=2.0, gamma="auto")),
]


@pytest.mark.parametrize(("classifier", "machine"), CASES, ids=["linear", "dual", "rbf", "auto"])
def test_scores_are_scikit_learn_s(classifier, machine):
    train = clips(1)
    objective, _, learnt, features = fitted(classifier, train)
    found = np.asarray(objective.scores(learnt, train))
    machine, features = oracle(machine, features, train)
    np.testing.assert_allclose(found[:, 0], machine.decision_function(features), atol=2e-4)
    predicted = objective.predict(learnt, train, jax.random.key(0))["prediction"]
    np.testing.assert_allclose(predicted, 1 / (1 + np.exp(-found)), atol=1e-5)


def test_ridge_is_scikit_learn_s():
    train = clips(1)
    objective, _, learnt, features = fitted(Ridge((3.0,)), train)
    machine, features = oracle(LeastSquares(3.0), features, train)
    found = np.asarray(objective.scores(learnt, train))[:, 0]
    np.testing.assert_allclose(found, machine.predict(features), atol=1e-4)


def test_logistic_regression_is_scikit_learn_s():
    train = clips(1)
    objective, _, learnt, features = fitted(Logistic((3.0,)), train)
    machine, features = oracle(LogisticRegression(C=3.0, tol=1e-8), features, train)
    found = np.asarray(objective.predict(learnt, train, jax.random.key(0))["prediction"])[:, 0]
    np.testing.assert_allclose(found, machine.predict_proba(features)[:, 1], atol=2e-3)


@pytest.mark.parametrize("classifier", [LinearSVM((0.5,)), Logistic((3.0,)), Ridge((3.0,))])
def test_unknown_labels_count_for_nothing(classifier):
    """Whatever unknown labels say, NaN included; a tag rests on its own known examples."""
    train = clips(1, known=0.6)
    lies = {**train, "tags": np.where(train["known"] > 0, train["tags"], np.nan)}
    results = [fitted(classifier, split)[2] for split in (train, lies)]
    jax.tree.map(np.testing.assert_array_equal, results[0].params, results[1].params)
    everything = fitted(classifier, {**train, "known": np.ones_like(train["known"])})[2]
    assert (
        np.abs(
            everything.params["classifier"]["kernel"] - results[0].params["classifier"]["kernel"]
        ).max()
        > 1e-3
    )


def test_tags_without_both_kinds_are_answered_alike_for_all():
    train = clips(1)
    train["tags"][:, 0], train["tags"][:, 1], train["known"][:, 2] = 0, 1, 0
    objective, _, learnt, _ = fitted(LinearSVM((0.5,)), train)
    np.testing.assert_array_equal(objective.scores(learnt, train)[:2], [[-1, 1, 0]] * 2)


def test_the_penalty_is_the_best_of_the_validation_split():
    train, held = clips(1), clips(2)
    each = [fitted(LinearSVM((c,)), train, held)[2] for c in (1e-4, 1.0)]
    objective, _, both, _ = fitted(LinearSVM((1e-4, 1.0)), train, held)
    from zoo.metrics.ranking import rank_tags

    scores = [
        rank_tags(held["tags"], np.asarray(objective.scores(v, held))).average_precision
        for v in each
    ]
    best = each[int(np.argmax(scores))]
    jax.tree.map(np.testing.assert_array_equal, both.params, best.params)


def test_shapes_are_known_before_and_random_weights_stay():
    train = clips(1)
    for classifier in (
        LinearSVM(),
        KernelSVM(CLIPS + 3),
        Logistic(),
        Ridge(),
        ExtremeLearning((5, 9)),
        MultilayerPerceptron(4, epochs=2),
    ):
        _, before, learnt, _ = fitted(classifier, train)
        assert jax.tree.map(np.shape, before) == jax.tree.map(np.shape, learnt)
        jax.tree.map(np.testing.assert_array_equal, before.frozen, learnt.frozen)
        assert {x.dtype.name for x in jax.tree.leaves(learnt)} == {"float32"}
    plain = fitted(LinearSVM(), train, standardise=False)[2].collections["classifier"]["scaling"]
    assert not plain["mean"].any() and (plain["deviation"] == 1).all()


def test_too_many_examples_for_a_kernel_machine_are_refused():
    with pytest.raises(BadInput, match="40 training examples do not fit into rows=39"):
        fitted(KernelSVM(39), clips(1))
