"""Separation of held-out tracks, scored second by second as museval does."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice, zip_longest
from typing import Any, ClassVar, Literal

import numpy as np

from zoo.audio.blocks import Blocks, reblock
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import Monitor, Predict, Progress, Report, unpadded_audio
from zoo.evaluation.separation_rows import (
    TrackRow,
    aggregate,
    box_plot,
    track_rows,
    track_scores,
    write_museval,
)
from zoo.metrics.sdr import framewise_sdr, framewise_si_sdr, silent_frames
from zoo.metrics.separation_tables import METRICS
from zoo.songs.oracle import separate_known
from zoo.songs.segments import identity_error
from zoo.songs.separating import REFERENCE_LOUDNESS, Separator, separate

ACCOMPANIMENT = "accompaniment"


@dataclass(frozen=True)
class Separation:
    """Framewise ratios of every named stem, at the rate of the records.

    Consecutive records of one `track` are joined to a whole song and separated by `how`. A source
    named 'accompaniment' is the sum of all stems that are not named themselves. ratios: 'sdr' needs
    no filters and streams; 'full' adds ISR, SIR and SAR (512 taps, audio rounded to 16 bit, one
    track in memory). seconds: window and hop of a frame. oracle: the system is given the references
    beside the mixture, as 'stems' [B T S C]. only_present: of every track only the stems that play
    in it are scored, and labels of these are given to a model that takes some; the others have no
    score there, and no part in a mean.
    """

    shows: ClassVar[tuple[str, ...]] = ("stems",)

    how: Separator
    ratios: Literal["sdr", "full"] = "sdr"
    seconds: float = 1.0
    oracle: bool = False
    only_present: bool = False

    @property
    def monitor(self) -> Monitor:
        return "sdr_median_of_track_medians/average", "max"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        drift = identity_error(self.how.segments)
        if drift > 1e-5:
            raise BadInput(f"these segments change the song by {drift:.3g} before any model does.")
        rows: list[TrackRow] = []
        for track, span in islice(track_spans(records), limit):
            rows += self.score(predict, records, track, span, info)
            if progress:
                progress(span.stop, len(records))
        return self.report(rows, info)

    def stems(
        self, predict: Predict, song: Callable[[], Blocks], rate: int, **choices: Any
    ) -> dict[str, np.ndarray]:
        """A song as its stems by name, [T C] each, at the song's own rate and channels.

        song(): its blocks [n C], afresh. choices: fields of `how`, as shifts or residual.
        """
        if self.oracle:
            raise BadInput("it needs the stems of what it separates: it can only be scored")
        how = replace(self.how, **{"loudness": REFERENCE_LOUDNESS, **choices})
        parts = list(separate(predict, song, rate, how))
        return dict(zip(how.stems, np.concatenate(parts, 1)))

    def score(
        self, predict: Predict, records: Sequence[Example], track: str, span: range, info: Info
    ) -> list[TrackRow]:
        """One track's rows {'track', 'stem', 'time', 'SDR', ...}, one per frame and stem."""

        def mix() -> Iterator[np.ndarray]:
            return (mixture(records[index]) for index in span)

        how = playing(self.how, records, span, info) if self.only_present else self.how
        if not how.playing:
            return []
        targets = stem_getter(how, info)
        references = (targets(records[index]) for index in span)
        if self.oracle:
            known = ((mixture(records[index]), targets(records[index])) for index in span)
            alone = replace(how, sources=how.playing, present=None)
            stems = separate_known(predict, known, alone, info)
        else:
            stems = separate(predict, mix, info.sample_rate, how)
        return self.rows(track, references, stems, info.sample_rate, how.playing)

    def rows(
        self,
        track: str,
        references: Iterable[np.ndarray],
        stems: Iterable[np.ndarray],
        rate: int,
        names: Sequence[str] | None = None,
    ) -> list[TrackRow]:
        """The rows of a track, by blocks [S n C] of its references and of their estimates.

        names: of these stems; None: all sources.
        """
        names = self.how.sources if names is None else names
        window = round(self.seconds * rate)
        pairs = matched_blocks(reblock(references, window), reblock(stems, window))
        full = self.ratios == "full"
        frames = self._full(pairs, window, names) if full else _streamed(pairs, window)
        return [
            {"track": track, "stem": stem, "time": index * self.seconds}
            | {name: _of(value, source) for name, value in frame.items()}
            for index, frame in enumerate(frames)
            for source, stem in enumerate(names)
        ]

    def _full(
        self, pairs: Iterator, window: int, names: Sequence[str]
    ) -> Iterator[dict[str, np.ndarray]]:
        from zoo.metrics.bss_eval import bss_eval  # scipy.linalg

        parts = [(reference, estimate[: len(reference)]) for reference, estimate in pairs]
        reference, estimate = (np.concatenate(side, 1) for side in zip(*parts))
        length = reference.shape[1]
        if any(silent_frames(x, length, length).any() for x in (reference, estimate)):
            yield from _streamed(parts, window)  # undefined for BSSEval: NaN, and counted as such
            return
        scores = bss_eval(reference, estimate, window, window, names=names)
        invariant = framewise_si_sdr(reference, estimate, window, window)
        for frame in range(invariant.shape[1]):
            ratios = {name: getattr(scores, name.lower())[:, frame] for name in METRICS}
            at = slice(frame * window, (frame + 1) * window)
            why = _silence(reference[:, at], estimate[:, at])
            yield ratios | {"SI-SDR": invariant[:, frame], "silent": why}

    def report(self, rows: list[TrackRow], info: Info) -> Report:
        """The report of the rows of all tracks."""
        names = (*(METRICS if self.ratios == "full" else ("SDR",)), "SI-SDR")
        metrics: dict[str, float] = {}
        for name in names:
            metrics |= aggregate(rows, name)
        first = {(row["track"], row["time"]): row["silent"] for row in rows}  # of every frame
        why = Counter(first.values())
        scored = {row["track"] for row in rows if np.isfinite(row["SDR"])}
        counts = {
            "tracks": len(scored),
            "tracks_without_score": len({row["track"] for row in rows} - scored),
            "frames": len(first),
            "silent_frames": why["reference"] + why["estimate"],
            "reference_silent_frames": why["reference"],
            "estimate_silent_frames": why["estimate"],
            "perfect_frames": sum(bool(np.isposinf(row["SDR"])) for row in rows),
        }
        per_track = track_rows(rows, names)
        absent = len(self.how.sources) * len({row["track"] for row in rows}) - len(per_track)
        if self.only_present:
            counts["absent_stems"] = absent
        tables = {"per_track": per_track, "per_frame": rows}
        figures = {"sdr": box_plot(per_track)}
        files = {"museval": lambda folder: write_museval(rows, folder, self.seconds)}
        sentence = self._sentence(info, absent) + _warned(why["estimate"], len(first))
        scores = track_scores(per_track, names)
        return Report(metrics, sentence, counts, tables, figures, files, scores)

    def _sentence(self, info: Info, absent: int) -> str:
        alone = (
            " Of every track only the stems that are present are scored: those that do not play "
            f"({absent} over all tracks) are undefined and in no mean."
        )
        return (
            f"BSSEval v4 image ratios (as museval) of {', '.join(self.how.sources)} in frames of "
            f"{self.seconds:g} s at {info.sample_rate} Hz, {info.channels} channel(s); frames in "
            "which any stem or estimate is silent, and infinite ratios, are left out."
            + (alone if self.only_present else "")
            + (" The system was given the references." if self.oracle else "")
        )


def matched_blocks(
    references: Iterator[np.ndarray], estimates: Iterator[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of blocks [S n C], [S' n C]. raises BadInput where lengths or channels differ."""
    none = np.zeros((0, 0, 0))
    for reference, estimate in zip_longest(references, estimates, fillvalue=none):
        if reference.shape[1:] != estimate.shape[1:] or len(estimate) < len(reference):
            raise BadInput(
                f"estimates of {_size(estimate)} beside references of {_size(reference)}: let both "
                "have the same stems, samples and channels"
            )
        yield reference, estimate


def _size(block: np.ndarray) -> str:
    return "{} stems, {} samples in a frame and {} channels".format(*block.shape)


def _silence(reference: np.ndarray, estimate: np.ndarray) -> str:
    """Why a frame [S n C] is left out: 'reference', 'estimate' where all of that sounds, or ''."""
    for name, signal in (("reference", reference), ("estimate", estimate)):
        if silent_frames(signal, signal.shape[1], signal.shape[1]).any():
            return name
    return ""


def _warned(silent: int, frames: int) -> str:
    """A sentence, also on standard error, where silent estimates take frames from every stem."""
    if not silent:
        return ""
    text = (
        f"Warning: in {silent} of {frames} frames an estimate is silent though every reference "
        "sounds; they count for no stem, which flatters the system."
    )
    print(text, file=sys.stderr)
    return f" {text}"


def _of(value: np.ndarray | str, source: int) -> float | str:
    """A source's ratio, or what a frame says of all of them."""
    return value if isinstance(value, str) else float(value[source])


def track_spans(records: Sequence[Example]) -> Iterator[tuple[str, range]]:
    """Consecutive records of one track, in order, read no further than asked for."""
    named = ((index, str(records[index]["track"])) for index in range(len(records)))
    for track, group in groupby(named, key=lambda pair: pair[1]):
        indices = [index for index, _ in group]
        yield track, range(indices[0], indices[-1] + 1)


def mixture(record: Example) -> np.ndarray:
    """The record's mix [T C] float32: its `audio`, or else the sum of its stems; no padding."""
    if "audio" in record:
        return unpadded_audio(record)
    return unpadded_audio(record, "stems").sum(0)


def stem_getter(how: Separator, info: Info) -> Callable[[Example], np.ndarray]:
    """record -> references [S T C] float32 of the sources that play, in the model's order."""
    picked = _picks(how, info)
    picks = [picked[name] for name in how.playing]

    def references(record: Example) -> np.ndarray:
        stems = unpadded_audio(record, "stems")
        return np.stack([stems[pick].sum(0) for pick in picks])

    return references


def playing(how: Separator, records: Sequence[Example], span: range, info: Info) -> Separator:
    """The separator of one track: which sources are present in its records, or sound in them."""
    picks = _picks(how, info)
    first = records[span[0]]
    if "present" in first:
        marks = np.asarray(first["present"], bool)
    else:
        marks = np.any([np.any(unpadded_audio(records[i], "stems"), (1, 2)) for i in span], 0)
    return replace(how, present=tuple(name for name, pick in picks.items() if marks[pick].any()))


def _picks(how: Separator, info: Info) -> dict[str, list[int]]:
    """By source, which of the records' stems it is the sum of."""
    rest = [index for index, name in enumerate(info.labels) if name not in how.sources]
    picks = {}
    for source in how.sources:
        if source in info.labels:
            picks[source] = [info.labels.index(source)]
        elif source == ACCOMPANIMENT and rest:
            picks[source] = rest
        else:
            raise BadInput(f"{info.name} has no stem '{source}', only {', '.join(info.labels)}.")
    return picks


def _streamed(pairs: Iterable, window: int) -> Iterator[dict[str, Any]]:
    """Ratios of whole frames; a partial frame counts only where the track has no other."""
    for index, (reference, estimate) in enumerate(pairs):
        if index and reference.shape[1] < window:
            return
        reference = reference.astype(np.float64)
        estimate = estimate[: len(reference)].astype(np.float64)
        yield {
            "SDR": framewise_sdr(reference, estimate, window, window)[:, 0],
            "SI-SDR": framewise_si_sdr(reference, estimate, window, window)[:, 0],
            "silent": _silence(reference[:, :window], estimate[:, :window]),
        }
