"""How well counting predicts symbols: the bars below which a learnt model has to come. NumPy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

BELIEF = 10.0  # symbols' worth of trust that the order-1 table puts in the order-0 table


def order_0(sequences: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Chances [count] of each symbol, one added to how often it occurs."""
    totals = np.ones(count)
    for symbols in sequences:
        totals += np.bincount(symbols, minlength=count)
    return totals / totals.sum()


def order_1(sequences: Iterable[np.ndarray], chances: np.ndarray) -> np.ndarray:
    """Chances [count count] of each symbol after each, leaning on `chances` [count] where rare."""
    table = BELIEF * np.tile(chances, (len(chances), 1))
    for symbols in sequences:
        np.add.at(table, (symbols[:-1], symbols[1:]), 1)
    return table / table.sum(1, keepdims=True)


def nats(sequences: Sequence[np.ndarray], first: np.ndarray, table: np.ndarray) -> float:
    """Negative log-likelihood of all symbols together; each sequence begins by `first` [count]."""
    total = 0.0
    for symbols in sequences:
        if len(symbols):
            total -= np.log(first[symbols[0]]) + np.log(table[symbols[:-1], symbols[1:]]).sum()
    return float(total)
