"""What squeeze-and-excitation gates do: for which tags they open, and how they follow loudness.

Taejun Kim, Jongpil Lee, Juhan Nam: "Comparison and Analysis of SampleCNN Architectures for Audio
Classification", IEEE JSTSP 2019, its two analyses. A clip's gates are the mean over its segments, a
tag's the mean over its clips. Loudness is the RMS of a segment, here in dB.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from zoo.data.source import Example
from zoo.errors import BadInput
from zoo.evaluation.base import (
    HostBatch,
    Predict,
    Progress,
    first,
    paired_predictions,
    unpadded_audio,
)
from zoo.interpret import layers
from zoo.interpret.loudness import ByLoudness, rms_decibels
from zoo.runs import inference
from zoo.runs.trained import Trained

SOWN = "excitation"


@dataclass(frozen=True)
class _Gates:
    """One layer's gates, in (0, 1): by tag, and by loudness of the segment."""

    overall: np.ndarray  # [C] mean over clips
    mean: np.ndarray  # [K C] mean over the clips of a tag
    spread: np.ndarray  # [C] standard deviation between tags
    binned: np.ndarray  # [bins C] mean over the segments of a loudness
    correlation: np.ndarray  # [C] of each channel with dB
    together: float  # correlation of the mean over channels with dB


@dataclass(frozen=True)
class Excitations:
    """Gates of every layer, and what the rows of their arrays are."""

    layers: dict[str, _Gates]
    tags: tuple[str, ...]  # those that a clip has
    clips: np.ndarray  # [K] how many
    level: np.ndarray  # [bins] dB in the middle
    segments: np.ndarray  # [bins] how many

    @property
    def numbers(self) -> dict[str, np.ndarray]:
        """Arrays for an NPZ; those of a layer under its name."""
        plain = {key: getattr(self, key) for key in ("tags", "clips", "level", "segments")}
        named = {
            f"{name}/{at.name}": getattr(gates, at.name)
            for name, gates in self.layers.items()
            for at in fields(gates)
        }
        every = {"layers": tuple(self.layers), **plain, **named}
        return {key: np.asarray(value) for key, value in every.items()}


@runtime_checkable
class _Cuts(Protocol):
    """An evaluation that cuts clips into the segments that its model reads."""

    batch: int

    def cut(self, audio: np.ndarray) -> Iterator[np.ndarray]:
        """Segments [samples C] of a clip [T C]."""


@dataclass(frozen=True)
class _Opening:
    """Stands for an objective whose prediction is the gates [B C] of every layer."""

    network: layers.AudioNetwork

    def predict(self, variables: Any, batch: HostBatch, rng: Any) -> HostBatch:
        of = variables.of("model")
        _, state = self.network.module.apply(of, batch["audio"], mutable=["intermediates"])
        sown = flatten_dict(dict(state.get("intermediates", {})), sep="/")
        return {k.removesuffix(f"/{SOWN}"): v[0] for k, v in sown.items() if k.endswith(SOWN)}


def measure_excitation(
    found: Trained,
    split: str = "test",
    limit: int | None = None,
    progress: Progress | None = None,
) -> Excitations:
    """Gates of a trained tagger over the clips of a split, or its first `limit` ones."""
    network = layers.audio_network(found)
    opening = _Opening(network)
    batch = {"audio": jax.ShapeDtypeStruct((1, *network.shape), np.float32)}
    shapes = jax.eval_shape(opening.predict, found.variables, batch, jax.random.key(0))
    evaluation, source = found.experiment.evaluation, found.experiment.data.source
    if not shapes or not isinstance(evaluation, _Cuts):
        raise BadInput(
            f"{found.name} has no squeeze-and-excitation blocks: look into a run of "
            "resemul_score_render or resemul_magnatagatune with block=se, rese_1 or rese_2"
        )
    source.prepare()
    records = source.open(split)
    if not len(records):
        raise BadInput(f"{source.info.name} has no {split} split")
    predict = inference.predictor(opening, found.mesh)(found.variables)
    own = source.info.labels, evaluation.cut, evaluation.batch
    return _analyse(predict, records, *own, limit=limit, progress=progress)


def _analyse(
    predict: Predict,
    records: Sequence[Example],
    labels: Sequence[str],
    cut: Callable[[np.ndarray], Iterator[np.ndarray]],
    size: int,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Excitations:
    """From a function of batches to {layer: gates [B C]}, and records of audio, tags and known."""
    total = min(len(records), limit or len(records))
    counts = np.zeros(total, int)  # segments of every clip
    weights = []  # [K] of every clip: 1 where it has the tag

    def segments() -> Iterator[tuple[tuple[int, float], HostBatch]]:
        for index, record in first(records, limit, progress):
            weights.append(record["tags"] * record.get("known", 1))
            for segment in cut(unpadded_audio(record)):
                yield (index, rms_decibels(segment)), {"audio": segment}

    clips: dict[str, np.ndarray] = {}
    loud: dict[str, ByLoudness] = {}
    for (clip, level), gates in paired_predictions(predict, segments(), size):
        counts[clip] += 1
        for name in sorted(gates, key=_natural):
            g = gates[name]
            clips.setdefault(name, np.zeros((total, len(g))))[clip] += g
            loud.setdefault(name, ByLoudness(len(g))).add(g, level)
    tagged = np.stack(weights, 1).astype(np.float64)
    there = np.flatnonzero(tagged.sum(1))
    found = {
        name: _gates_of(summed / counts[:, None], tagged[there], loud[name])
        for name, summed in clips.items()
    }
    any_loud = next(iter(loud.values()))
    number = tagged.sum(1)[there].astype(int)
    tags = tuple(labels[index] for index in there.tolist())
    return Excitations(found, tags, number, any_loud.middles, any_loud.counts[any_loud.filled])


def _gates_of(clips: np.ndarray, tagged: np.ndarray, loud: ByLoudness) -> _Gates:
    """From means by clip [N C], and which clips have a tag [K N]."""
    mean = tagged @ clips / tagged.sum(1, keepdims=True)
    *correlation, together = loud.correlations
    spread = mean.std(0) if len(mean) else np.zeros(clips.shape[1])
    return _Gates(clips.mean(0), mean, spread, loud.means, np.array(correlation), float(together))


def _natural(name: str) -> list:
    """'block_10' comes after 'block_9'."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
