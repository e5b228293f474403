"""Receptive fields: the inputs an output depends on, as index intervals carried back through
layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Step(NamedTuple):
    """A layer over time, as its numbers: a convolution or a pool, or where `up` the transposed one.

    taps: from the first to the last that a dilated filter touches, both counted. before: what is
    padded in front of the input, or cut off the front of a transposed convolution's output.
    """

    taps: int
    stride: int = 1
    before: int = 0
    up: bool = False


def same_padded(taps: int, dilation: int = 1) -> Step:
    """A convolution that keeps the length, padded alike on both sides."""
    span = (taps - 1) * dilation
    return Step(span + 1, before=span // 2)


def input_interval(steps: Sequence[Step], first: int, last: int) -> tuple[int, int]:
    """The first and the last index of the input on which outputs `first` to `last` depend.

    As if the input went on for ever: indices may lie outside of it.
    """
    for taps, stride, before, up in reversed(steps):
        if up:
            # What lies between two strides is rounded inwards: to the right here.
            first = -((taps - 1 - first - before) // stride)
            last = (last + before) // stride
        else:
            first, last = first * stride - before, last * stride - before + taps - 1
    return first, last


def total_receptive_field(steps: Sequence[Step], period: int = 1) -> int:
    """The receptive field in inputs, first to last; the most of any of `period` outputs."""
    intervals = (input_interval(steps, n, n) for n in range(period))
    return max(last - first + 1 for first, last in intervals)


def conditioned(steps: Sequence[Step], hop: int, before: int, late: int) -> int:
    """Inputs of which one output of an autoregressive decoder is made, under codes of its input.

    steps: from input to codes and up again; hop: inputs a code. The decoder reads `before` outputs
    before the present one, and the conditions from `late` before it on.
    """
    spans = []
    for n in range(hop):
        first, last = input_interval(steps, n - late, n)
        spans.append(max(last, n - 1) - min(first, n - 1 - before) + 1)
    return max(spans)
