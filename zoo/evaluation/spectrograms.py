"""Nats per bin of held-out spectrograms under a model of their density."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import Any, cast

import jax
import numpy as np

from zoo.data.source import Example, Info, Source
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
from zoo.metrics.resampling import Scores
from zoo.signal.mel_images import MelImage

_BINS, _KNOWN, EACH = 64, 64, 4  # of a histogram; training records that it counts; images of each
_WIDTH = 6.0  # deviations of all that it spans


@dataclass(frozen=True)
class SpectrogramLikelihood:
    """Mean negative log-likelihood per bin of images of `frames` frames, side by side in a record.

    `predict` gets {'audio': [B T 1]} and answers {'nats': [B], 'tier_nats': [B tiers]}. What fills
    no image at the end of a record is left out. source: whose training split gives `order_0`, what
    a histogram of each band reaches.
    """

    image: MelImage
    frames: int
    source: Source
    batch: int = 4

    @property
    def monitor(self) -> Monitor:
        return "nats_per_bin", "min"

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
        order_0, edges = histograms(cast(Any, self.source), self.image, self.frames)

        def examples() -> Iterator[tuple[tuple[str, HostBatch], HostBatch]]:
            for index, record in first(records, limit, progress):
                name = record_name(record, index)
                for n, audio in enumerate(
                    _pieces(unpadded_audio(record), self.frames * self.image.hop)
                ):
                    yield (f"{name}.{n}", {"audio": audio}), {"audio": audio}

        for (name, example), output in paired_predictions(predict, examples(), self.batch):
            image = np.asarray(_image(self.image, example["audio"][None]))[0]
            tiers = np.atleast_1d(output["tier_nats"]).tolist()
            rows.append(
                {
                    "track": name,
                    "nats_per_bin": float(output["nats"]),
                    "nats_per_bin_order_0": histogram_nats(image, order_0, edges),
                    **{f"tier_{n}_nats": value for n, value in enumerate(tiers, 1)},
                }
            )
        if not rows:
            raise BadInput(f"no record is as long as {self.frames * self.image.hop} samples")
        names = [name for name in rows[0] if name != "track"]
        metrics = {name: float(np.mean([row[name] for row in rows])) for name in names}
        scores = Scores(
            np.array([row["track"] for row in rows]),
            {name: np.array([row[name] for row in rows]) for name in names},
        )
        counts = {"images": len(rows)}
        return Report(metrics, self._sentence(), counts, {"per_image": rows}, scores=scores)

    def _sentence(self) -> str:
        spec = self.image.front.spec
        return (
            f"Mean negative log-likelihood in nats per bin, images of {self.frames} x {spec.bins} "
            f"ln mel magnitudes over {self.image.scale:g}, of audio with white noise of "
            f"{self.image.dither:g}; tier_N_nats: of the bins of one tier. nats_per_bin_order_0: "
            f"under a histogram of each band over {_KNOWN} training records."
        )


def _pieces(audio: np.ndarray, samples: int) -> Iterator[np.ndarray]:
    """Audio [T 1] in parts of so many samples, without what is left over."""
    for start in range(0, len(audio) - samples + 1, samples):
        yield audio[start : start + samples]


@partial(jax.jit, static_argnums=0)
def _image(image: MelImage, audio: jax.Array) -> jax.Array:
    return image.of(audio, jax.random.key(0))


@lru_cache(maxsize=2)
def histograms(source: Any, image: MelImage, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """(log densities [M BINS + 2], edges [BINS + 1]) of each band in the training split.

    One count more in every cell; the cells at both ends are WIDTH wide, and hold what lies beyond.
    """
    records, samples = source.open("train"), frames * image.hop
    chosen = (records[index] for index in range(min(len(records), _KNOWN)))
    found = [
        part for record in chosen for part in islice(_pieces(unpadded_audio(record), samples), EACH)
    ]
    if not found:
        raise BadInput(f"no training record is as long as {samples} samples")
    every = np.concatenate([np.asarray(_image(image, part[None]))[0] for part in found])
    middle, reach = every.mean(), _WIDTH / 2 * every.std()
    edges = np.linspace(middle - reach, middle + reach, _BINS + 1)
    cells = np.searchsorted(edges, every)
    counts = np.stack([np.bincount(band, minlength=_BINS + 2) for band in cells.T]) + 1.0
    widths = np.concatenate([[_WIDTH], np.diff(edges), [_WIDTH]])
    return np.log(counts / counts.sum(1, keepdims=True) / widths), edges


def histogram_nats(image: np.ndarray, order_0: np.ndarray, edges: np.ndarray) -> float:
    """Nats per bin of an image [F M] under histograms of its bands."""
    cells = np.searchsorted(edges, image)
    return float(-np.take_along_axis(order_0, cells.T, 1).mean())
