"""Tagging of held-out clips: sigmoids of segments, averaged per clip, ranked over clips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from zoo import escapes
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    FigureMaker,
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    paired_predictions,
    record_name,
    unpadded_audio,
    write_figure,
)
from zoo.metrics.resampling import Scores
from zoo.songs.taggram import (
    Embedded,
    Listener,
    Opens,
    SongOutputs,
    Taggram,
    outputs_of,
    tag_file,
    tag_files,
    tag_songs,
    taggram_figure,
    write_csv,
    write_tags,
)

if TYPE_CHECKING:
    from zoo.metrics.ranking import Ranking


@dataclass(frozen=True)
class Tagging:
    """Macro ROC-AUC and PR-AUC of mean segment scores.

    samples: what the model reads. A clip is cut into consecutive segments with `hop` (None: side by
    side, the rest that fills no segment is left out: Lee, Kim, Pons), or into `segments` evenly
    spaced ones (Won: 16, hop (length - samples) // 16). A shorter clip is filled up with zeros.
    group: what one row of the ranking is, a 'record' or all records of one 'track'.
    """

    shows: ClassVar[tuple[str, ...]] = ("filters", "taggram")

    samples: int
    batch: int = 16
    hop: int | None = None
    segments: int | None = None
    key: str = "audio"
    group: Literal["record", "track"] = "record"

    def __post_init__(self) -> None:
        if self.hop is not None and self.segments is not None:
            raise BadInput("hop and segments are two ways to cut a clip: give one of them.")

    @property
    def monitor(self) -> Monitor:
        return "pr_auc", "max"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        clips = self.clip_scores(predict, records, limit, progress)
        return self._report(clips, info)

    def clip_scores(
        self,
        predict: Predict,
        records: Sequence[Example],
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> list[_ClipScores]:
        """Summed segment scores and labels of every clip, in order of first appearance."""
        clips: dict[str, _ClipScores] = {}

        def cuts() -> Iterator[tuple[_ClipScores, HostBatch]]:
            for index in range(len(records)):
                record = records[index]
                by_track = self.group == "track"
                name = str(record["track"]) if by_track else record_name(record, index)
                if name not in clips:
                    if len(clips) == limit:
                        return
                    clips[name] = _ClipScores.of(name, record)
                for segment in self.cut(unpadded_audio(record)):
                    yield clips[name], {self.key: segment}
                if progress:
                    progress(index + 1, len(records))

        for clip, output in paired_predictions(predict, cuts(), self.batch):
            clip.add(output["prediction"])
        if not clips:
            raise BadInput("no clips to evaluate: choose another split, or prepare the data anew.")
        return list(clips.values())

    def cut(self, audio: np.ndarray) -> Iterator[np.ndarray]:
        """Segments [samples C] of a clip [T C]; at least one."""
        spare = len(audio) - self.samples
        if spare < 0:
            audio = np.pad(audio, ((0, -spare), (0, 0)))
        if self.segments is None:
            starts: Sequence[int] = range(0, max(spare, 0) + 1, self.hop or self.samples)
        else:
            step = max(spare, 0) // self.segments
            starts = [index * step for index in range(self.segments)]
        for start in starts:
            yield audio[start : start + self.samples]

    def listener(self, info: Info) -> Listener:
        """How a song is cut for the model."""
        return Listener(
            self.samples, info.sample_rate, info.channels, self.hop, self.batch, self.key
        )

    def taggrams(
        self, predict: Predict, songs: Iterable[Opens], info: Info
    ) -> Iterator[Taggram | BadInput]:
        """Scores over time of each song, in order, or why there are none."""
        return tag_songs(predict, songs, self.listener(info), info.labels)

    def embeddings(
        self, embed: Predict, songs: Iterable[Opens], info: Info
    ) -> Iterator[Embedded | BadInput]:
        """{'embedding'} of `embed` of each song, in order, or why there is nothing."""
        return outputs_of(embed, songs, self.listener(info), "embedding", SongOutputs.embedded)

    def predict_file(
        self,
        predict: Predict,
        path: str | Path,
        folder: str | Path,
        info: Info,
        *,
        figures: bool = True,
    ) -> str:
        """A user's song into folder/{tags.csv, tags.json, page.html}; its top tags.

        figures: taggram.png, too.
        """
        taggram = tag_file(predict, path, self.listener(info), info.labels)
        return self.write_file(taggram, path, folder, figures=figures)

    def predict_files(
        self, predict: Predict, paths: Iterable[Path], info: Info, check: Callable[[Path], None]
    ) -> Iterator[Taggram | BadInput]:
        """What `write_file` takes of each file, in order, or why there is nothing."""
        return tag_files(predict, paths, self.listener(info), info.labels, check)

    def write_file(
        self, taggram: Taggram, path: str | Path, folder: str | Path, *, figures: bool
    ) -> str:
        """The tags of a song as `predict_file` writes them; its top tags."""
        from zoo.pages.taggram import write_taggram

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(taggram, folder / "tags.csv")
        write_tags(taggram, folder / "tags.json")
        if figures:
            picture = partial(taggram_figure, taggram)
            write_figure(picture, folder / "taggram.png", dpi=120, bbox_inches="tight")
        write_taggram(taggram, folder / "page.html", path)
        top = ", ".join(f"{label} {score:.2f}" for label, score in taggram.top(5))
        return f"{Path(path).name}: {top}; {taggram.duration:.1f} s, look at {folder / 'page.html'}"

    def _report(self, clips: Sequence[_ClipScores], info: Info) -> Report:
        from zoo.metrics.ranking import rank_tags  # scikit-learn

        scores = np.stack([clip.total / clip.segments for clip in clips])
        tags = np.stack([clip.tags for clip in clips])
        known = np.stack([clip.known for clip in clips])
        ranking = rank_tags(tags, scores, known, info.labels)
        metrics = {"roc_auc": ranking.roc_auc, "pr_auc": ranking.average_precision}
        single = (known > 0).all(1) & (tags.sum(1) == 1)
        right = np.where(single, scores.argmax(1) == tags.argmax(1), np.nan)
        one_class = 2 * single.sum() > len(single)  # genres, instruments
        if one_class:
            metrics["accuracy"] = float(np.mean(right[single]))
        counts = {
            f"{self.group}s": len(scores),
            "segments": sum(clip.segments for clip in clips),
            "unknown_labels": int((known == 0).sum()),
            "without_one_tag": int((~single).sum()),
            "undefined_roc_auc": len(ranking.undefined_roc_auc),
            "undefined_pr_auc": len(ranking.undefined_average_precision),
        }
        rows = _tag_rows(ranking, tags, known, info.labels)
        sentence = self._sentence(info, ranking)
        names = np.array([clip.name for clip in clips])
        ranked: dict[str, np.ndarray] = {
            "truth": tags.astype(np.uint8),
            "score": scores,
            "known": known > 0,
        }
        return Report(
            metrics,
            sentence,
            counts,
            {"per_tag": rows},
            {"tags": tag_bars(rows)},
            scores=Scores(names, {"accuracy": right} if one_class else {}, ranking=ranked),
        )

    def _sentence(self, info: Info, ranking: Ranking) -> str:
        cut = f"{self.segments} evenly spaced" if self.segments else "consecutive"
        undefined = ", ".join(ranking.undefined_roc_auc) or "none"
        return (
            f"Mean over tags of ROC-AUC and of average precision (pr_auc), both by scikit-learn, a "
            f"{self.group}'s score being its mean over {cut} segments of {self.samples} samples "
            f"at {info.sample_rate} Hz; unknown labels masked; tags without both classes are left "
            f"out of the means: {undefined}. Accuracy, where most {self.group}s have one tag, is "
            "over these."
        )


@dataclass
class _ClipScores:
    """Running sum of one clip's segment scores [K], beside its labels."""

    name: str
    tags: np.ndarray
    known: np.ndarray
    total: np.ndarray
    segments: int = 0

    @classmethod
    def of(cls, name: str, record: Example) -> _ClipScores:
        tags = np.asarray(record["tags"])
        known = np.asarray(record.get("known", np.ones_like(tags)))
        return cls(name, tags, known, np.zeros(tags.shape, np.float64))

    def add(self, scores: np.ndarray) -> None:
        if scores.shape != self.total.shape:
            raise BadInput(
                f"the model gives scores {list(scores.shape)} for labels {list(self.total.shape)}: "
                "evaluate it on data with its own tags."
            )
        self.total += scores
        self.segments += 1


def _tag_rows(
    ranking: Ranking, tags: np.ndarray, known: np.ndarray, labels: Sequence[str]
) -> list[dict]:
    """One row per tag: its AUCs (NaN where undefined) and how many labels they rest on."""
    return [
        {
            "tag": label,
            "roc_auc": float(ranking.roc_auc_per_tag[index]),
            "pr_auc": float(ranking.average_precision_per_tag[index]),
            "positives": int((tags[:, index] * (known[:, index] > 0)).sum()),
            "known": int((known[:, index] > 0).sum()),
        }
        for index, label in enumerate(labels)
    ]


def tag_bars(rows: Sequence[dict]) -> FigureMaker:
    """A maker of the figure 'AUCs of every tag, best first'; yellow marks are what chance gives."""

    def make():
        from matplotlib.figure import Figure

        shown = [row for row in rows if np.isfinite(row["pr_auc"])]
        shown.sort(key=lambda row: row["pr_auc"])
        figure = Figure(figsize=(8, 1.2 + 0.22 * len(shown)))
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, name, title in (
            (left, "pr_auc", "average precision"),
            (right, "roc_auc", "ROC-AUC"),
        ):
            axes.barh(range(len(shown)), [row[name] for row in shown], color="#3b6ea5", height=0.7)
            chance = [row["positives"] / row["known"] if name == "pr_auc" else 0.5 for row in shown]
            axes.plot(
                chance, range(len(shown)), "|", color="#ffc95e", markersize=9, markeredgewidth=2
            )
            axes.set(xlim=(0, 1), xlabel=title, ylim=(-0.6, len(shown) - 0.4))
            axes.spines[["top", "right"]].set_visible(False)
        left.set_yticks(range(len(shown)), [escapes.label(row["tag"]) for row in shown], fontsize=8)
        figure.tight_layout()
        return figure

    return make
