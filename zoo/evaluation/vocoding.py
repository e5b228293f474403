"""Copy synthesis: how far held-out audio is from itself after a vocoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import Batch, Predict, Progress, Report, first, paired, sound
from zoo.losses import spectral
from zoo.signal import mel

SIZES = (2048, 1024, 512)  # of the spectral convergence, with hops of a quarter
SILENCE = 1e-3  # -60 dB: a window below it has no spectrum to compare with


@dataclass(frozen=True)
class Vocoding:
    """Distances of spectra between windows of `samples` and what `predict` makes of them.

    `predict` gets {key: [B T 1]} and answers {'audio': [B T' 1]}, compared over the shorter of the
    two. Records are cut into windows side by side; the rest, and silent windows, are left out and
    counted. spec: of the log mel distance; the model's own front end.
    """

    samples: int
    spec: mel.MelSpec
    batch: int = 8
    key: str = "audio"

    @property
    def monitor(self) -> tuple[str, str]:
        return "log_mel_l1", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        rows: list[dict] = []
        silent = 0

        def windows() -> Iterator[tuple[tuple[dict, np.ndarray], Batch]]:
            nonlocal silent
            for index, record in first(records, limit, progress):
                audio = sound(record, self.key)
                row = {"record": index, "track": str(record["track"]), "windows": 0}
                rows.append(row)
                for start in range(0, len(audio) - self.samples + 1, self.samples):
                    window = audio[start : start + self.samples]
                    if np.sqrt(np.square(window).mean()) < SILENCE:
                        silent += 1
                    else:
                        yield (row, window), {self.key: window}

        for (row, window), output in paired(predict, windows(), self.batch):
            length = min(len(window), len(output["audio"]))
            found = self._distances(output["audio"][None, :length], window[None, :length])
            row["windows"] += 1
            for name, value in found.items():
                row[name] = row.get(name, 0.0) + float(value[0])
        return self._report(rows, silent, info)

    @partial(jax.jit, static_argnums=0)
    def _distances(self, fake: jax.Array, real: jax.Array) -> dict[str, jax.Array]:
        convergence = [spectral.convergence(fake, real, n, n // 4) for n in SIZES]
        return {
            "log_mel_l1": spectral.log_mel(fake, real, self.spec),
            "spectral_convergence": sum(convergence) / len(SIZES),
        }

    def _report(self, rows: list[dict], silent: int, info: Info) -> Report:
        count = sum(row["windows"] for row in rows)
        if not count:
            raise BadInput(f"no record has a window of {self.samples} samples that sounds.")
        names = ("log_mel_l1", "spectral_convergence")
        metrics = {name: sum(row.get(name, 0.0) for row in rows) / count for name in names}
        for row in rows:
            row |= {name: row[name] / row["windows"] for name in names if name in row}
        counts = {"records": len(rows), "windows": count, "silent_windows": silent}
        sentence = (
            f"Held-out audio at {info.sample_rate} Hz in windows of {self.samples} samples against "
            f"its copy from {self.spec.bins} mel bins: mean absolute difference of the front end's "
            f"log mel spectrograms, and spectral convergence averaged over FFTs of "
            f"{', '.join(map(str, SIZES))}; every window counts alike."
        )
        return Report(metrics, sentence, counts, {"per_record": rows})
