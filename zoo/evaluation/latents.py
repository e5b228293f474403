"""The evidence lower bound of held-out windows, and the divergence of each latent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    unpadded_audio,
)

_ACTIVE = 0.01  # nats, of a latent's mean divergence


@dataclass(frozen=True)
class Latents:
    """Bits per sample by the bound, and the divergence of every latent, over windows side by side.

    `predict` answers {'nats': [B] a sample, 'kl': [B L] nats a window, 'prediction': [B T 1]}. A
    rest that fills no window is left out and counted.
    """

    samples: int
    batch: int = 8
    key: str = "audio"

    @property
    def monitor(self) -> Monitor:
        return "bits_per_sample", "min"

    def run(
        self,
        predict: Predict,
        records: Sequence[Example],
        info: Info,
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> Report:
        left_out, nats, kl, power, error = 0, [], [], 0.0, 0.0

        def windows() -> Iterator[tuple[np.ndarray, HostBatch]]:
            nonlocal left_out
            for _, record in first(records, limit, progress):
                audio = unpadded_audio(record, self.key)
                whole = len(audio) // self.samples * self.samples
                left_out += len(audio) - whole
                for start in range(0, whole, self.samples):
                    window = audio[start : start + self.samples]
                    yield window, {self.key: window}

        for window, output in paired_predictions(predict, windows(), self.batch):
            nats.append(float(output["nats"]))
            kl.append(np.asarray(output["kl"], np.float64))
            exact = np.asarray(window, np.float64)
            power += float(np.square(exact).sum())
            error += float(np.square(exact - output["prediction"]).sum())
        if not nats:
            raise BadInput(f"no record is long enough for windows of {self.samples} samples.")
        each = np.mean(kl, 0)
        metrics = {
            "bits_per_sample": float(np.mean(nats) / np.log(2)),
            "kl_nats": float(each.sum()),
            "kl_bits_per_sample": float(each.sum() / np.log(2) / self.samples),
            "active_latents": float((each > _ACTIVE).mean()),
            "prediction_snr": 10 * np.log10(max(power, 1e-12) / max(error, 1e-12)),
        }
        counts = {"windows": len(nats), "latents": len(each), "left_out_samples": left_out}
        table = [{"latent": i, "kl_nats": float(value)} for i, value in enumerate(each)]
        figures = {"kl_per_latent": _kl_figure(each)}
        tables = {"kl_per_latent": table}
        return Report(metrics, self._sentence(info), counts, tables, figures)

    def _sentence(self, info: Info) -> str:
        return (
            f"An upper bound of the negative log-likelihood / ln 2 per sample at "
            f"{info.sample_rate} Hz (one draw of the latents a window), over windows of "
            f"{self.samples} samples side by side. `kl_nats` is the divergence of the posterior "
            f"from the prior in a window; `active_latents` the share of latents of more than "
            f"{_ACTIVE} nats, none where the posterior has collapsed; `prediction_snr` (dB) is of "
            "the decoder's mean, which for an autoregressive one knows the samples before."
        )


def _kl_figure(each: np.ndarray) -> FigureMaker:
    """Bars of the divergence of every latent [L], largest first."""

    def make() -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 3), layout="constrained")
        axes = figure.add_subplot()
        axes.bar(np.arange(len(each)), np.sort(each)[::-1], color="0.35")
        axes.axhline(_ACTIVE, color="C3", linewidth=0.8, label=f"{_ACTIVE} nats")
        axes.set(xlabel="latent, largest first", ylabel="KL (nats a window)")
        axes.set_ylim(0, max(float(each.max()) * 1.05, 2 * _ACTIVE))
        axes.legend(frameon=False)
        return figure

    return make
