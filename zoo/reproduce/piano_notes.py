"""MAPS, recorded pianos: notes found by Basic Pitch's published weights, scored as mir_eval.

Of the 60 recordings of the two Disklaviers those 42 whose files are below 4 MiB, which is what some
copies of the repository hold. The figures published for MAPS are of systems trained for piano.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from zoo.metrics.resampling import Scores, intervals
from zoo.reproduce.parts import ByParts, Found
from zoo.reproduce.row import Outcome, PublishedData, Reproduction

_BELOW = "data/MAPS"
CL = (
    "alb_se2 bk_xmas4 bor_ps6 chpn-e01 chpn-p19 deb_clai deb_menu grieg_butterfly "
    "liz_et_trans5 mz_311_1 mz_331_3 mz_332_2 mz_545_3 scn15_11 scn15_12 scn16_3 scn16_4 "
    "ty_maerz ty_mai"
)
AM = (
    "chpn-p14 chpn-p15 chpn-p4 chpn_op25_e3 chpn_op25_e4 chpn_op33_2 chpn_op66 chpn_op7_1 "
    "grieg_butterfly grieg_kobold mendel_op62_5 muss_1 pathetique_2 pathetique_3 schub_d760_3 "
    "schumm-1 scn15_11 scn15_6 scn15_9 scn16_4 ty_maerz ty_mai ty_november"
)
_NAMES = tuple(
    f"MAPS_MUS-{piece}_{piano}"
    for piano, pieces in (("ENSTDkAm", AM), ("ENSTDkCl", CL))
    for piece in pieces.split()
)


@dataclass(frozen=True)
class Transcribed:
    """F1 of notes and frames of every recording."""

    weights: str = "basic_pitch"

    def parts(self, folder: Path) -> Sequence[str]:
        return _NAMES

    def measure(self, folder: Path, part: str) -> Found:
        from zoo.data import pcm
        from zoo.data.sets.maps import read_tsv

        evaluation, predict, info = _scoring(self.weights)
        audio = np.asarray(
            pcm.load_audio(folder / _BELOW / "flac" / f"{part}.flac", info.sample_rate, 1)
        )
        notes = read_tsv(folder / _BELOW / "tsv" / "matched" / f"{part}.tsv")
        record = {"track": part, "chunk": 0, "audio": audio, "notes": notes}
        (row,) = evaluation.run(predict, [record], info).tables["per_piece"]
        return {"row": row, "seconds": len(audio) / info.sample_rate}

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        rows = {name: one["row"] for name, one in found.items()}
        first = next(iter(rows.values()))
        names = [name for name in first if name not in ("track", "notes")]
        each = {name: np.array([row[name] for row in rows.values()]) for name in names}
        scores = Scores(np.array(list(rows)), each)
        sentence = (
            "Means over recordings of F1, precision and recall as mir_eval: onsets within 50 ms; "
            "offsets within 50 ms or 20 % of the duration; the authors' note creation."
        )
        counts = {
            "recordings": len(rows),
            "notes": sum(row["notes"] for row in rows.values()),
            "minutes": round(sum(one["seconds"] for one in found.values()) / 60),
        }
        metrics = {name: float(values.mean()) for name, values in each.items()}
        return Outcome(metrics, sentence, counts, intervals(scores))


@cache
def _scoring(weights: str) -> tuple[Any, Any, Any]:
    """The evaluation of published weights, their compiled prediction, and their data's info."""
    from zoo.runs import inference, trained

    found = trained.published(weights)
    predict = inference.predictor(found.experiment.objective, found.mesh)(found.variables)
    return found.experiment.evaluation, predict, found.experiment.data.source.info


ROWS = (
    Reproduction(
        "maps_basic_pitch",
        "Basic Pitch, published weights `basic_pitch`",
        "MAPS, 42 of 60 recordings of Disklaviers",
        ByParts(Transcribed()),
        {},
        "none: its authors give none for MAPS",
        PublishedData(
            "onsets-and-frames",
            "https://github.com/jongwook/onsets-and-frames",
            "783ca08498bb8ada41516c9ed492868b4e947abf",
            "MAPS: CC BY-NC-SA",
            tuple(
                f"{_BELOW}/{place}"
                for name in _NAMES
                for place in (f"flac/{name}.flac", f"tsv/matched/{name}.tsv")
            ),
            2 * len(_NAMES),
            "3e1c4c0041cb6cacf610b3619253d2baf5d488fa8778d7087e8915d3590e21fa",
        ),
        remark=(
            "for all 60, Onsets and Frames, trained on MAPS' synthesised pianos, is reported with "
            "a note F1 of .8229 (unchecked)"
        ),
    ),
)
