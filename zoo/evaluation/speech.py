"""Speech out of text against the recording: frames, alignment and the end, forced and free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.data.characters import Characters, Spell, WholeFrames
from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    paired_predictions,
    record_name,
    unpadded_audio,
)
from zoo.metrics import alignment
from zoo.metrics.resampling import Scores

_FLOOR = float(np.log(1e-5))  # of ln mel magnitudes: silence


@dataclass(frozen=True)
class SpeechScore:
    """Distances of ln mel magnitudes, whole records, of what `predict` says of their texts.

    `predict` gets `text`, `text_known`, `audio` and `known` and answers as `Speech.predict` has it.
    frames, hop, longest: as the data's transforms. together: frames of a step of the attention.
    wrong: records said once more with the text of the next one, to see whether it is read.
    """

    characters: Characters
    frames: int
    hop: int
    longest: int
    together: int = 1
    batch: int = 8
    wrong: int = 16

    @property
    def monitor(self) -> Monitor:
        return "mel_l1", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict[str, Any]] = []
        spectra: list[np.ndarray] = []
        for (row, example), said in paired_predictions(
            predict, self._examples(records, limit, progress), self.batch
        ):
            count = int(example["known"].sum())
            real = np.asarray(said["real"][:count], np.float64)
            spectra.append(real)
            rows.append({**row, "frames": count, **self._scores(real, said, example)})
        if not rows:
            raise BadInput("this split has no sentence: choose another")
        names = [name for name in rows[0] if name not in ("track", "text", "frames")]
        metrics = {name: float(np.nanmean([row[name] for row in rows])) for name in names}
        metrics |= _floors(spectra)
        metrics |= self._wrong(predict, records, rows)
        counts = {"sentences": len(rows), "frames": int(sum(row["frames"] for row in rows))}
        labels = np.array([f"{row['track']}" for row in rows])
        scores = Scores(labels, {name: np.array([row[name] for row in rows]) for name in names})
        return Report(metrics, self._sentence(), counts, {"per_sentence": rows}, scores=scores)

    def example(self, record: Example) -> Example:
        """What `predict` reads of a record."""
        rng = np.random.default_rng(0)
        spelled = Spell(self.characters, self.longest)(rng, record)
        whole = WholeFrames(self.frames, self.hop)(
            rng, {**spelled, "audio": unpadded_audio(record)}
        )
        return {key: whole[key] for key in ("text", "text_known", "audio", "known")}

    def _examples(
        self, records: Sequence[Example], limit: int | None, progress: Progress | None
    ) -> Iterator[tuple[tuple[dict, Example], HostBatch]]:
        for index, record in first(records, limit, progress):
            example = self.example(record)
            row = {"track": record_name(record, index), "text": record["text"]}
            yield (row, example), example

    def _scores(self, real: np.ndarray, said: HostBatch, example: Example) -> dict[str, float]:
        count, letters = len(real), int(example["text_known"].sum())
        spoken = int(said["free_count"])
        found = min(spoken, self.frames)
        free = np.asarray(said["free"][: max(count, found)], np.float64)
        steps = -(-count // self.together)
        forced = said["alignment"][:steps, :letters]
        alone = said["free_alignment"][: -(-found // self.together), :letters]
        return {
            "mel_l1": float(np.abs(said["forced"][:count] - real).mean()),
            "free_mel_l1": frame_distance(real, free[:found]),
            "free_peaks_right": peak_agreement(real, free),
            "stop_error_frames": float(abs(found - count)),
            "without_end": float(spoken > self.frames),
            "diagonality": alignment.diagonality(forced),
            "focus": alignment.focus(forced),
            "free_diagonality": alignment.diagonality(alone),
            "free_backward": alignment.backward(alone),
        }

    def _wrong(
        self, predict: Predict, records: Sequence[Example], rows: list[dict]
    ) -> dict[str, float]:
        """What speaking the text of the next sentence costs, in free_mel_l1."""
        few = min(self.wrong, len(rows))
        if few < 2:
            return {}
        examples = [self.example(records[index]) for index in range(few)]
        texts = [*examples[1:], examples[0]]

        def mixed() -> Iterator[tuple[int, HostBatch]]:
            for index, (own, other) in enumerate(zip(examples, texts)):
                yield index, {**own, **{key: other[key] for key in ("text", "text_known")}}

        lost = []
        for index, said in paired_predictions(predict, mixed(), self.batch):
            real = np.asarray(said["real"][: rows[index]["frames"]], np.float64)
            found = min(int(said["free_count"]), self.frames)
            lost.append(
                frame_distance(real, np.asarray(said["free"][:found])) - rows[index]["free_mel_l1"]
            )
        return {"free_mel_l1_lost_by_wrong_text": float(np.mean(lost))}

    def _sentence(self) -> str:
        return (
            "Mean absolute difference of ln mel magnitudes (decoder's bands) over whole sentences: "
            "mel_l1 with each frame said from the true ones before it, free_mel_l1 from those said "
            "before, the shorter followed by silence, without any warping. free_peaks_right: share "
            "of sounding frames whose strongest band is within one of the true one. "
            "stop_error_frames: between the ends; without_end: said more than there is room for. "
            "diagonality: correlation of the step with the place looked at; focus: mean largest "
            "weight; free_backward: steps that go back. floor/silence and floor/mean_frame: the "
            "distance of silence, and of the mean frame of these sentences."
        )


def frame_distance(real: np.ndarray, free: np.ndarray) -> float:
    """Mean absolute difference of frames [F M] and [F' M], the shorter followed by silence."""
    length = max(len(real), len(free))
    ends = [np.pad(x, ((0, length - len(x)), (0, 0)), constant_values=_FLOOR) for x in (real, free)]
    return float(np.abs(np.maximum(ends[0], _FLOOR) - np.maximum(ends[1], _FLOOR)).mean())


def peak_agreement(real: np.ndarray, free: np.ndarray) -> float:
    """Share of the louder half of frames [F M] whose strongest band is the same within one."""
    level = real.max(1)
    sounding = level >= np.median(level)
    there = free[: len(real)]
    there = np.pad(there, ((0, len(real) - len(there)), (0, 0)), constant_values=_FLOOR)
    same = np.abs(real.argmax(1) - there.argmax(1)) <= 1
    return float(same[sounding].mean())


def _floors(spectra: Sequence[np.ndarray]) -> dict[str, float]:
    """What silence and the mean of all frames reach, by name."""
    every = np.concatenate(spectra)
    mean = np.mean([np.abs(x - every.mean(0)).mean() for x in spectra])
    silence = np.mean([np.abs(x - _FLOOR).mean() for x in spectra])
    return {"floor/silence_mel_l1": float(silence), "floor/mean_frame_mel_l1": float(mean)}
