"""What the rows of Phasebook learn by: their spectra, or their samples."""

from __future__ import annotations

from typing import Literal

from zoo.losses.spectral import complex_l1
from zoo.losses.waveform import l1
from zoo.network import Network
from zoo.objectives.masking import Masking
from zoo.objectives.supervised import Supervised

Kind = Literal["magbook", "phasebook", "combook"]
PhasebookLoss = Literal["spectra", "waveform"]


def objective(model: Network, loss: PhasebookLoss) -> Masking | Supervised:
    """L1 of complex spectra, or of the waveform."""
    if loss == "waveform":
        return Supervised(model, l1, input="mixture", target="stems")
    return Masking(model, complex_l1)
