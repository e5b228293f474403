import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.metrics

from zoo.losses import tagging

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (4, 7)).astype(np.float32)
LABELS = RNG.integers(0, 2, (4, 7)).astype(np.uint8)


def test_binary_cross_entropy_is_sklearns():
    ours = tagging.binary_cross_entropy(jnp.asarray(LOGITS), jnp.asarray(LABELS))
    for i in range(4):
        probability = 1 / (1 + np.exp(-LOGITS[i].astype(np.float64)))
        theirs = sklearn.metrics.log_loss(LABELS[i], probability, labels=[0, 1])
        assert float(ours[i]) == pytest.approx(theirs, rel=1e-5)


def test_unknown_labels_count_for_nothing():
    known = np.ones((4, 7), np.uint8)
    known[0, 3:] = 0
    known[1] = 0
    wrong = LABELS.astype(np.float32)
    wrong[known == 0] = np.nan
    ours, slope = jax.value_and_grad(
        lambda x: tagging.binary_cross_entropy(x, jnp.asarray(wrong), known)[:2].sum()
    )(jnp.asarray(LOGITS))
    alone = tagging.binary_cross_entropy(jnp.asarray(LOGITS[:1, :3]), jnp.asarray(LABELS[:1, :3]))
    assert float(ours) == pytest.approx(float(alone[0]), rel=1e-6)
    assert not np.any(slope[known == 0]) and np.all(slope[0, :3] != 0)


def test_huge_logits_stay_finite():
    logits = jnp.array([[1e4, -1e4, 0.0]])
    loss, slope = jax.value_and_grad(
        lambda x: tagging.binary_cross_entropy(x, jnp.array([[0, 1, 1]]))[0]
    )(logits)
    assert float(loss) == pytest.approx((2e4 + np.log(2)) / 3, rel=1e-6)
    np.testing.assert_allclose(slope, [[1 / 3, -1 / 3, -1 / 6]], rtol=1e-5)


def test_cross_entropy_is_sklearns():
    chosen = np.array([0, 6, 2, 2])
    ours = tagging.cross_entropy(jnp.asarray(LOGITS), jnp.asarray(chosen))
    share = np.exp(LOGITS.astype(np.float64))
    share /= share.sum(1, keepdims=True)
    theirs = sklearn.metrics.log_loss(chosen, share, labels=range(7))
    assert float(ours.mean()) == pytest.approx(theirs, rel=1e-5)
