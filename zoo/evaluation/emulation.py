"""How near an effect's output is to the recording of the device: error-to-signal ratios."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.signal import correlate, oaconvolve

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    FigureMaker,
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
from zoo.metrics.resampling import Scores

_SILENCE = 1e-4  # -80 dB: a record below it has nothing to compare with
_TAPS = 1024  # of the linear filter
_SHOWN = 0.02  # seconds of the figure


@dataclass(frozen=True)
class Emulation:
    """Means over the first `samples` of each record, of which the first `skip` are not scored.

    Records hold dry `audio` and the wet sound as their first stem. `predict` gets {'audio'
    [B T 1]} and answers {'audio' [B T 1]}.
    """

    samples: int
    skip: int
    batch: int = 1

    @property
    def monitor(self) -> Monitor:
        return "esr", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        left_out = {"short_or_silent_records": 0}
        rows: list[dict[str, Any]] = []
        shown: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        given = self._examples(first(records, limit, progress), left_out)
        for (label, dry, wet), output in paired_predictions(predict, given, self.batch):
            made = np.asarray(output["audio"], np.float64)[self.skip :, 0]
            rows.append({"record": label, **_compared(dry, wet, made, self.skip)})
            shown.append((dry[self.skip :], wet[self.skip :], made))
        if not rows:
            raise BadInput(
                f"no record holds {self.samples} samples of sound, {self.skip} of them context: "
                "give longer ones."
            )
        names = [name for name in rows[0] if name != "record"]
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in names}
        scores = Scores(
            np.array([row["record"] for row in rows]),
            {name: np.array([row[name] for row in rows]) for name in names},
        )
        return Report(
            metrics,
            self._sentence(info),
            {"records": len(rows), **left_out},
            {"per_record": rows},
            {"waves": _waves(*shown[0], info.sample_rate)},
            scores=scores,
        )

    def _examples(
        self, found: Iterator[tuple[int, Example]], left_out: dict[str, int]
    ) -> Iterator[tuple[tuple[str, np.ndarray, np.ndarray], HostBatch]]:
        for index, record in found:
            dry, wet = (
                unpadded_audio(record)[: self.samples],
                unpadded_audio(record, "stems")[0][: self.samples],
            )
            scored = wet[self.skip :]
            if len(dry) < self.samples or np.sqrt(np.square(scored).mean()) < _SILENCE:
                left_out["short_or_silent_records"] += 1
                continue
            yield (record_name(record, index), dry[:, 0], wet[:, 0]), {"audio": dry}

    def _sentence(self, info: Info) -> str:
        return (
            f"Samples {self.skip} to {self.samples} of held-out records at {info.sample_rate} Hz. "
            "esr: squared error over the energy of the wet recording, mean over records; "
            "floor/dry: of the dry sound at its best gain; floor/linear_filter: of the best causal "
            f"filter of {_TAPS} taps of each record, which only who has the wet sound can choose."
        )


def _compared(dry: np.ndarray, wet: np.ndarray, made: np.ndarray, skip: int) -> dict[str, float]:
    """Error-to-signal ratios by name: dry, wet [T] and what is made of them [T - skip]."""
    before, wanted = np.asarray(dry, np.float64), np.asarray(wet, np.float64)[skip:]
    same = before[skip:]
    gain = float(np.vdot(same, wanted)) / max(float(np.vdot(same, same)), 1e-12)
    return {
        "esr": _ratio(wanted, made),
        "mae": float(np.abs(wanted - made).mean()),
        "floor/dry": _ratio(wanted, gain * same),
        "floor/linear_filter": _ratio(wanted, _filtered(before, wanted)),
    }


def _ratio(wanted: np.ndarray, made: np.ndarray) -> float:
    """Squared error over the energy of what is wanted, both [T]."""
    return float(np.square(wanted - made).sum() / np.square(wanted).sum())


def _filtered(dry: np.ndarray, wet: np.ndarray, taps: int = _TAPS) -> np.ndarray:
    """The dry sound [T] through the causal filter that comes nearest to the wet end [T'] of it.

    Least squares by the normal equations, whose matrix is held to be Toeplitz (edges aside), with
    -80 dB of the energy on its diagonal.
    """
    own, taps = dry[len(dry) - len(wet) :], min(taps, len(wet))
    power = correlate(own, own, method="fft")[len(own) - 1 :][:taps]
    cross = correlate(wet, own, method="fft")[len(own) - 1 :][:taps]
    power[0] = power[0] * (1 + 1e-8) + 1e-9
    response = solve_toeplitz(power, cross)
    return oaconvolve(dry, response)[: len(dry)][len(dry) - len(wet) :]


def _waves(dry: np.ndarray, wet: np.ndarray, made: np.ndarray, rate: int) -> FigureMaker:
    """The loudest 20 ms: dry, wet, and what the model makes."""

    def make() -> Any:
        from matplotlib.figure import Figure as Canvas

        canvas = Canvas(figsize=(8, 3), layout="constrained")
        axes = canvas.subplots()
        size = max(int(_SHOWN * rate), 2)
        start = int(np.clip(np.abs(wet).argmax() - size // 2, 0, max(len(wet) - size, 0)))
        span = slice(start, start + size)
        time = 1000 * np.arange(len(wet[span])) / rate
        axes.plot(time, dry[span], color="0.7", label="dry")
        axes.plot(time, wet[span], "k", label="wet recording")
        axes.plot(time, made[span], "C1--", label="model")
        axes.set_xlabel("ms")
        axes.legend(loc="upper right")
        axes.grid(alpha=0.3)
        return canvas

    return make
