"""From scores of single frames to the metrics, tables and museval files of a separation report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from zoo import escapes
from zoo.evaluation.base import FigureMaker, finite
from zoo.metrics.resampling import Scores
from zoo.metrics.separation_tables import (
    METRICS,
    TrackTable,
    average_over_targets,
    mean_of_track_medians,
    median_of_track_medians,
    pooled_frames,
    round_ratio,
    write_museval_json,
)

AGGREGATIONS = (median_of_track_medians, pooled_frames, mean_of_track_medians)
TrackRow = dict  # one frame of one stem: track, stem, time (s), and its ratios in dB


def _tables_of(rows: Iterable[TrackRow], seconds: float = 1.0) -> dict[str, TrackTable]:
    """Rows as one museval table per track; ratios that were not computed are NaN there."""
    tracks: dict[str, dict[str, list[dict]]] = {}
    for row in rows:
        ratios = {name: round_ratio(row.get(name, np.nan)) for name in METRICS}
        frame = {"time": row["time"], "duration": seconds, "metrics": ratios}
        tracks.setdefault(row["track"], {}).setdefault(row["stem"], []).append(frame)
    return {
        track: {"targets": [{"name": name, "frames": frames} for name, frames in stems.items()]}
        for track, stems in tracks.items()
    }


def write_museval(rows: Iterable[TrackRow], folder: str | Path, seconds: float = 1.0) -> list[Path]:
    """folder/<track>.json for every track, as museval writes them; returns the paths."""
    paths = []
    for track, table in _tables_of(rows, seconds).items():
        paths.append(Path(folder) / f"{track.replace('/', '_')}.json")
        write_museval_json(paths[-1], table)
    return paths


def aggregate(rows: Sequence[TrackRow], ratio: str = "SDR") -> dict[str, float]:
    """{'sdr_median_of_track_medians/vocals': dB, ...} for three aggregations, stems and average.

    The spread of the pooled frames comes along as sdr_pooled_mad, _mean and _sd.
    """
    # The tables know museval's four ratios; whichever is asked for stands in the column of SDR.
    tables = _tables_of({**row, "SDR": row.get(ratio, np.nan)} for row in rows)
    name = ratio.lower().replace("-", "_")
    metrics: dict[str, float] = {}
    for convention in AGGREGATIONS:
        result = convention(tables)
        kind = "pooled_median" if convention is pooled_frames else result.convention
        metrics |= _columns(f"{name}_{kind}", result.values)
        metrics[f"{name}_{kind}/average"] = average_over_targets(result)
        for spread in ("mad", "mean", "sd"):
            metrics |= _columns(f"{name}_pooled_{spread}", getattr(result, spread) or {})
    return finite(metrics)


def track_rows(rows: Sequence[TrackRow], ratios: Sequence[str]) -> list[TrackRow]:
    """One row per track and stem: medians over defined frames, and how many frames those are."""
    frames: dict[tuple[str, str], list[TrackRow]] = {}
    for row in rows:
        frames.setdefault((row["track"], row["stem"]), []).append(row)
    table = []
    for (track, stem), own in frames.items():
        defined = {
            name: [row[name] for row in own if np.isfinite(row.get(name, np.nan))]
            for name in ratios
        }
        medians = {name: float(np.median(x)) if x else np.nan for name, x in defined.items()}
        counts = {"frames": len(own), "defined": len(defined["SDR"])}
        table.append({"track": track, "stem": stem, **counts, **medians})
    return table


def track_scores(per_track: Sequence[TrackRow], ratios: Sequence[str]) -> Scores:
    """Medians of every track, [N] of a stem and [N S] of their average, as `aggregate` names them.

    The pooled frames are no statistic of tracks and have no part in it.
    """
    tracks = list(dict.fromkeys(row["track"] for row in per_track))
    stems = list(dict.fromkeys(row["stem"] for row in per_track))
    place = {(row["track"], row["stem"]): row for row in per_track}
    means: dict[str, np.ndarray] = {}
    medians: dict[str, np.ndarray] = {}
    for ratio in ratios:
        name = ratio.lower().replace("-", "_")
        absent = {ratio: np.nan}  # a stem that does not play in the track
        found = np.array(
            [[place.get((track, stem), absent)[ratio] for stem in stems] for track in tracks]
        )
        for kind, kept in (("median", medians), ("mean", means)):
            prefix = f"{name}_{kind}_of_track_medians"
            kept |= {f"{prefix}/{stem}": found[:, s] for s, stem in enumerate(stems)}
            kept[f"{prefix}/average"] = found
    return Scores(np.array(tracks), means, medians)


def _columns(name: str, values: dict) -> dict[str, float]:
    return {f"{name}/{stem}": ratios["SDR"] for stem, ratios in values.items()}


def box_plot(per_track: Sequence[TrackRow]) -> FigureMaker:
    """A maker of the figure 'median SDR of every track, by stem'."""

    def make():
        from matplotlib.figure import Figure

        stems = list(dict.fromkeys(row["stem"] for row in per_track))
        values = [
            [r["SDR"] for r in per_track if r["stem"] == stem and np.isfinite(r["SDR"])]
            for stem in stems
        ]
        figure = Figure(figsize=(1.5 + 1.2 * len(stems), 4))
        axes = figure.add_subplot()
        axes.boxplot(values, widths=0.5)
        axes.set_xticks(range(1, len(stems) + 1), map(escapes.label, stems))
        axes.set_ylabel("SDR (dB), median of each track")
        axes.spines[["top", "right"]].set_visible(False)
        return figure

    return make
