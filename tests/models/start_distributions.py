"""Distributions from which kernels start, as the frameworks and their layers draw them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

TRUNCATED = 0.87962566  # deviation of a standard normal cut at 2


@dataclass(frozen=True)
class Start:
    """kind: uniform, truncated (at two deviations before the cut), normal, orthogonal or zero.

    deviation: of a kernel [... I O], from its shape. bias: whether the layer's bias is drawn as its
    kernel; else it is zero, unless published_biases.py says more.
    """

    kind: str
    deviation: float | Callable[[tuple[int, ...]], float]
    source: str
    bias: bool = False

    def of(self, shape):
        return self.deviation(shape) if callable(self.deviation) else self.deviation


exactly = Start


def fan_in(shape):
    return math.prod(shape[:-1])


def fan_out(shape):
    return math.prod(shape[:-2]) * shape[-1]


def both(shape):
    return fan_in(shape) + fan_out(shape)


def torch(source, fan=fan_in):
    return Start("uniform", lambda s: (3 * fan(s)) ** -0.5, f"torch's default; {source}", True)


def torch_rnn(source, gates):
    return torch(source, lambda s: s[-1] // gates)


def transposed(source):
    return torch(source, fan_out)


def glorot(source, parts=1):
    """parts: matrices side by side, each drawn by itself."""

    def deviation(shape):
        return (2 / both((*shape[:-1], shape[-1] // parts))) ** 0.5

    return Start("uniform", deviation, source)


def gained(gain, source):
    return Start("uniform", lambda s: gain * (2 / both(s)) ** 0.5, source)


def fan_average(source):
    return Start("uniform", lambda s: 2 / both(s) ** 0.5, f"{source}: FAN_AVG, factor 2, uniform")


def xavier(source):
    return Start("normal", lambda s: (2 / both(s)) ** 0.5, source)


def small(source):
    return exactly("truncated", lambda s: (1e-3 / fan_in(s)) ** 0.5, source)


def he(source, fan=fan_in):
    return Start("uniform", lambda s: (2 / fan(s)) ** 0.5, f"he_uniform; {source}")


def tf_gru(inputs, width):
    """One matrix of inputs and state for both gates, another for the candidate, Glorot's both."""
    both = 2 * 2 / (inputs + 3 * width) + 2 / (inputs + 2 * width)
    return exactly("mixed", (both / 3) ** 0.5, "TensorFlow 1's GRUCell; keithito/tacotron")


def contrib(source, fan=fan_in):
    return Start("truncated", lambda s: (2.6 / fan(s)) ** 0.5 * TRUNCATED, source)


def lecun(source):
    return Start("truncated", lambda s: fan_in(s) ** -0.5, source)


def graph(written):
    """`stddev` as it stands in the graphs that jordipons/musicnn publishes (.meta, 516acb2)."""
    return Start("truncated", written * TRUNCATED, "jordipons/musicnn, MTT_*/.meta")
