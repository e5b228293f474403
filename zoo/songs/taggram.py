"""Tags over time of a user's own song of any length: scores, CSV, JSON and a figure."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from zoo import durable, escapes
from zoo.audio.audio_files import SILENCE
from zoo.audio.blocks import Blocks, Song, open_song, read_blocks, remix, resample_blocks
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict, in_batches, paired_predictions
from zoo.songs.segments import Segments, read_windows

Made = TypeVar("Made")
Embedded = tuple[np.ndarray, np.ndarray, np.ndarray]  # starts [N] s, vectors [N D], the song's [D]
Opens = Callable[[], tuple[Blocks, int]]  # a song: [n C] in blocks, at so many Hz. raises BadInput


@dataclass(frozen=True)
class Listener:
    """How a song is cut for a tagger. samples, rate, channels: those of its training.

    hop: samples between segments (None: side by side). The last segment is filled up with silence,
    or left out where less than half of it would be music; `song_mean` leaves it out anyway.
    """

    samples: int
    rate: int
    channels: int = 1
    hop: int | None = None
    batch: int = 16
    key: str = "audio"


@dataclass(frozen=True)
class Taggram:
    """Scores [N K] of the segments that start at `times` [N] (s) and last `seconds` each."""

    times: np.ndarray
    scores: np.ndarray
    labels: tuple[str, ...]
    seconds: float
    duration: float  # of the song, s

    @property
    def edges(self) -> np.ndarray:
        """Where the columns of a picture end, [N + 1] (s): half way between segments' centres."""
        middle = (self.times[1:] + self.times[:-1] + self.seconds) / 2
        return np.array([0.0, *middle, max(self.duration, self.times[-1] + self.seconds / 2)])

    @property
    def mean(self) -> np.ndarray:
        """The song's own score of every tag, as `song_mean` has it, [K]."""
        return song_mean(self.scores, self.times, self.seconds, self.duration)

    def top(self, count: int | None = None) -> list[tuple[str, float]]:
        """The strongest tags with their mean scores, strongest first."""
        order = np.argsort(-self.mean, kind="stable")[:count]
        return [(self.labels[index], float(self.mean[index])) for index in order]


def song_mean(rows: np.ndarray, times: np.ndarray, seconds: float, duration: float) -> np.ndarray:
    """Mean over the segments that lie within the song, [N ...] -> [...].

    As evaluations and publishers cut a clip: a rest that fills no segment does not count, but where
    it is all there is. times [N], seconds: where segments start, and how long they are.
    """
    whole = times + seconds <= duration + 1e-6
    return rows[whole].mean(0) if whole.any() else rows.mean(0)


def tags_over_time(
    predict: Predict, blocks: Blocks, rate: int, how: Listener, labels: Iterable[str]
) -> Taggram:
    """The tags of a song [n C] in blocks (or [audio]) at `rate` Hz, in constant memory.

    Raises BadInput for a song without samples, or of silence, for which a model has tags too.
    """
    song = SongOutputs(how)
    song.run(predict, blocks, rate, "prediction")
    return song.taggram(labels)


@dataclass
class SongOutputs:
    """One song on its way through a model: its length and peak so far, and the outputs [N ...]."""

    how: Listener
    length: int = 0
    peak: float = 0.0
    rows: list[np.ndarray] = field(default_factory=list)

    @property
    def cut(self) -> Segments:
        return Segments(self.how.samples, hop=self.how.hop, window="fade")

    def run(self, predict: Predict, blocks: Blocks, rate: int, output: str) -> None:
        """All segments of a song, in batches of its own."""
        for found in in_batches(predict, self.segments(blocks, rate), self.how.batch):
            self.rows.append(found[output])

    def segments(self, blocks: Blocks, rate: int) -> Iterator[HostBatch]:
        """What the model reads of a song [n C] at `rate` Hz, one by one."""
        cut, how = self.cut, self.how
        windows = read_windows(self._counted(blocks, rate), cut, how.channels)
        for index, (window, fresh) in enumerate(windows):
            if not index or 2 * fresh >= min(how.samples, 2 * cut.step):
                yield {how.key: window}

    def _counted(self, blocks: Blocks, rate: int) -> Iterator[np.ndarray]:
        for block in remix(resample_blocks(blocks, rate, self.how.rate), self.how.channels):
            self.length += len(block)
            self.peak = max(self.peak, float(np.abs(block).max(initial=0.0)))
            yield block

    def gathered(self) -> tuple[np.ndarray, np.ndarray, float]:
        """(starts [N] s, outputs [N ...], duration in s). BadInput where it was empty or silent."""
        if not self.rows:
            raise BadInput("the song holds no samples: export or download it anew.")
        if self.peak < SILENCE:
            raise BadInput("the song is silent, never above -60 dBFS: give one with sound in it.")
        times = np.arange(len(self.rows)) * (self.cut.step / self.how.rate)
        return times, np.asarray(self.rows, np.float32), self.length / self.how.rate

    def taggram(self, labels: Iterable[str]) -> Taggram:
        """All of it. Raises BadInput where it was empty or silent, or the labels do not fit."""
        labels = tuple(labels)
        times, scores, duration = self.gathered()
        if scores.shape[1:] != (len(labels),):
            shape = list(scores.shape[1:])
            raise BadInput(f"the model gives scores {shape} for {len(labels)} labels.")
        return Taggram(times, scores, labels, self.how.samples / self.how.rate, duration)

    def embedded(self) -> Embedded:
        """Vectors, and their `song_mean`. Raises BadInput where the song was empty or silent."""
        times, rows, duration = self.gathered()
        return times, rows, song_mean(rows, times, self.how.samples / self.how.rate, duration)


def tag_file(predict: Predict, path: str | Path, how: Listener, labels: Iterable[str]) -> Taggram:
    """As `tags_over_time`, of a wav, flac, ogg or mp3 file of any rate and channel count."""
    song = _as_read(path, how.channels)
    return tags_over_time(predict, read_blocks(song), song.rate, how, labels)


def tag_files(
    predict: Predict,
    paths: Iterable[Path],
    how: Listener,
    labels: Iterable[str],
    check: Callable[[Path], None] = lambda path: None,
) -> Iterator[Taggram | BadInput]:
    """As `tag_file` of every file, in order, or why there is none; short files share batches.

    check: raises BadInput for what is not to be read.
    """
    return tag_songs(predict, open_songs(paths, how.channels, check), how, labels)


def tag_songs(
    predict: Predict, songs: Iterable[Opens], how: Listener, labels: Iterable[str]
) -> Iterator[Taggram | BadInput]:
    """As `tags_over_time` of every song, in order, or why there are none; they share batches."""
    names = tuple(labels)
    return outputs_of(predict, songs, how, "prediction", lambda song: song.taggram(names))


def outputs_of(
    predict: Predict,
    songs: Iterable[Opens],
    how: Listener,
    output: str,
    made: Callable[[SongOutputs], Made],
) -> Iterator[Made | BadInput]:
    """What is `made` of the `output` of every song, in order; short songs share batches."""
    failed: dict[int, BadInput] = {}
    found: list[SongOutputs] = []

    def segments() -> Iterator[tuple[int, HostBatch]]:
        for number, opens in enumerate(songs):
            found.append(SongOutputs(how))
            try:
                for segment in found[-1].segments(*opens()):
                    yield number, segment
            except BadInput as error:
                failed[number] = error

    def result(number: int) -> Made | BadInput:
        whole, found[number] = found[number], SongOutputs(how)
        try:
            return failed.get(number) or made(whole)
        except BadInput as error:
            return error

    done = 0
    for number, outputs in paired_predictions(predict, segments(), how.batch):
        yield from map(result, range(done, number))
        done = number
        found[number].rows.append(outputs[output])
    yield from map(result, range(done, len(found)))


def open_songs(
    paths: Iterable[Path], channels: int, check: Callable[[Path], None] = lambda path: None
) -> Iterator[Opens]:
    """Files as songs of no more channels. check: raises BadInput for what is not to be read."""

    def opens(path: Path) -> tuple[Blocks, int]:
        check(path)
        song = _as_read(path, channels)
        return read_blocks(song), song.rate

    return (partial(opens, path) for path in paths)


def _as_read(path: str | Path, channels: int) -> Song:
    """Mixed down while its format is known, which decides what order surround channels have."""
    song = open_song(path)
    return replace(song, channels=min(song.channels, channels))


def write_csv(taggram: Taggram, path: str | Path) -> None:
    """A line per segment: its start in seconds, then one score per tag."""
    with (
        durable.name_path_in_errors(path),
        Path(path).open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["time", *map(escapes.cell, taggram.labels)])
        for time, scores in zip(taggram.times, taggram.scores):
            writer.writerow([f"{time:.3f}", *(f"{score:.6f}" for score in scores)])


def write_tags(taggram: Taggram, path: str | Path, count: int | None = None) -> None:
    """The song's strongest tags with their mean scores, its duration and the segments' length."""
    facts = {
        "duration": round(taggram.duration, 3),
        "segment": round(taggram.seconds, 3),
        "segments": len(taggram.times),
        "tags": {label: round(score, 6) for label, score in taggram.top(count)},
    }
    durable.write_atomically(path, json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


def taggram_figure(taggram: Taggram, count: int = 15):
    """A matplotlib figure: the strongest tags over time, and their means beside them."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    top = taggram.top(count)
    rows = [taggram.labels.index(label) for label, _ in top]
    figure = Figure(figsize=(11, 1.2 + 0.26 * len(rows)))
    image, bars = figure.subplots(1, 2, sharey=True, width_ratios=(5, 1))
    mesh = image.pcolormesh(
        taggram.edges,
        np.arange(len(rows) + 1) - 0.5,
        taggram.scores[:, rows].T,
        vmin=0,
        cmap="magma",
    )
    image.set_yticks(range(len(rows)), [escapes.label(label) for label, _ in top])
    image.invert_yaxis()
    image.xaxis.set_major_formatter(FuncFormatter(lambda s, _: f"{int(s // 60)}:{int(s % 60):02}"))
    image.set_xlabel("time (min:s)")
    bars.barh(range(len(rows)), [score for _, score in top], color="#3b6ea5", height=0.7)
    bars.set(xlim=(0, max(top[0][1] * 1.05, 1e-3)), xlabel="mean score")
    bars.spines[["top", "right"]].set_visible(False)
    bars.tick_params(left=False)
    figure.tight_layout()
    figure.colorbar(mesh, ax=bars, label="score")
    return figure
