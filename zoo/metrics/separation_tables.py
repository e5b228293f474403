"""Tables of separation scores in museval's JSON schema, and the three ways to aggregate them.

The conventions differ by more than a decibel on published systems, so every aggregate carries the
name of its own: `median_of_track_medians` (SiSEC 2018 and since), `pooled_frames` (the tables of
Wave-U-Net), `mean_of_track_medians`. All in dB; NaN frames (silent) are ignored and counted.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo import durable
from zoo.errors import BadInput
from zoo.metrics.bss_eval import BSSScores, bss_eval

METRICS = ("SDR", "SIR", "SAR", "ISR")
TrackTable = Mapping[str, Any]
_Values = dict[str, dict[str, float]]


@dataclass(frozen=True)
class _Aggregate:
    """Aggregated ratios in dB, values[target][metric], and what stands behind them."""

    convention: str
    values: _Values
    tracks: dict[str, int]  # per target: tracks with at least one defined frame
    frames: dict[str, int]  # per target: defined frames
    ignored: dict[str, int]  # per target: frames left out because some source is silent
    mad: _Values | None = None  # pooled only: median absolute deviation from the median
    mean: _Values | None = None
    sd: _Values | None = None  # pooled only: over frames, divided by N


def score_track(
    references: Mapping[str, np.ndarray],
    estimates: Mapping[str, np.ndarray],
    rate: int = 44_100,
    *,
    taps: int = 512,
    round_to_16_bit: bool = True,
) -> TrackTable:
    """BSSEval v4 of one track in museval's schema; {name: [T C]} twice, one-second frames.

    Only names in both are scored. As in museval, vocals and accompaniment are a problem of their
    own wherever both are given, and estimates are padded or cut to the reference's length.
    """
    names = [name for name in references if name in estimates]
    both = ["vocals", "accompaniment"]
    has_pair = all(name in names for name in both)
    stems = [name for name in names if not (has_pair and name == "accompaniment")]
    problems = ([stems] if len(stems) > 1 else []) + ([both] if has_pair else [])
    if not problems:
        raise BadInput(f"BSSEval needs at least two sources by name; both sides have {names}.")
    targets = []
    for problem in problems:
        reference = np.stack([references[name] for name in problem])
        length = reference.shape[1]
        estimate = np.stack([match_length(estimates[name], length) for name in problem])
        scores = bss_eval(
            reference,
            estimate,
            rate,
            rate,
            taps=taps,
            round_to_16_bit=round_to_16_bit,
            names=problem,
        )
        leave = {"vocals"} if has_pair and problem is stems else set()
        targets += [t for t in target_tables(problem, scores) if t["name"] not in leave]
    return {"targets": targets, "rounded_to_16_bit": round_to_16_bit}


def match_length(signal: np.ndarray, length: int) -> np.ndarray:
    """Cut or zero-padded at the end: [T C] -> [length C]."""
    short = max(0, length - len(signal))
    return np.pad(signal[:length], ((0, short), (0, 0)))


def target_tables(
    names: Sequence[str], scores: BSSScores, duration: float = 1.0, hop: float = 1.0
) -> list[dict[str, Any]]:
    """Scores [S F] as museval's list of targets; duration and hop of a frame in seconds.

    Ratios are rounded to 1e-5 dB and infinities become NaN, as museval writes them.
    """
    columns = dict(zip(METRICS, (scores.sdr, scores.sir, scores.sar, scores.isr), strict=True))
    return [
        {
            "name": name,
            "frames": [
                {
                    "time": k * hop,
                    "duration": duration,
                    "metrics": {metric: round_ratio(x[j, k]) for metric, x in columns.items()},
                }
                for k in range(scores.sdr.shape[1])
            ],
        }
        for j, name in enumerate(names)
    ]


def write_museval_json(path: Path, table: TrackTable) -> None:
    """One track's table as museval's JSON (which spells an undefined ratio NaN)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_atomically(path, json.dumps(table, indent=2))


def read_tables(folder: Path) -> dict[str, TrackTable]:
    """All museval tables (.json, .json.gz) below a folder, by track name."""
    found = {}
    for path in sorted(folder.rglob("*.json*")):
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        found[path.name.removesuffix(".gz").removesuffix(".json")] = json.loads(text)
    if not found:
        raise BadInput(f"{folder} holds no museval tables; expected files <track>.json below it.")
    return found


def median_of_track_medians(tables: Mapping[str, TrackTable]) -> _Aggregate:
    """Median over tracks of the median over frames: the convention since SiSEC 2018."""
    return _by_track(tables, "median_of_track_medians", np.median)


def mean_of_track_medians(tables: Mapping[str, TrackTable]) -> _Aggregate:
    """Mean over tracks of the median over frames."""
    return _by_track(tables, "mean_of_track_medians", np.mean)


def pooled_frames(tables: Mapping[str, TrackTable]) -> _Aggregate:
    """Median over the frames of all tracks together, with MAD, mean and SD beside it."""
    frames = _frames(tables)
    median = _over(frames, lambda tracks: _median(np.concatenate(tracks)))
    spread = _over(frames, lambda tracks: _deviation(np.concatenate(tracks)))
    mean = _over(frames, lambda tracks: _mean(np.concatenate(tracks)))
    sd = _over(frames, lambda tracks: _sd(np.concatenate(tracks)))
    tracks, used, ignored = _counts(frames)
    return _Aggregate("pooled_frames", median, tracks, used, ignored, spread, mean, sd)


def average_over_targets(aggregate: _Aggregate, metric: str = "SDR") -> float:
    """The "All" column of a table: plain mean over targets, of whichever convention."""
    return float(np.mean([values[metric] for values in aggregate.values.values()]))


def _by_track(tables: Mapping[str, TrackTable], name: str, over: Any) -> _Aggregate:
    def reduce(tracks: list[np.ndarray]) -> float:
        medians = [np.median(_defined(track)) for track in tracks if _defined(track).size]
        return float(over(medians)) if medians else math.nan

    frames = _frames(tables)
    tracks, used, ignored = _counts(frames)
    return _Aggregate(name, _over(frames, reduce), tracks, used, ignored)


def _frames(tables: Mapping[str, TrackTable]) -> dict[str, dict[str, list[np.ndarray]]]:
    """frames[target][metric] = one array of ratios per track."""
    out: dict[str, dict[str, list[np.ndarray]]] = {}
    for table in tables.values():
        for target in table["targets"]:
            metrics = out.setdefault(target["name"], {metric: [] for metric in METRICS})
            for metric, tracks in metrics.items():
                ratios = [float(frame["metrics"][metric]) for frame in target["frames"]]
                tracks.append(np.asarray(ratios, float))
    return out


def _over(frames: Mapping[str, Mapping[str, list[np.ndarray]]], reduce: Any) -> _Values:
    return {
        target: {metric: reduce(tracks) for metric, tracks in metrics.items()}
        for target, metrics in frames.items()
    }


def _counts(
    frames: Mapping[str, Mapping[str, list[np.ndarray]]],
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Per target: tracks and frames that count, frames ignored, all by SDR."""
    sdr = {target: metrics["SDR"] for target, metrics in frames.items()}
    tracks = {name: sum(_defined(x).size > 0 for x in found) for name, found in sdr.items()}
    used = {name: sum(_defined(x).size for x in found) for name, found in sdr.items()}
    return tracks, used, {name: sum(x.size for x in sdr[name]) - used[name] for name in sdr}


def _defined(frames: np.ndarray) -> np.ndarray:
    return frames[np.isfinite(frames)]


def _median(frames: np.ndarray) -> float:
    return float(np.median(_defined(frames))) if _defined(frames).size else math.nan


def _deviation(frames: np.ndarray) -> float:
    return _median(np.abs(_defined(frames) - _median(frames)))


def _mean(frames: np.ndarray) -> float:
    return float(np.mean(_defined(frames))) if _defined(frames).size else math.nan


def _sd(frames: np.ndarray) -> float:
    return float(np.std(_defined(frames))) if _defined(frames).size else math.nan


def round_ratio(ratio: float) -> float:
    """A ratio as museval writes it: rounded to 1e-5 dB, NaN where it is not finite."""
    return round(float(ratio), 5) if math.isfinite(ratio) else math.nan
