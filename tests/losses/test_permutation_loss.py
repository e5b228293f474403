"""Permutation-invariant losses: the assignment is SciPy's."""

import numpy as np
import pytest
import scipy.optimize

from zoo.errors import BadInput
from zoo.losses.permutation import any_order, pairwise
from zoo.losses.waveform import l1, negative_si_sdr

RANDOM = np.random.default_rng(0)
TARGET = RANDOM.standard_normal((5, 200, 4, 1)).astype(np.float32)
ORDERS = np.stack([RANDOM.permutation(4) for _ in range(5)])
NOISE = RANDOM.standard_normal(TARGET.shape).astype(np.float32)
PREDICTION = np.stack([x[:, order] for x, order in zip(TARGET, ORDERS)]) + 0.3 * NOISE


@pytest.mark.parametrize("loss", [l1, negative_si_sdr])
def test_the_assignment_that_costs_least(loss):
    costs = np.asarray(pairwise(loss, PREDICTION, TARGET))
    one = loss(PREDICTION[:, :, 1], TARGET[:, :, 3])
    np.testing.assert_allclose(costs[:, 1, 3], one, rtol=1e-4)
    wanted = []
    for table, order in zip(costs, ORDERS):
        rows, columns = scipy.optimize.linear_sum_assignment(table)
        np.testing.assert_array_equal(columns, order)  # output i holds target order[i]
        wanted.append(table[rows, columns].mean())
    np.testing.assert_allclose(any_order(loss)(PREDICTION, TARGET), wanted, rtol=1e-5)
    for example, order in enumerate(ORDERS):
        straight = TARGET[example : example + 1][:, :, order]
        value = np.mean(
            [loss(PREDICTION[example : example + 1, :, s], straight[:, :, s]) for s in range(4)]
        )
        np.testing.assert_allclose(value, wanted[example], rtol=1e-4)


def test_too_many_orders_are_refused():
    with pytest.raises(BadInput, match="7 sources"):
        any_order(l1)(np.zeros((1, 8, 7, 1)), np.zeros((1, 8, 7, 1)))
