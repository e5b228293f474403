"""Blind separation scored against stems: who is who is found by permutation or by assignment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar, Literal

import numpy as np

from zoo.audio.blocks import Blocks
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Monitor, Predict, Progress, Report
from zoo.evaluation.separation import Separation, TrackRow, stem_getter, track_spans
from zoo.songs.oracle import separate_known
from zoo.songs.separating import Separator, separate

_FLOOR = 1e-10  # of energies, so that silence has a ratio
_FAINT = 1e-6  # of every component, in all stems

MATCHED = {
    "permutation": (
        "Sources have no names: a track's estimates were put into the order with the highest mean "
        "SDR over the whole track, as mir_eval permutes sources by SIR."
    ),
    "components": (
        "Components were assigned by the references, in each segment every one to the stem with "
        "which it correlates most: a bound on what clustering of them could reach."
    ),
}


@dataclass(frozen=True)
class BlindSeparation:
    """Framewise ratios of sources that a system cannot name, against stems that have names.

    how: its `sources` are the names that a user's files get. stem_names: those of the data set.
    match: 'permutation' scores as many sources as there are stems, in the best order of each track,
    which is the literature's protocol for blind systems; 'components' scores any number of
    components that are not grouped yet, each given to a stem by the references, segment by segment:
    the bound of any grouping. microphones: the stems are recorded by so many, the first at equal
    levels and every further one with its own stem at full level and the others at `spill`;
    references are then the stems as all microphones record them. ratios, seconds: as `Separation`.
    """

    shows: ClassVar[tuple[str, ...]] = ("stems",)

    how: Separator
    stem_names: tuple[str, ...]
    match: Literal["permutation", "components"] = "permutation"
    microphones: int = 0
    spill: float = 0.5
    ratios: Literal["sdr", "full"] = "sdr"
    seconds: float = 1.0

    @property
    def oracle(self) -> bool:
        """Whether the references name the components, so that a song without stems has none."""
        return self.match == "components"

    @property
    def monitor(self) -> Monitor:
        return self._scored.monitor

    @property
    def _scored(self) -> Separation:
        return Separation(replace(self.how, sources=self.stem_names), self.ratios, self.seconds)

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        self._check(info)
        rows: list[TrackRow] = []
        for track, span in islice(track_spans(records), limit):
            rows += self._score(predict, [records[index] for index in span], track, info)
            if progress:
                progress(span.stop, len(records))
        report = self._scored.report(rows, info)
        simulated = f" {self.microphones} microphones were simulated." if self.microphones else ""
        return replace(report, protocol=f"{report.protocol} {MATCHED[self.match]}{simulated}")

    def stems(
        self, predict: Predict, song: Callable[[], Blocks], rate: int, **choices: Any
    ) -> dict[str, np.ndarray]:
        """A song as sources by number, [T C] each, as `Separation` has them."""
        return Separation(self.how, oracle=self.oracle).stems(predict, song, rate, **choices)

    def _check(self, info: Info) -> None:
        count, stems = len(self.how.sources), len(self.stem_names)
        if self.match == "permutation" and count != stems:
            raise BadInput(
                f"{count} sources cannot be scored against {stems} stems "
                f"({', '.join(self.stem_names)}): set sources={stems}, or separate songs with it"
            )
        if self.microphones and info.channels != 1:
            raise BadInput(f"microphones are simulated before mono stems, not {info.channels}")

    def _score(
        self, predict: Predict, track: Sequence[Example], name: str, info: Info
    ) -> list[TrackRow]:
        getter = stem_getter(self._scored.how, info)
        references = np.concatenate([getter(record) for record in track], 1)
        if self.microphones:
            references = recorded(references, self.microphones, self.spill)
        mix = references.sum(0)
        if self.match == "components":
            estimates = _joined(self._assigned(predict, mix, references, info))
        else:
            estimates = _joined(separate(predict, lambda: [mix], info.sample_rate, self.how))
            estimates = estimates[best_order(references, estimates)]
        return self._scored.rows(name, [references], [estimates], info.sample_rate)

    def _assigned(
        self, predict: Predict, mix: np.ndarray, references: np.ndarray, info: Info
    ) -> Iterator[np.ndarray]:
        key = self.how.segments.key

        def assigned(batch: HostBatch) -> HostBatch:
            components = predict({key: batch[key]})["prediction"]
            return {"prediction": assign(components, batch["stems"])}

        how = self._scored.how
        known = replace(info, channels=mix.shape[1])
        return separate_known(assigned, [(mix, references)], how, known)


def _joined(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Blocks [S n C] as one array [S T C]."""
    return np.concatenate(list(blocks), 1)


def recorded(stems: np.ndarray, microphones: int, spill: float) -> np.ndarray:
    """Mono stems [S T 1] as each microphone records them, -> [S T M]."""
    return stems * gains(microphones, len(stems), spill).T[:, None]


def gains(microphones: int, sources: int, spill: float) -> np.ndarray:
    """Gains from source to microphone, -> [M S] float32; the first row is ones."""
    found = np.full((microphones, sources), spill, np.float32)
    np.fill_diagonal(found, 1.0)
    found[0] = 1.0
    return found


def best_order(references: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Indices [S] of estimates [S T C] with the highest mean SDR to references [S T C]."""
    from scipy.optimize import linear_sum_assignment

    energy = np.square(references, dtype=np.float64).sum((1, 2))
    shared = np.einsum("stc,ktc->sk", references, estimates, dtype=np.float64)
    own = np.square(estimates, dtype=np.float64).sum((1, 2))
    error = energy[:, None] - 2 * shared + own
    sdr = 10 * np.log10((energy[:, None] + _FLOOR) / (np.maximum(error, 0) + _FLOOR))
    return linear_sum_assignment(sdr, maximize=True)[1]


def assign(components: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Components [B T K C] summed to sources [B T S C], each in that with which it correlates most.

    By their inner product: the squared error falls most where it is the largest.
    """
    match = np.einsum("btkc,btsc->bks", components, references, optimize=True)
    sources = references.shape[2]
    # A stem without any component would be silent, and a frame of it would count for no stem.
    owner = (1 - _FAINT) * np.eye(sources, dtype=np.float32)[match.argmax(2)] + _FAINT / sources
    return np.einsum("btkc,bks->btsc", components, owner, optimize=True)
