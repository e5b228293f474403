"""The protocol of evaluations: from held-out records to a report of finite numbers."""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from zoo import durable, escapes
from zoo.data.source import Example, Info
from zoo.evaluation import scores_file
from zoo.metrics.resampling import Interval, Scores, intervals

HostBatch = dict[str, np.ndarray]
Monitor = tuple[str, Literal["max", "min"]]  # a metric's name, and which is better
# Compiled: batch arrays [B ...] to host arrays [B ...]. It compiles once per shape, so every
# evaluation calls it with one fixed batch shape and pads the last batch.
Predict = Callable[[HostBatch], HostBatch]
Progress = Callable[[int, int], None]  # (done, of how many; 0 where that is unknown)
FigureMaker = Callable[[], Any]  # makes a matplotlib figure; matplotlib is imported only then


@dataclass(frozen=True)
class Report:
    """The numbers of one evaluation, and how they came about."""

    metrics: dict[str, float]  # scalars; those that are not finite are left out
    protocol: str  # one sentence: what exactly was computed
    counts: dict[str, int]  # clips, tracks, undefined tags, silent frames, ...
    tables: dict[str, list[dict]] = field(default_factory=dict)
    figures: dict[str, FigureMaker] = field(default_factory=dict)
    files: dict[str, Callable[[Path], Any]] = field(default_factory=dict)  # by name: writers
    scores: Scores | None = None  # of every clip or track, where the metrics are made of such

    def __post_init__(self) -> None:
        # NumPy's scalars and NaN have no place in the JSON that checkpoints and rows are.
        object.__setattr__(self, "metrics", finite(self.metrics))

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """95 % bootstrap intervals over clips or tracks, by metric, of those made of `scores`."""
        found = intervals(self.scores) if self.scores else {}
        return {name: found[name] for name in self.metrics if name in found}


class Evaluation(Protocol):
    """A frozen dataclass of the protocol's choices.

    It may name in `shows` what a run's page has of it: see KINDS in zoo/report/figures.py.
    """

    @property
    def monitor(self) -> Monitor:
        """What 'best so far' means: a metric's name and 'max' or 'min'."""

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        """Over all records, or over the first `limit` clips or tracks."""


def in_batches(predict: Predict, examples: Iterable[HostBatch], size: int) -> Iterator[HostBatch]:
    """The prediction of every example [...], in order, through calls of one shape [size ...]."""
    examples = iter(examples)
    while group := list(islice(examples, size)):
        stacked = {key: np.stack([example[key] for example in group]) for key in group[0]}
        spare = size - len(group)
        output = predict({key: _pad(value, spare) for key, value in stacked.items()})
        output = {key: np.asarray(value) for key, value in output.items()}
        for row in range(len(group)):
            yield {key: value[row] for key, value in output.items()}


def paired_predictions(
    predict: Predict, examples: Iterable[tuple[Any, HostBatch]], size: int
) -> Iterator[tuple[Any, HostBatch]]:
    """(what belongs to an example, its prediction) of every (what belongs to it, example)."""
    waiting: deque = deque()  # those whose prediction is still to come: no more than a batch

    def alone() -> Iterator[HostBatch]:
        for own, example in examples:
            waiting.append(own)
            yield example

    for output in in_batches(predict, alone(), size):
        yield waiting.popleft(), output


def first(
    records: Sequence[Example], limit: int | None, progress: Progress | None
) -> Iterator[tuple[int, Example]]:
    """All records, or the first `limit`, with their numbers; `progress` is called after each."""
    total = min(len(records), limit or len(records))
    for index in range(total):
        yield index, records[index]
        if progress:
            progress(index + 1, total)


def _pad(stacked: np.ndarray, spare: int) -> np.ndarray:
    if not spare:
        return stacked
    return np.concatenate([stacked, np.zeros((spare, *stacked.shape[1:]), stacked.dtype)])


def _to_float(pcm: np.ndarray) -> np.ndarray:
    """int16 PCM [...] to float32 [...] in [-1, 1); floating point passes as float32."""
    if pcm.dtype == np.int16:
        return pcm.astype(np.float32) / 32768
    return np.asarray(pcm, np.float32)


def unpadded_audio(record: Example, key: str = "audio") -> np.ndarray:
    """The record's audio [T C] or stems [S T C] as float32, without the zeros that fill it up.

    The one way to a record's sound: what a short file is filled with is no part of it.
    """
    length = record.get("length")
    return _to_float(record[key][:, :length] if key == "stems" else record[key][:length])


def padded_audio(record: Example, key: str = "audio") -> tuple[np.ndarray, int]:
    """(audio [T C] float32 with the zeros that fill it up, samples that are the record's own).

    For programs that are compiled for one length; what is scored has to end with the sound.
    """
    audio = _to_float(record[key])
    return audio, int(record.get("length", len(audio)))


def record_name(record: Example, index: int) -> str:
    """What a record is called among the scores of a split: its track and its place in it."""
    return f"{record['track']}#{record.get('chunk', index)}"


def sounding_frames(record: Example, key: str, hop: int) -> np.ndarray:
    """What a record has of every `hop` samples, [F ...], as far as its sound goes."""
    length = int(record.get("length", len(record[key]) * hop))
    return np.asarray(record[key])[: -(-length // hop)]


def finite(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics that are numbers, as Python floats: an undefined one is left out, not zero."""
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}


def save_report(report: Report, folder: str | Path) -> Path:
    """report.json, scores.npz, a CSV per table, a PNG per figure and further files, in a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in report.tables.items():
        write_table(folder / f"{name}.csv", rows)
    for name, make in report.figures.items():
        write_figure(make, folder / f"{name}.png", dpi=150, bbox_inches="tight")
    for name, write in report.files.items():
        write(folder / name)
    if report.scores is not None:
        scores_file.write_scores(folder / "scores.npz", report.scores)
    shown = ("protocol", "metrics", "intervals", "counts")
    summary = {key: getattr(report, key) for key in shown}
    durable.write_json(folder / "report.json", summary, indent=2)
    return folder


def write_figure(make: FigureMaker, path: str | Path, **how: Any) -> bool:
    """Makes a figure and writes it; where it cannot be drawn, a line says so and work goes on.

    raises OSError where the place takes no file.
    """
    try:
        with durable.name_path_in_errors(path):
            make().savefig(path, **how)
    except OSError:
        raise
    except Exception as error:  # matplotlib's own, of whatever a name or number did to it
        line = escapes.terminal_line(f"{path} is left out: {type(error).__name__}: {error}")
        print(line[:300], file=sys.stderr)
        return False
    return True


def write_table(path: str | Path, rows: list[dict]) -> None:
    """Rows as CSV; columns in the order in which they first appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (
        durable.name_path_in_errors(path),
        Path(path).open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns)
        writer.writerow({column: escapes.cell(column) for column in columns})
        writer.writerows({key: escapes.cell(value) for key, value in row.items()} for row in rows)
