"""Dictionaries of waveforms, and how much of them one sound at several phases takes.

Frames cut anywhere show a sound at any phase, and a linear model has a waveform for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo import escapes
from zoo.errors import BadInput
from zoo.evaluation.capabilities import Separates, require_capability
from zoo.runs.trained import Trained

COPY = 0.9  # correlation at some shift from which a waveform is another's copy
MOVED = 32  # by what part of a frame a copy is moved at least
SHOWN = 8  # waveforms of a source in the figure


@dataclass(frozen=True)
class _Dictionary:
    """The waveforms of a source [N K], of length one, the one of most energy first.

    twin, shift, match [K]: for each the other one that, moved by so many samples, is most like it,
    and their correlation then, signed.
    """

    name: str
    atoms: np.ndarray
    twin: np.ndarray
    shift: np.ndarray
    match: np.ndarray

    @property
    def copies(self) -> float:
        """The share of waveforms that are copies of another at another place."""
        return float(np.mean(np.abs(self.match) > COPY))

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        return {key: getattr(self, key) for key in ("atoms", "twin", "shift", "match")}


def dictionaries(found: Trained) -> list[_Dictionary]:
    """Those of a system of learnt bases, by source. BadInput for others."""
    params = found.variables.params.get("model", {})
    if "filters" not in params or "exponents" not in params:
        raise BadInput(
            f"{found.name} has no dictionaries of waveforms: --kind bases is for runs of "
            "learnt_bases_score_render; use --kind filters for networks"
        )
    names = require_capability(Separates, found.experiment.evaluation).how.sources
    return [dictionary(name, w) for name, w in zip(names, np.asarray(params["filters"]))]


def dictionary(name: str, filters: np.ndarray) -> _Dictionary:
    """Of filters [K N], whose inverse has a waveform in each column."""
    atoms = np.linalg.inv(filters.astype(np.float64))
    length = np.linalg.norm(atoms, axis=0)
    order = np.argsort(-length, kind="stable")
    atoms = atoms[:, order] / length[order]
    return _Dictionary(name, atoms.astype(np.float32), *match_twins(atoms))


def match_twins(atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(twin, shift, match) [K] of waveforms [N K] of length one."""
    taps, count = atoms.shape
    spectra = np.fft.rfft(atoms, 2 * taps, axis=0)
    twin, shift, match = (np.zeros(count, kind) for kind in (int, int, float))
    for k in range(count):
        lags = np.fft.irfft(spectra[:, k : k + 1] * spectra.conj(), axis=0)  # [2 N K]
        lags[:, k] = 0
        least = max(1, taps // MOVED)
        lags[:least], lags[1 - least or len(lags) :] = 0, 0
        at, other = np.unravel_index(np.abs(lags).argmax(), lags.shape)
        twin[k], match[k] = other, lags[at, other]
        shift[k] = at if at < taps else at - 2 * taps
    return twin, shift, match


def bases_figure(found: Sequence[_Dictionary], rate: int) -> Any:
    """A row for each source: its strongest waveforms, and the moved twin of each."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(1.5 * SHOWN, 1.3 * len(found) + 0.4), layout="constrained")
    grid = made.subplots(len(found), SHOWN, squeeze=False)
    for row, own in zip(grid, found):
        time = np.arange(len(own.atoms)) / rate * 1000
        for axes, k in zip(row, range(0, own.atoms.shape[1], max(1, own.atoms.shape[1] // SHOWN))):
            moved = own.shift[k] / rate * 1000
            axes.plot(time, own.atoms[:, k], color="black", linewidth=1)
            twin = np.sign(own.match[k]) * own.atoms[:, own.twin[k]]
            axes.plot(time + moved, twin, color="#0f6b6b", linewidth=1, alpha=0.6)
            axes.set_title(f"{own.match[k]:+.2f} at {moved:+.1f} ms", fontsize=7)
        for axes in row:
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(escapes.label(own.name), fontsize=9)
    made.supxlabel(
        "waveforms of each source, from strong to weak, over the other one that is most like it "
        "once it is moved: its correlation and by how much",
        fontsize=8,
    )
    return made
