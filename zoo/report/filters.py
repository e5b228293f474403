"""The filters that a first layer learnt on the waveform, as a figure."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

TAPS = 3  # of a first layer whose filters are worth a look


def first_filters(params: Any) -> np.ndarray | None:
    """The first kernel [taps 1 filters] that reads a waveform, as [taps filters]."""
    leaves = (np.asarray(leaf) for leaf in jax.tree.leaves(params) if np.ndim(leaf) == 3)
    waves = (leaf for leaf in leaves if leaf.shape[1] == 1 and leaf.shape[0] >= TAPS)
    found = next((leaf for leaf in waves if leaf.shape[2] >= 8), None)
    return None if found is None else found[:, 0].astype(np.float32)


def sorted_responses(kernel: np.ndarray, bins: int = 257) -> tuple[np.ndarray, np.ndarray]:
    """[taps N] -> ([bins N] magnitudes from 0 to Nyquist, maxima 1, sorted; the order)."""
    taps = max(len(kernel), 2 * (bins - 1))
    padded = np.pad(kernel, ((0, taps - len(kernel)), (0, 0)))
    response = np.abs(np.fft.rfft(padded, axis=0))
    order = np.argsort(response.argmax(0), kind="stable")
    return response[:, order] / np.maximum(response[:, order].max(0), 1e-12), order


def filter_figure(kernel: np.ndarray, rate: int) -> Any:
    """An image of all responses, over a row of eight filters as waveforms."""
    from matplotlib.figure import Figure

    response, order = sorted_responses(kernel)
    figure = Figure(figsize=(9, 4.6))
    grid = figure.add_gridspec(2, 8, height_ratios=(4, 1), hspace=0.5)
    image = figure.add_subplot(grid[0, :])
    extent = (0.5, len(order) + 0.5, 0, rate / 2000)
    image.imshow(response, origin="lower", aspect="auto", cmap="magma", extent=extent)
    image.set(xlabel="filter, sorted by centre frequency", ylabel="frequency (kHz)")
    for column, index in enumerate(spread(len(order), 8)):
        axes = figure.add_subplot(grid[1, column])
        axes.plot(kernel[:, order[index]], color="#0f6b6b", linewidth=1)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"no. {index + 1}", fontsize=8, color="0.4")
        axes.spines[:].set_visible(False)
    return figure


def spread(total: int, count: int) -> list[int]:
    """Up to `count` indices, evenly spread over `total`."""
    return sorted({int(index) for index in np.linspace(0, total - 1, min(count, total))})
