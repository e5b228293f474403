"""Figures of demonstrations: spectrograms in a column, curves, masks in the plane, line spectra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from zoo import escapes
from zoo.interpret.drawing import ACCENT, PALE
from zoo.pages.sounds import frame_size

_COLOURS = (ACCENT, "#b4561f", "#5b4a9c", "#777777", PALE, "#c2a83e")
_SPAN = 80  # dB that spectrograms show
_WIDTH = 900  # frames of a spectrogram at most


def spectrograms(audio: Mapping[str, np.ndarray], rate: int, top_of: str | None = None) -> Any:
    """One above the other in dB below the loudest bin of all, or of one of them; audio: [T]."""
    figure = _figure((10, 1.5 * len(audio)), None)
    figure.subplots_adjust(hspace=0.45)
    levels = {name: _level(x, rate) for name, x in audio.items()}
    top = max(x.max() for name, x in levels.items() if top_of in (None, name))
    sounding = np.flatnonzero(np.max([x.max(0) for x in levels.values()], 0) > top - _SPAN)
    highest = min(1.0, (sounding.max(initial=0) + 1) / (frame_size(rate) // 2))
    seconds = max(map(len, audio.values())) / rate
    axes = np.atleast_1d(figure.subplots(len(audio), 1, sharex=True, sharey=True))
    for one, (name, level) in zip(axes, levels.items()):
        extent = (0, seconds, 0, rate / 2000)
        how: dict[str, Any] = dict(aspect="auto", origin="lower", cmap="magma", extent=extent)
        one.imshow(level.T, vmin=top - _SPAN, vmax=top, **how)
        one.set_title(escapes.label(name), fontsize=9, loc="left")
        one.set(ylabel="kHz", ylim=(0, highest * rate / 2000))
    axes[-1].set_xlabel("time (s)")
    return figure


def _level(audio: np.ndarray, rate: int) -> np.ndarray:
    """[T] -> power in dB, [F N]."""
    size = frame_size(rate)
    padded = np.pad(audio, (0, max(0, size - len(audio))))
    count = min(_WIDTH, max(1, 4 * len(padded) // size))
    starts = np.linspace(0, len(padded) - size, count).astype(int)
    frames = padded[starts[:, None] + np.arange(size)]
    return 10 * np.log10(np.square(np.abs(np.fft.rfft(frames * np.hanning(size)))) + 1e-9)


def draw_curves(
    lines: Mapping[str, Sequence[float]], places: Sequence[int], across: str, up: str
) -> Any:
    """Lines over places on a logarithmic axis."""
    figure = _figure((7, 3.2))
    axes = figure.subplots()
    for (name, values), colour in zip(lines.items(), _COLOURS):
        axes.plot(places, values, "o-", color=colour, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [str(place) for place in places])
    axes.set(xlabel=across, ylabel=up)
    _finished(axes)
    return figure


def components(pieces: Mapping[str, np.ndarray]) -> Any:
    """The first rows [K N] of each factor, a column each."""
    figure = _figure((10, 5), None)
    figure.subplots_adjust(hspace=0.5, wspace=0.08)
    rows = max(map(len, pieces.values()))
    grid = figure.subplots(rows, len(pieces), squeeze=False)
    for column, (name, factors) in enumerate(pieces.items()):
        for axes, factor in zip(grid[:, column], factors):
            axes.plot(factor, color=ACCENT, linewidth=0.7)
            axes.set(yticks=[], xlim=(0, len(factor) - 1))
            axes.spines[["top", "right", "left"]].set_visible(False)
        grid[0, column].set_title(escapes.label(name), fontsize=10, loc="left")
        grid[-1, column].set_xlabel("bin" if column == 0 else "sample of the frame")
    return figure


def bins(fractions: np.ndarray, weights: np.ndarray) -> Any:
    """Bins of a stem over the mixture in the complex plane; how far apart their phases are."""
    figure = _figure((11, 4.6))
    plane, across = figure.subplots(1, 2, width_ratios=(1, 1))
    edge = np.linspace(-1.5, 2.0, 141)
    flat, weight = fractions.ravel(), weights.ravel()
    counted, _, _ = np.histogram2d(flat.imag, flat.real, (edge, edge), weights=weight)
    level = 10 * np.log10(counted / max(counted.max(), 1e-20) + 1e-6)
    plane.pcolormesh(edge, edge, level, vmin=-40, vmax=0, cmap="magma")
    turn = np.linspace(0, 2 * np.pi, 200)
    plane.plot(np.cos(turn), np.sin(turn), color="white", linewidth=0.8)
    plane.plot([0, 1], [0, 0], color=PALE, linewidth=2.5)
    plane.set(xlabel="real part of stem / mixture", ylabel="imaginary part", aspect="equal")
    degrees = np.abs(np.degrees(np.angle(flat)))
    order = np.argsort(degrees)
    share = np.cumsum(weight[order]) / max(weight.sum(), 1e-20)
    across.plot(degrees[order], 100 * share, color=ACCENT, linewidth=2)
    across.set(xlabel="phase of mixture and stem apart, degrees", xlim=(0, 180), ylim=(0, 100))
    across.set_ylabel("% of the stem's energy")
    _finished(across)
    return figure


def draw_spectra(
    spectra: Mapping[str, tuple[np.ndarray, np.ndarray]], teeth: Mapping[str, Sequence[float]]
) -> Any:
    """Spectra (Hz [N], dB [N]) one above the other, with the frequencies of a comb in each."""
    figure = _figure((10, 1.7 * len(spectra)), None)
    figure.subplots_adjust(hspace=0.55)
    grid = np.atleast_1d(figure.subplots(len(spectra), 1))
    for axes, (name, (hertz, level)) in zip(grid, spectra.items()):
        for tooth in teeth[name]:
            axes.axvline(tooth / 1000, color=_COLOURS[1], linewidth=0.6, alpha=0.5)
        axes.plot(hertz / 1000, level - level.max(), color=ACCENT, linewidth=0.8)
        axes.set(ylabel="dB", ylim=(-90, 3), xlim=(0, hertz[-1] / 1000))
        axes.set_title(escapes.label(name, 90), fontsize=9, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    grid[-1].set_xlabel("kHz")
    return figure


def _figure(
    size: tuple[float, float], layout: Literal["constrained"] | None = "constrained"
) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout=layout)


def _finished(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False)
