"""SiSEC 2018 (Stöter, Liutkus, Ito, LVA/ICA 2018): scores of its entries, aggregated by ours.

The campaign keeps what museval gave for every second of the 50 test tracks of MUSDB18; tables of
papers are medians over tracks of medians over seconds, or medians over all seconds (Wave-U-Net).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, PublishedData, Reproduction

_SENTENCES = {
    "tracks": "Median over 50 tracks of the median over one-second frames of museval's SDR in dB",
    "frames": "Median over all one-second frames of 50 tracks of museval's SDR in dB",
}


@dataclass(frozen=True)
class Aggregated:
    """SDR of an entry's tables, by target: 'sdr/vocals', ..., and 'sdr/average' of four stems."""

    entry: str
    over: Literal["tracks", "frames"] = "tracks"

    def parts(self, folder: Path) -> Sequence[str]:
        return [self.entry]

    def measure(self, folder: Path, part: str) -> Found:
        from zoo.metrics import separation_tables  # JAX

        tables = separation_tables.read_tables(folder / "submissions" / part / "test")
        aggregate = {
            "tracks": separation_tables.median_of_track_medians,
            "frames": separation_tables.pooled_frames,
        }[self.over](tables)
        ratios = {f"sdr/{target}": found["SDR"] for target, found in aggregate.values.items()}
        stems = [value for name, value in ratios.items() if name != "sdr/accompaniment"]
        if len(stems) == 4:
            ratios["sdr/average"] = sum(stems) / 4
        return {"metrics": ratios, "tracks": len(tables)}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        (one,) = found.values()
        return Outcome(one["metrics"], f"{_SENTENCES[self.over]}.", {"tracks": one["tracks"]})


def _entry(name: str, sha256: str) -> PublishedData:
    """The tables of one entry."""
    return PublishedData(
        folder="sigsep-mus-2018",
        url="https://github.com/sigsep/sigsep-mus-2018",
        revision="62fb479e486c513695e788d3e28a1428c77c9d38",
        licence="none stated",
        files=(f"submissions/{name}/test/*.json",),
        count=50,
        sha256=sha256,
    )


TEST = "MUSDB18, 50 test tracks"
# Its column of averages is left out: means of the rounded figures beside it.
TABLE = "README of github.com/YadongChen-1016/Music-Source-Separation-master, read there"
DEMUCS = "README of github.com/facebookresearch/demucs, read there"
STL2 = _entry("STL2", "38ea30c30ceee0bfff05f0ee0616cf1b198068809d618e9fecb643c594f062be")
ROWS = (
    Reproduction(
        "sisec_wave_unet",
        "Wave-U-Net of four stems (entry STL2)",
        TEST,
        ByParts(Aggregated("STL2")),
        {
            "sdr/bass": 3.21,
            "sdr/drums": 4.22,
            "sdr/other": 2.25,
            "sdr/vocals": 3.25,
        },
        TABLE,
        STL2,
        tolerance=0.0051,
    ),
    Reproduction(
        "sisec_wave_unet_average",
        "Wave-U-Net of four stems (entry STL2), as Demucs' authors quote it",
        TEST,
        ByParts(Aggregated("STL2")),
        {"sdr/average": 3.2},
        DEMUCS,
        STL2,
        tolerance=0.051,
    ),
    Reproduction(
        "sisec_wave_unet_frames",
        "Wave-U-Net of voice and accompaniment (entry STL1)",
        TEST,
        ByParts(Aggregated("STL1", "frames")),
        {"sdr/vocals": 4.46, "sdr/accompaniment": 10.69},
        "Table 2 of arXiv 1806.03185, remembered: unchecked",
        _entry("STL1", "467924e3ca98466e058696105c9e14d48fb91f61a45ba9006b2878a77f16022b"),
        tolerance=0.0051,
    ),
    Reproduction(
        "sisec_ideal_ratio_mask",
        "ideal ratio mask of powers (entry IRM2)",
        TEST,
        ByParts(Aggregated("IRM2")),
        {
            "sdr/bass": 7.12,
            "sdr/drums": 8.45,
            "sdr/other": 7.85,
            "sdr/vocals": 9.43,
        },
        TABLE,
        _entry("IRM2", "584512c6d5523daa2e802f470078e19c93d7b8e38b6cc03130455110d7cd5194"),
        tolerance=0.0051,
    ),
    Reproduction(
        "sisec_mmdenselstm",
        "MMDenseLSTM (entry TAK1)",
        TEST,
        ByParts(Aggregated("TAK1")),
        {
            "sdr/bass": 5.16,
            "sdr/drums": 6.41,
            "sdr/other": 4.15,
            "sdr/vocals": 6.60,
        },
        TABLE,
        _entry("TAK1", "35bfa257356cc7ae7edad9f40d28c536be8fe31f0db8fe7bec027c3a9b166e9d"),
        tolerance=0.0051,
        remark="the campaign's scores give 6.43 for drums; 6.41 may be a slip of the table",
    ),
    Reproduction(
        "sisec_mmdenselstm_more_data",
        "MMDenseLSTM with 804 songs (entry TAK2)",
        TEST,
        ByParts(Aggregated("TAK2")),
        {"sdr/average": 6.0},
        DEMUCS,
        _entry("TAK2", "beedc98a2053244dfac1cfcdeada33a6d4ec30ff1d8d01d8b0917804767ef962"),
        tolerance=0.051,
    ),
)
