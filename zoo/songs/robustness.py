"""How a tagger's scores fall when recordings are stretched, shifted, compressed or noisy.

Won, Ferraro, Bogdanov, Serra: "Evaluation of CNN-based automatic music tagging models", SMC 2020,
has these four kinds, compression by the presets 'music standard' and 'speech', and noise of weights
.1 and .4; its results are bars without numbers. How far it stretches and shifts, and how loud noise
of weight 1 is, was not to be found: a quarter of an octave of tempo and one semitone either way,
and the recording's own RMS, are ours.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo import durable, escapes
from zoo.audio import effects
from zoo.data.source import Example, Source
from zoo.errors import BadInput
from zoo.evaluation.base import Report, unpadded_audio, write_figure, write_table
from zoo.evaluation.capabilities import Tags, require_capability
from zoo.front import sounds
from zoo.front.system import System
from zoo.metrics import resampling
from zoo.report.results import held_out
from zoo.songs.probing import TaggedFiles

_Effect = Callable[[np.ndarray, int, int], np.ndarray]  # (audio [T C], rate, seed)
_TEMPO = 2**0.25
_RESAMPLES = 250
_COLUMNS = ("roc_auc", "pr_auc", "accuracy", "true_tags")


def _unchanged(audio: np.ndarray, rate: int, seed: int) -> np.ndarray:
    return audio


def _seedless(change: Callable, value: Any, audio: np.ndarray, rate: int, seed: int) -> np.ndarray:
    return change(audio, rate, value)


def _seeded(change: Callable, value: Any, audio: np.ndarray, rate: int, seed: int) -> np.ndarray:
    return change(audio, rate, value, seed)


EFFECTS: dict[str, _Effect] = {
    "none": _unchanged,
    "tempo x 0.84": partial(_seedless, effects.stretched, 1 / _TEMPO),
    "tempo x 1.19": partial(_seedless, effects.stretched, _TEMPO),
    "a semitone down": partial(_seedless, effects.pitch_shift, -1.0),
    "a semitone up": partial(_seedless, effects.pitch_shift, 1.0),
    "compression, music": partial(_seedless, effects.compressed, "music standard"),
    "compression, speech": partial(_seedless, effects.compressed, "speech"),
    "noise .1": partial(_seeded, effects.add_noise, 0.1),
    "noise .4": partial(_seeded, effects.add_noise, 0.4),
}


@dataclass(frozen=True)
class Changed(Sequence[Example]):
    """Records whose sound went through an effect, made as they are asked for."""

    records: Sequence[Example]
    effect: _Effect
    rate: int

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        record = self.records[index]
        made = self.effect(unpadded_audio(record), self.rate, index)
        return {key: value for key, value in record.items() if key != "length"} | {"audio": made}


@dataclass(frozen=True)
class _Labelled(Sequence[Example]):
    """A user's labelled files as records of a tagger's own labels."""

    folder: TaggedFiles
    rate: int
    channels: int
    place: tuple[int, ...]  # of the folder's labels among the tagger's
    labels: int

    def __len__(self) -> int:
        return len(self.folder.files)

    def __getitem__(self, index: Any) -> Any:
        if index >= len(self):
            raise IndexError(index)
        file = self.folder.files[index]
        tags, known = np.zeros((2, self.labels), np.uint8)
        tags[list(self.place)], known[list(self.place)] = self.folder.tags[index], 1
        audio = sounds.as_sound(file, None).read(self.rate, self.channels)
        track = file.relative_to(self.folder.root).as_posix()
        return {"audio": audio, "tags": tags, "known": known, "track": track}


def labelled_files(model: System, folder: TaggedFiles) -> _Labelled:
    """The files as records. BadInput for labels that the tagger does not have."""
    own = [label.lower() for label in model.labels]
    missing = [label for label in folder.labels if label.lower() not in own]
    if missing or not folder.labels:
        raise BadInput(
            f"{folder.root}: {model.name} has no tag {', '.join(missing) or 'for no label'}; it "
            f"has {', '.join(model.labels)}"
        )
    info = model.experiment.data.source.info
    place = tuple(own.index(label.lower()) for label in folder.labels)
    return _Labelled(folder, info.sample_rate, info.channels, place, len(own))


@dataclass(frozen=True)
class _Shared(Sequence[Example]):
    """Records of other data with a tagger's own labels; those that the data lack are unknown."""

    records: Sequence[Example]
    places: tuple[tuple[int, int], ...]  # a label's place there, and among the tagger's
    labels: int

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: Any) -> Any:
        record = self.records[index]
        theirs, own = map(list, zip(*self.places))
        tags, known = np.zeros((2, self.labels), np.uint8)
        tags[own] = np.asarray(record["tags"])[theirs]
        known[own] = np.asarray(record.get("known", np.ones_like(record["tags"])))[theirs]
        return {**record, "tags": tags, "known": known}


def read_test_split(model: System, source: Source) -> _Shared:
    """The test split of other data. BadInput at another rate, or without a label of the tagger."""
    info, own = source.info, model.experiment.data.source.info
    names = [label.lower() for label in own.labels]
    places = [(i, names.index(n.lower())) for i, n in enumerate(info.labels) if n.lower() in names]
    if not places:
        raise BadInput(f"{info.name} has no tag of {model.name}: {', '.join(own.labels)}")
    if (info.sample_rate, info.channels) != (own.sample_rate, own.channels):
        theirs, wanted = (f"{i.sample_rate} Hz in {i.channels} channels" for i in (info, own))
        raise BadInput(f"{info.name} is of {theirs}, {model.name} takes {wanted}")
    source.prepare()
    return _Shared(source.open(held_out(source)), tuple(places), len(names))


def held_out_records(model: System) -> Sequence[Example]:
    """The test split that the tagger's config names, prepared if it is not."""
    source = model.experiment.data.source
    source.prepare()
    return source.open(held_out(source))


def measure_robustness(
    model: System, records: Sequence[Example], limit: int | None = None
) -> Iterator[tuple[str, Report]]:
    """(an effect, what the evaluation says of the records under it), of every effect."""
    model.require("tags")
    evaluation: Any = require_capability(Tags, model.experiment.evaluation)
    info = model.experiment.data.source.info
    for name, effect in EFFECTS.items():
        with tqdm(desc=name, unit="clip", leave=False, disable=None, file=sys.stderr) as bar:

            def progress(done: int, total: int, bar: Any = bar) -> None:
                bar.total = min(total, limit or total)
                bar.update(done - bar.n)

            changed = Changed(records, effect, info.sample_rate)
            found = evaluation.run(model.predict, changed, info, limit=limit, progress=progress)
        yield name, _with_true_tags(found)


def _with_true_tags(report: Report) -> Report:
    """The report, and the mean score of the tags that its clips have: it moves where ranks do not.

    'true_tags' [N], by clip; the mean of those that have any tag.
    """
    scores = report.scores
    if scores is None or not scores.ranking:
        return report
    own = (scores.ranking["truth"] > 0) & (scores.ranking["known"] > 0)
    total = np.where(own, scores.ranking["score"], 0.0).sum(1)
    mean = np.where(own.any(1), total / np.maximum(own.sum(1), 1), np.nan)
    means = {**scores.means, "true_tags": mean}
    metrics = {**report.metrics, "true_tags": float(np.nanmean(mean)) if own.any() else np.nan}
    return replace(report, metrics=metrics, scores=replace(scores, means=means))


def robustness_rows(reports: dict[str, Report]) -> list[dict[str, Any]]:
    """A row an effect: its metrics, and how far they lie from those without, with an interval."""
    clean, table = reports["none"], []
    for name, report in reports.items():
        row: dict[str, Any] = {"effect": name}
        differences = {}
        if name != "none" and clean.scores is not None and report.scores is not None:
            differences = resampling.paired_bootstrap(report.scores, clean.scores, _RESAMPLES)
        for metric in (one for one in _COLUMNS if one in report.metrics):
            row[metric] = report.metrics[metric]
            if metric in differences:
                found = differences[metric]
                row[f"{metric}_change"] = found.difference
                row[f"{metric}_low"], row[f"{metric}_high"] = found.interval
        table.append(row)
    return table


def _lines(table: Sequence[dict[str, Any]]) -> list[str]:
    """The table for a screen."""
    shown = [name for name in _COLUMNS if name in table[0]]
    head = f"{'':<20}" + "".join(f"  {name:>8}  {'change':<26}" for name in shown)
    made = [head.rstrip()]
    for row in table:
        line = f"{row['effect']:<20}"
        for name in shown:
            line += f"  {row.get(name, np.nan):8.4f}  {_change(row, name):<26}"
        made.append(line.rstrip())
    return [escapes.terminal_line(one) for one in made]


def _change(row: dict[str, Any], name: str) -> str:
    if f"{name}_change" not in row:
        return ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[f'{name}_change']:+.4f} [{low:+.4f}, {high:+.4f}]"


def save_robustness(
    model: System,
    reports: dict[str, Report],
    about: dict[str, Any],
    out: Path,
    results: Path | None = None,
) -> list[str]:
    """robustness.csv, .json and .png in `out`; the table as lines.

    results: a folder of results, which gets the row of this model on these data.
    """
    table = robustness_rows(reports)
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "robustness.csv", table)
    clean = reports["none"]
    facts = {"model": model.name, **about, "protocol": clean.protocol, "counts": clean.counts}
    durable.write_json(out / "robustness.json", {**facts, "rows": table}, indent=2)
    if results is not None:
        name = escapes.file_name(f"{model.name}-{about.get('data', 'folder')}")
        row = results / "robustness" / f"{name}.json"
        row.parent.mkdir(parents=True, exist_ok=True)
        durable.write_json(row, {**facts, "date": time.strftime("%Y-%m-%d"), "rows": table})
    write_figure(
        partial(_figure, table, model.name), out / "robustness.png", dpi=120, bbox_inches="tight"
    )
    return [*_lines(table), escapes.terminal_line(f"kept in {out}: robustness.csv, .json, .png")]


def _figure(table: Sequence[dict[str, Any]], name: str) -> Any:
    """Bars of each metric under each effect; the line is without any."""
    from matplotlib.figure import Figure

    shown = [metric for metric in _COLUMNS if metric in table[0]]
    made = Figure(figsize=(4.2 * len(shown) + 1.5, 3.6), layout="constrained")
    panels = made.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    places = range(len(table))
    for axes, metric in zip(panels, shown):
        values = [row.get(metric, np.nan) for row in table]
        axes.barh(places, values, color=["0.35", *["#3b6ea5"] * (len(table) - 1)], height=0.7)
        for place, row in zip(places, table):
            if f"{metric}_low" in row:
                ends = [values[0] + row[f"{metric}_{end}"] for end in ("low", "high")]
                axes.plot(ends, [place, place], color="black", linewidth=1.2)
        axes.axvline(values[0], color="0.35", linewidth=1, linestyle=":")
        axes.set(xlabel=metric, xlim=(0, 1))
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yticks(places, [row["effect"] for row in table])
    panels[0].invert_yaxis()
    made.suptitle(escapes.label(name), fontsize=10)
    return made
