"""Whole songs through a model of fixed segments: blocks [n C] -> blocks [S n C], same total length.

Plain NumPy around `predict`. Memory depends on the segment and the batch, not on the song: blocks
come from disk and go to disk. The first and the last segment read zeros beyond the song's ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, tee
from math import gcd
from typing import Literal

import numpy as np

from zoo.audio.blocks import Blocks, reblock, skip
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict, paired_predictions

_TEED = 1024  # samples of a block: `tee` lets go of 57 at a time


@dataclass(frozen=True)
class Segments:
    """How a song is cut.

    input: samples the model reads. output: samples kept from the centre of what it gives (None:
    as many as it reads); fewer than `input` for a model of unpadded convolutions, or to discard
    the edges of a padded one. hop: samples from one segment to the next (None: `output`).
    window: 'none' sets the segments side by side, 'fade' cross-fades them with triangles that are
    normalised to sum to one everywhere, song's ends included.

    Segments of a model with context equal one pass over the whole song where `hop` is a multiple
    of the model's total stride (Wave-U-Net: 16,384 instead of its 16,389 samples of output).
    unordered: the model gives its sources in any order, as blind systems do; those of a segment are
    put into the order that is nearest to the segment before, where the two overlap.
    """

    input: int
    output: int | None = None
    hop: int | None = None
    window: Literal["none", "fade"] = "none"
    batch: int = 1
    key: str = "mixture"  # batch key that the model reads
    time_axis: int = 1  # of the prediction: 1 for [B T S C], 2 for [B S T C]
    unordered: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.step <= self.kept <= self.input:
            raise BadInput(
                f"input {self.input}, output {self.kept}, hop {self.step}: "
                "segments need 0 < hop <= output <= input."
            )
        if self.unordered and (self.window == "none" or self.step == self.kept):
            raise BadInput("sources without an order need segments that overlap and fade.")

    @property
    def kept(self) -> int:
        return self.output or self.input

    @property
    def step(self) -> int:
        return self.hop or self.kept

    @property
    def context(self) -> int:
        """Samples read before the first one kept; the odd one, if any, is read after."""
        return (self.input - self.kept) // 2


def regroup_blocks(
    segments: Segments,
    rate: int,
    seconds: float | None = None,
    overlap: float | None = None,
    lengths: Callable[[int], int] | None = None,
) -> Segments:
    """The segments with other lengths; None leaves a value as it is.

    seconds: of what is kept of a segment, to the nearest that differs by whole hops, or by a part
    of one that a power of two gives: those lengths fit a model whose strides divide its hop.
    overlap: the share of it that the next segment repeats, 0 to below 1; they are cross-faded.
    lengths: a model's `input_length`, what it must be given for so many samples of output; None: it
    takes as much more.
    """
    if seconds is not None:
        if seconds <= 0:
            raise BadInput(f"segment={seconds:g}: give seconds above zero.")
        longer = _steps(segments, round(seconds * rate) - segments.kept)
        kept, step = segments.kept + longer, segments.step + longer
        whole = lengths(kept) if lengths else segments.input + longer
        segments = replace(segments, input=whole, output=kept, hop=step)
    if overlap is not None:
        if not 0 <= overlap < 1:
            raise BadInput(f"overlap={overlap:g}: give a share from 0 to below 1.")
        grid = gcd(segments.kept, segments.step)
        hop = max(1, round(segments.kept * (1 - overlap) / grid)) * grid
        window: Literal["none", "fade"] = "fade" if hop < segments.kept else "none"
        segments = replace(segments, hop=hop, window=window)
    return segments


def _steps(segments: Segments, longer: int) -> int:
    """The change in samples nearest to `longer` that leaves a whole grid of hops."""
    if longer >= 0:
        return round(longer / segments.step) * segments.step
    halves = [segments.step]
    while halves[-1] % 2 == 0:
        halves.append(halves[-1] // 2)
    return min((half - segments.step for half in halves), key=lambda less: abs(less - longer))


def separate_blocks(
    predict: Predict, blocks: Blocks, segments: Segments, channels: int
) -> Iterator[np.ndarray]:
    """Stems [S n C] of the song in `blocks` [n C]; together exactly as long as the song.

    `predict` gets {key: [batch input C]} and answers {'prediction': [batch T S C]}.
    """

    def windows() -> Iterator[tuple[int, HostBatch]]:
        for window, take in read_windows(blocks, segments, channels):
            yield take, {segments.key: window}

    weight = _weight(segments)
    tail = None
    for take, output in paired_predictions(predict, windows(), segments.batch):
        stems = _centre(output["prediction"], segments)
        if tail is None:
            tail = np.zeros_like(stems), np.zeros_like(weight)
        elif segments.unordered:
            stems = stems[nearest_order(tail[0], stems * (tail[1] > 0))]
        total, weights = tail[0] + stems * weight, tail[1] + weight
        yield total[:, :take] / weights[:take]
        tail = _advance(total, segments.step), _advance(weights, segments.step)


def nearest_order(wanted: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Indices [S] that put signals given [S n C] into the order of those wanted [S n C].

    The sum of inner products is the largest; so the sum of squared differences is the smallest.
    """
    from scipy.optimize import linear_sum_assignment

    match = np.einsum("snc,knc->sk", wanted, given, dtype=np.float64)
    return linear_sum_assignment(match, maximize=True)[1]


def shifted_blocks(
    predict: Predict,
    blocks: Blocks,
    segments: Segments,
    channels: int,
    *,
    shifts: int = 0,
    reach: int = 22_050,
    seed: int = 0,
) -> Iterator[np.ndarray]:
    """As `separate_blocks`, averaged over `shifts` random delays of up to `reach` samples.

    The same seed gives the same delays; `shifts=0` is one pass without delay.
    """
    if not shifts:
        yield from separate_blocks(predict, blocks, segments, channels)
        return
    delays = np.random.default_rng(seed).integers(0, reach + 1, shifts)
    passes = []
    small = reblock(blocks, _TEED)
    for delay, copy in zip(delays, tee(small, shifts), strict=True):
        late = chain([np.zeros((delay, channels), np.float32)], copy)
        stems = skip(separate_blocks(predict, late, segments, channels), delay)
        passes.append(reblock(stems, segments.step))
    for parts in zip(*passes, strict=True):
        yield np.asarray(np.mean(parts, 0, dtype=np.float32))


def identity_error(segments: Segments, length: int | None = None) -> float:
    """Largest deviation from the song when the model returns what it reads: 0, or round-off.

    Anything larger means that these settings shift, lose or colour samples.
    """
    length = length or 3 * segments.input + segments.step // 2 + 1
    song = np.random.default_rng(0).uniform(-1, 1, (length, 1)).astype(np.float32)
    stems = list(separate_blocks(echo(segments), [song], segments, 1))
    result = np.concatenate(stems, 1)[0]
    return float(np.abs(result - song).max()) if result.shape == song.shape else float("inf")


def echo(segments: Segments, sources: int = 1) -> Predict:
    """A model that answers every source with the centre of what it reads, [B output S C]."""

    def predict(batch: HostBatch) -> HostBatch:
        start = segments.context
        centre = batch[segments.key][:, start : start + segments.kept]
        return {"prediction": np.stack([centre] * sources, 3 - segments.time_axis)}

    return predict


def read_windows(
    blocks: Blocks, segments: Segments, channels: int
) -> Iterator[tuple[np.ndarray, int]]:
    """(what the model reads [input C], how many of the samples kept are final after it)."""
    span = segments.step if segments.window == "none" else segments.kept
    blocks = iter(blocks)
    # Position 0 of the buffer lies `context` samples before the first sample kept.
    buffer = np.zeros((segments.context, channels), np.float32)
    needed = max(segments.input, segments.context + span + 1)
    while True:
        buffer, ended = _fill(buffer, blocks, needed)
        left = len(buffer) - segments.context
        if left <= 0:
            return
        last = ended and left <= span
        window = buffer[: segments.input]
        if len(window) < segments.input:
            window = np.pad(window, ((0, segments.input - len(window)), (0, 0)))
        yield window, left if last else segments.step
        if last:
            return
        buffer = buffer[segments.step :]


def _fill(buffer: np.ndarray, blocks: Iterator, needed: int) -> tuple[np.ndarray, bool]:
    """The buffer with at least `needed` samples, and whether the song ended before that."""
    pieces, held = [buffer], len(buffer)
    while held < needed:
        block = next(blocks, None)
        if block is None:
            return np.concatenate(pieces), True
        pieces.append(np.asarray(block, np.float32))
        held += len(block)
    return np.concatenate(pieces), False


def _weight(segments: Segments) -> np.ndarray:
    """[output 1]: what each sample of a segment counts; its sum over segments is divided out."""
    ramp = np.arange(segments.kept)
    if segments.window == "none":
        return (ramp < segments.step).astype(np.float32)[:, None]
    triangle = np.minimum(ramp + 1, segments.kept - ramp)
    return (triangle / triangle.max()).astype(np.float32)[:, None]


def _centre(prediction: np.ndarray, segments: Segments) -> np.ndarray:
    """One example's [S T C] (or [T S C]) -> [S output C]."""
    stems = np.moveaxis(prediction, segments.time_axis - 1, 1)
    surplus = stems.shape[1] - segments.kept
    if surplus < 0:
        raise BadInput(
            f"the model gives {stems.shape[1]} samples for {segments.input}, "
            f"but output={segments.kept} are wanted: set output={stems.shape[1]} or fewer."
        )
    start = surplus // 2
    return np.asarray(stems[:, start : start + segments.kept], np.float32)


def _advance(total: np.ndarray, step: int) -> np.ndarray:
    """[... output C] moved on by `step`, zeros entering at the end."""
    fresh = np.zeros((*total.shape[:-2], step, total.shape[-1]), total.dtype)
    return np.concatenate([total[..., step:, :], fresh], -2)
