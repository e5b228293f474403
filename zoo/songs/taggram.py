"""Tags over time of a user's own song of any length: scores, CSV, JSON and a figure."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zoo.audio.audio_files import SILENCE
from zoo.audio.blocks import Blocks, open_song, read_blocks, remix, resample
from zoo.errors import BadInput
from zoo.evaluation.base import Batch, Predict, in_batches
from zoo.songs.segments import Segments, read_windows


@dataclass(frozen=True)
class Listener:
    """How a tagger hears a song. samples, rate, channels: what it was trained on.

    hop: samples between segments (None: side by side). The last segment is filled up with silence,
    or left out where less than half of it would be music.
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
        """The song's own score of every tag: the mean over segments, [K]."""
        return self.scores.mean(0)

    def top(self, count: int | None = None) -> list[tuple[str, float]]:
        """The strongest tags with their mean scores, strongest first."""
        order = np.argsort(-self.mean, kind="stable")[:count]
        return [(self.labels[index], float(self.mean[index])) for index in order]


def tags_over_time(
    predict: Predict, blocks: Blocks, rate: int, how: Listener, labels: Iterable[str]
) -> Taggram:
    """The tags of a song [n C] in blocks (or [audio]) at `rate` Hz, in constant memory.

    Raises BadInput for a song without samples, or of silence, for which a model has tags too.
    """
    labels = tuple(labels)
    times, scores, duration = segment_by_segment(predict, blocks, rate, how)
    if scores.shape[1:] != (len(labels),):
        raise BadInput(f"the model gives scores {list(scores.shape[1:])} for {len(labels)} labels.")
    return Taggram(times, scores, labels, how.samples / how.rate, duration)


def segment_by_segment(
    predict: Predict, blocks: Blocks, rate: int, how: Listener, output: str = "prediction"
) -> tuple[np.ndarray, np.ndarray, float]:
    """(starts of the segments [N] s, `output` of each [N ...], the song's duration in s).

    Raises BadInput for a song without samples, or of silence.
    """
    cut = Segments(how.samples, hop=how.hop, window="fade")
    heard, loudest = 0, 0.0

    def counted() -> Iterator[np.ndarray]:
        nonlocal heard, loudest
        for block in remix(resample(blocks, rate, how.rate), how.channels):
            heard += len(block)
            loudest = max(loudest, float(np.abs(block).max(initial=0.0)))
            yield block

    def segments() -> Iterator[Batch]:
        for index, (window, fresh) in enumerate(read_windows(counted(), cut, how.channels)):
            if not index or 2 * fresh >= min(how.samples, 2 * cut.step):
                yield {how.key: window}

    rows = [found[output] for found in in_batches(predict, segments(), how.batch)]
    if not rows:
        raise BadInput("the song holds no samples: export or download it anew.")
    if loudest < SILENCE:
        raise BadInput("the song is silent, never above -60 dBFS: give one with sound in it.")
    times = np.arange(len(rows)) * (cut.step / how.rate)
    return times, np.asarray(rows, np.float32), heard / how.rate


def tag_file(predict: Predict, path: str | Path, how: Listener, labels: Iterable[str]) -> Taggram:
    """As `tags_over_time`, of a wav, flac, ogg or mp3 file of any rate and channel count."""
    song = open_song(path)
    # Mixed down while its format is known, which decides what order surround channels have.
    song = replace(song, channels=min(song.channels, how.channels))
    return tags_over_time(predict, read_blocks(song), song.rate, how, labels)


def write_csv(taggram: Taggram, path: str | Path) -> None:
    """A line per segment: its start in seconds, then one score per tag."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *taggram.labels])
        for time, scores in zip(taggram.times, taggram.scores):
            writer.writerow([f"{time:.3f}", *(f"{score:.6f}" for score in scores)])


def write_json(taggram: Taggram, path: str | Path, count: int | None = None) -> None:
    """The song's strongest tags with their mean scores, its duration and the segments' length."""
    facts = {
        "duration": round(taggram.duration, 3),
        "segment": round(taggram.seconds, 3),
        "segments": len(taggram.times),
        "tags": {label: round(score, 6) for label, score in taggram.top(count)},
    }
    Path(path).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


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
    image.set_yticks(range(len(rows)), [label for label, _ in top])
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
