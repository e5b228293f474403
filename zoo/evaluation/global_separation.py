"""Separation of clips scored whole, as on MIR-1K: GNSDR, GSIR and GSAR, weighted by length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from zoo.audio.blocks import Blocks
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import Monitor, Predict, Progress, Report
from zoo.evaluation.separation import Separation, matched_blocks, mixture, stem_getter, track_spans
from zoo.metrics.resampling import Scores
from zoo.metrics.sdr import silent_frames
from zoo.songs.oracle import separate_known
from zoo.songs.segments import identity_error
from zoo.songs.separating import Separator, separate

_Row = dict[str, Any]  # a stem of a clip: track, stem, seconds, and its ratios in dB
RATIOS = {"gnsdr": "NSDR", "gsdr": "SDR", "gsir": "SIR", "gsar": "SAR"}


@dataclass(frozen=True)
class GlobalSeparation:
    """BSSEval (version 3, sources) of every clip as one frame of filters of 512 taps.

    NSDR is a stem's SDR less that of the mixture taken for the stem; the G of GNSDR, GSIR and GSAR
    stands for the mean over clips weighted by their lengths (Hsu and Jang 2010; Huang et al. 2014).
    Mono; `mir_eval.separation.bss_eval_sources` gives the ratios. Clips in which a stem or an
    estimate is silent throughout are left out and counted. oracle: the system is given the
    references beside the mixture, as 'stems' [B T S C].
    """

    shows: ClassVar[tuple[str, ...]] = ("stems",)

    how: Separator
    oracle: bool = False

    @property
    def monitor(self) -> Monitor:
        return "gnsdr/average", "max"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        if info.channels != 1:
            raise BadInput(f"GNSDR is of mono clips; {info.name} has {info.channels} channels.")
        drift = identity_error(self.how.segments)
        if drift > 1e-5:
            raise BadInput(f"these segments change the song by {drift:.3g} before any model does.")
        rows: list[_Row] = []
        for track, span in islice(track_spans(records), limit):
            rows += self._score(predict, [records[i] for i in span], track, info)
            if progress:
                progress(span.stop, len(records))
        return self._report(rows, info)

    def stems(
        self, predict: Predict, song: Callable[[], Blocks], rate: int, **choices: Any
    ) -> dict[str, np.ndarray]:
        """A song as its stems by name, [T C] each, as `Separation` has them."""
        return Separation(self.how, oracle=self.oracle).stems(predict, song, rate, **choices)

    def _score(
        self, predict: Predict, clip: Sequence[Example], track: str, info: Info
    ) -> list[_Row]:
        references = stem_getter(self.how, info)
        reference = np.concatenate([references(record) for record in clip], 1)
        mix = np.concatenate([mixture(record) for record in clip])
        parts = list(self._separated(predict, clip, info))
        ((_, estimate),) = matched_blocks(iter([reference]), iter([np.concatenate(parts, 1)]))
        estimate = estimate[: len(reference)]
        own = self._ratios(reference, estimate)
        plain = self._ratios(reference, np.repeat(mix[None], len(reference), 0))
        own["NSDR"] = own["SDR"] - plain["SDR"]
        seconds = len(mix) / info.sample_rate
        return [
            {"track": track, "stem": stem, "seconds": seconds}
            | {name: float(own[name][source]) for name in RATIOS.values()}
            for source, stem in enumerate(self.how.sources)
        ]

    def _separated(
        self, predict: Predict, clip: Sequence[Example], info: Info
    ) -> Iterator[np.ndarray]:
        if self.oracle:
            references = stem_getter(self.how, info)
            known = ((mixture(record), references(record)) for record in clip)
            return separate_known(predict, known, self.how, info)
        return separate(predict, lambda: map(mixture, clip), info.sample_rate, self.how)

    def _ratios(self, reference: np.ndarray, estimate: np.ndarray) -> dict[str, np.ndarray]:
        """Ratios [S] by name; NaN where one is not defined or infinite."""
        from zoo.metrics.bss_eval import bss_eval_v3  # scipy.linalg

        length = reference.shape[1]
        if any(silent_frames(x, length, length).any() for x in (reference, estimate)):
            return {name: np.full(len(reference), np.nan) for name in ("SDR", "SIR", "SAR")}
        found = bss_eval_v3(reference, estimate, images=False, names=self.how.sources)
        ratios = {"SDR": found.sdr[:, 0], "SIR": found.sir[:, 0], "SAR": found.sar[:, 0]}
        return {name: np.where(np.isfinite(x), x, np.nan) for name, x in ratios.items()}

    def _report(self, rows: list[_Row], info: Info) -> Report:
        scores = clip_scores(rows, self.how.sources)
        metrics = scores.statistics(np.ones((1, len(scores.names))))
        undefined = {row["track"] for row in rows if not np.isfinite(row["NSDR"])}
        counts = {"clips": len(scores.names), "clips_without_score": len(undefined)}
        sentence = (
            f"BSSEval v3 of sources (as mir_eval) of {', '.join(self.how.sources)} over whole "
            f"clips at {info.sample_rate} Hz; means over clips weighted by length; NSDR is less "
            "the SDR of the mixture; clips with a silent stem or estimate are left out."
            + (" The system was given the references." if self.oracle else "")
        )
        found = {name: float(value[0]) for name, value in metrics.items()}
        return Report(found, sentence, counts, {"per_clip": rows}, scores=scores)


def clip_scores(rows: Sequence[_Row], sources: Sequence[str]) -> Scores:
    """{'gnsdr/vocals': [N], ..., 'gnsdr/average': [N]} of every clip, weighted by its seconds."""
    tracks = list(dict.fromkeys(row["track"] for row in rows))
    place = {(row["track"], row["stem"]): row for row in rows}
    means: dict[str, np.ndarray] = {}
    for metric, ratio in RATIOS.items():
        found = np.array([[place[track, stem][ratio] for stem in sources] for track in tracks])
        means |= {f"{metric}/{stem}": found[:, s] for s, stem in enumerate(sources)}
        means[f"{metric}/average"] = found.mean(1)
    seconds = np.array([place[track, sources[0]]["seconds"] for track in tracks])
    return Scores(np.array(tracks), means, weights=seconds)
