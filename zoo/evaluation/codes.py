"""Bits per code of a prior over an autoencoder's codes, over whole records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.source import Example, Info
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Monitor,
    Predict,
    Progress,
    Report,
    first,
    in_batches,
    unpadded_audio,
)


@dataclass(frozen=True)
class CodeLikelihood:
    """Sum of nats / ln 2 over the codes of windows of `samples`, `hop` samples a code.

    `predict` answers {'nats': [B F], 'codes': [B F]}. Windows stand side by side; every code is
    predicted from those before it in its window, and a rest that fills none is left out.
    """

    samples: int
    hop: int
    codes: int
    batch: int = 4
    key: str = "audio"

    def __post_init__(self) -> None:
        if self.samples % self.hop:
            raise BadInput(f"windows of {self.samples} samples are no multiple of {self.hop}")

    @property
    def monitor(self) -> Monitor:
        return "bits_per_code", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        left_out, nats, uses, windows = 0, 0.0, np.zeros(self.codes), 0

        def cuts() -> Iterator[HostBatch]:
            nonlocal left_out
            for _, record in first(records, limit, progress):
                audio = unpadded_audio(record, self.key)
                whole = len(audio) // self.samples
                left_out += len(audio) - whole * self.samples
                for start in range(0, whole * self.samples, self.samples):
                    yield {self.key: audio[start : start + self.samples]}

        for output in in_batches(predict, cuts(), self.batch):
            nats += float(np.asarray(output["nats"], np.float64).sum())
            uses += np.bincount(output["codes"].reshape(-1), minlength=self.codes)
            windows += 1
        if not windows:
            raise BadInput(f"no record is long enough for windows of {self.samples} samples.")
        return self._report(nats, uses, windows, left_out, info)

    def _report(
        self, nats: float, uses: np.ndarray, windows: int, left_out: int, info: Info
    ) -> Report:
        shares = uses[uses > 0] / uses.sum()
        bits = nats / np.log(2) / uses.sum()
        metrics = {
            "bits_per_code": bits,
            "bits_per_second": bits * info.sample_rate / self.hop,
            "unigram_bits_per_code": float(-(shares * np.log2(shares)).sum()),
            "live_codes": float((uses > 0).mean()),
        }
        counts = {"windows": windows, "codes": int(uses.sum()), "left_out_samples": left_out}
        sentence = (
            f"Sum of negative log-likelihoods / ln 2 / codes, one code per {self.hop} samples at "
            f"{info.sample_rate} Hz, in windows of {self.samples} samples side by side; "
            "unigram_bits_per_code is the entropy of how often codes occur, what a prior without "
            "memory needs. Comparable only for one autoencoder."
        )
        return Report(metrics, sentence, counts)
