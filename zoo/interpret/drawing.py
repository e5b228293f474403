"""Figures of filters, of sounds that excite filters, and of gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import escapes
from zoo.interpret.filters import Bank, mel_curve, spread_indices
from zoo.signal.mel import hz_to_mel

if TYPE_CHECKING:
    from zoo.interpret.activation import Excited
    from zoo.interpret.excitation import Excitations

ACCENT, PALE = "#0f6b6b", "#7fd1c7"
_LETTERS = 48  # of a text that are written beside its alignment


def bank_figure(bank: Bank, title: str | None = None) -> Any:
    """All responses of a bank, beside mel spacing, over eight of its filters as waveforms."""
    kernel = bank.kernel[:, bank.order]
    figure, axes = _image_figure(bank.response, kernel, bank.rate, title)
    highest = bank.peak[-1] if bank.edges is None else bank.edges.max()
    axes.set_ylim(0, min(bank.rate / 2, 1.2 * highest) / 1000)
    if bank.edges is not None:
        places = np.arange(1, len(bank.order) + 1)
        for edge in bank.edges / 1000:
            axes.step(places, edge, where="mid", color="white", linewidth=0.8, alpha=0.7)
    return figure


def codebook_figure(shares: np.ndarray, vectors: np.ndarray) -> Any:
    """Shares [Q] of codes, the most frequent first, beside their vectors [Q D] in the plane."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6))
    bars, plane = figure.subplots(1, 2, width_ratios=(3, 2))
    bars.bar(np.arange(1, len(shares) + 1), np.sort(shares)[::-1], width=1.0, color=ACCENT)
    bars.set(xlabel="code, by frequency", ylabel="share of positions", xlim=(0, len(shares) + 1))
    centred = vectors - vectors.mean(0)
    flat = np.zeros((len(vectors), 2))
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    flat[:, : len(directions)] = centred @ directions.T
    plane.scatter(*flat.T, s=8 + 400 * shares, color=ACCENT, alpha=0.5, linewidths=0)
    plane.set(xticks=[], yticks=[])
    for axes in (bars, plane):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def attention_figure(maps: Sequence[np.ndarray]) -> Any:
    """A row for each layer and an image for each head; maps: of layers, [H T T]."""
    from matplotlib.figure import Figure

    layers, heads = len(maps), len(maps[0])
    figure = Figure(figsize=(1.5 * heads, 1.5 * layers))
    figure.subplots_adjust(0, 0, 1, 1, 0.06, 0.06)
    for row, images in zip(figure.subplots(layers, heads, squeeze=False), maps):
        for axes, image in zip(row, images):
            axes.imshow(np.sqrt(image), cmap="Greys", aspect="auto", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
    return figure


def alignment_figure(maps: dict[str, np.ndarray], text: str) -> Any:
    """Where attention looked, by name: weights [S L] of steps (across) over a text (up)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * len(maps), 3.6))
    figure.subplots_adjust(wspace=0.15)
    for axes, (name, weights) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps.items()):
        axes.imshow(weights.T, cmap="Greys", aspect="auto", origin="lower", vmin=0, vmax=1)
        axes.set(title=name, xlabel="step of the decoder")
        if len(text) <= _LETTERS:
            axes.set_yticks(
                range(len(text)),
                [escapes.label(letter) for letter in text.replace(" ", "_")],
                fontsize=7,
            )
    return figure


def excited_figure(excited: Excited) -> Any:
    """Spectra of the sounds that excite the filters of one layer most, over eight such sounds."""
    title = f"{excited.layer}: what excites its filters most"
    sounds = excited.waves[:, excited.order]
    return _image_figure(excited.image, sounds, excited.rate, title, mels=True)[0]


def _image_figure(
    image: np.ndarray, waves: np.ndarray, rate: int, title: str | None, mels: bool = False
) -> tuple:
    """An image [bins N] over eight of the waves [T N], both sorted, -> (figure, image's axes)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.8))
    grid = figure.add_gridspec(2, 8, height_ratios=(4.4, 1), hspace=0.48)
    axes = figure.add_subplot(grid[0, :])
    (_mel_spectra if mels else _spectra)(axes, image, rate)
    axes.set(xlabel="filter, sorted by frequency", ylabel="frequency (kHz)")
    if not mels:
        box = axes.legend(loc="upper left", labelcolor="white", fontsize=8).get_frame()
        box.set(facecolor="black", edgecolor="none", alpha=0.6)
    if title:
        axes.set_title(escapes.label(title), fontsize=10, loc="left", color="0.25")
    for column, index in enumerate(spread_indices(waves.shape[1], 8)):
        small = figure.add_subplot(grid[1, column])
        small.plot(waves[:, index], color=ACCENT, linewidth=0.8)
        small.set(xticks=[], yticks=[])
        small.set_title(f"no. {index + 1}", fontsize=8, color="0.4")
        small.spines[:].set_visible(False)
    return figure, axes


def _spectra(axes: Any, image: np.ndarray, rate: int) -> None:
    """Columns of an image [bins N] from 0 Hz to Nyquist, and the curve of mel-spaced filters."""
    count = image.shape[1]
    extent = (0.5, count + 0.5, 0, rate / 2000)
    axes.imshow(
        image,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=extent,
        vmin=0,
        vmax=1,
        interpolation="nearest" if count < 400 else "antialiased",
    )
    places = np.arange(1, count + 1)
    mel = mel_curve(count, rate) / 1000
    axes.plot(places, mel, "--", color=PALE, linewidth=1, label="mel-spaced filters")


def _mel_spectra(axes: Any, image: np.ndarray, rate: int) -> None:
    """Columns of an image [bins N] on an axis of mels, on which what deep layers like has room."""
    rows = mel_curve(256, rate)
    bins = np.linspace(0, rate / 2, len(image))
    warped = np.stack([np.interp(rows, bins, column) for column in image.T], 1)
    top = float(hz_to_mel(rate / 2, "htk"))
    extent = (0.5, image.shape[1] + 0.5, 0.0, top)
    axes.imshow(warped, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=0, vmax=1)
    ticks = [f for f in (0, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16) if f <= rate / 2000]
    axes.set_yticks(hz_to_mel(1000 * np.array(ticks), "htk"), [f"{f:g}" for f in ticks])


def draw_overview(every: Sequence[Excited]) -> Any:
    """The spectra of all layers side by side."""
    from matplotlib.figure import Figure

    columns = min(len(every), 4)
    rows = -(-len(every) // columns)
    figure = Figure(figsize=(2.9 * columns, 2.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, excited in zip(grid.flat, every):
        _mel_spectra(axes, excited.image, excited.rate)
        axes.set_title(escapes.label(excited.layer), fontsize=9)
    for axes in grid.flat[len(every) :]:
        axes.set_visible(False)
    figure.supxlabel("filter, sorted by frequency", fontsize=9)
    figure.supylabel("kHz, in mels", fontsize=9)
    return figure


def tags_figure(found: Excitations) -> Any:
    """A panel per layer: mean gates of every channel, sorted, and how far tags lie around them."""
    figure, grid = _panels(len(found.layers))
    for axes, (name, gates) in zip(grid, found.layers.items()):
        order = np.argsort(gates.overall)
        places = np.arange(1, len(order) + 1)
        axes.plot(places, gates.mean[:, order].T, color=ACCENT, linewidth=0.5, alpha=0.35)
        axes.plot(places, gates.overall[order], color="black", linewidth=1.4)
        axes.set(ylim=(-0.02, 1.02), xlim=(1, max(2, len(order))))
        axes.locator_params(axis="x", integer=True, nbins=5)
        axes.set_title(f"{escapes.label(name)}: {gates.spread.mean():.3f} between tags", fontsize=9)
    figure.supxlabel("channel, sorted by its mean gate (black); a line per tag", fontsize=9)
    figure.supylabel("excitation", fontsize=9)
    return figure


def loudness_figure(found: Excitations) -> Any:
    """A panel per layer: gates against loudness, a line per channel and their mean."""
    figure, grid = _panels(len(found.layers))
    for axes, (name, gates) in zip(grid, found.layers.items()):
        axes.plot(found.level, gates.binned, color=ACCENT, linewidth=0.5, alpha=0.35)
        mean = gates.binned.mean(1)
        axes.plot(found.level, mean, "o-", color="black", markersize=3, linewidth=1.4)
        axes.set(ylim=(-0.02, 1.02))
        rising = int((gates.correlation > 0).sum())
        title = f"r {gates.together:+.2f}; {rising} of {len(gates.overall)} rise"
        axes.set_title(f"{escapes.label(name)}: {title}", fontsize=9)
    figure.supxlabel("loudness of the segment (RMS, dB), a line per channel", fontsize=9)
    figure.supylabel("excitation", fontsize=9)
    return figure


def spread_figure(found: Excitations) -> Any:
    """How much tags differ in each layer: the deviations of its channels, and their mean."""
    from matplotlib.figure import Figure

    spreads = {name: gates.spread for name, gates in found.layers.items()}
    figure = Figure(figsize=(0.7 * len(spreads) + 2.4, 3), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(list(spreads.values()), showfliers=False, medianprops={"color": ACCENT})
    places = range(1, len(spreads) + 1)
    axes.plot(places, [s.mean() for s in spreads.values()], "o-", color="black", markersize=4)
    axes.set_xticks(places, map(escapes.label, spreads), rotation=30, fontsize=8)
    axes.set_ylabel("deviation between tags")
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _panels(count: int) -> tuple:
    """(figure, its first `count` axes), at most three in a row."""
    from matplotlib.figure import Figure

    columns = min(count, 3)
    rows = -(-count // columns)
    made = Figure(figsize=(3.2 * columns, 2.5 * rows), layout="constrained")
    grid = made.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[count:]:
        axes.set_visible(False)
    return made, grid[:count]
