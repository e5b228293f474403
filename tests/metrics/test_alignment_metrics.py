"""Measures of attention on alignments whose values are known."""

import numpy as np
import pytest

from zoo.metrics import alignment


def test_a_straight_line_and_its_reverse():
    line = np.eye(6)
    assert alignment.focus(line) == 1 and alignment.backward(line) == 0
    assert alignment.diagonality(line) == pytest.approx(1)
    assert alignment.diagonality(line[::-1]) == pytest.approx(-1)
    assert alignment.backward(line[::-1]) == 1 and alignment.missed_characters(line) == 0


def test_blur_jumps_and_gaps():
    blur = np.full((4, 5), 0.2)
    assert alignment.focus(blur) == pytest.approx(0.2) and alignment.diagonality(blur) == 0
    assert (
        alignment.missed_characters(blur, 0.21) == 1
        and alignment.missed_characters(blur, 0.19) == 0
    )
    jumps = np.eye(4)[[0, 2, 1, 3]]
    assert alignment.backward(jumps) == pytest.approx(1 / 3)
    assert alignment.diagonality(jumps) == pytest.approx(np.corrcoef([0, 2, 1, 3], range(4))[0, 1])
    assert alignment.missed_characters(np.eye(4)[[0, 1, 1]]) == 0.5
    assert alignment.missed_characters(blur, 0.2) == 0  # the least itself is enough
    assert alignment.backward(np.eye(4)[[0, 1, 1, 2]]) == 0  # to wait is not to go back
    assert alignment.diagonality(np.eye(3)[:1]) == 0
