"""Optimisers and their schedules written again with NumPy: what a recipe says they do."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Tree = dict[str, dict[str, np.ndarray]]
Rate = Callable[[int], float]


@dataclass(frozen=True)
class Optimiser:
    """kind: adam, amsgrad, rmsprop, rmsprop_momentum, adadelta (b1: its decay), nesterov or muon.

    rate: a number or a function of the step.
    l2, kernel_l2: added to the gradient, of all or of kernels alone. decoupled: AdamW's.
    clip, clip_each: of the norm of all, and of every element alone.
    scaled: a module's name and the factor on its rate. frozen: modules that
    stay. unit: kernels are normalised after a step. matrices: the rate of kernels under muon, where
    all else is adam's.
    """

    kind: str
    rate: float | Rate
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    l2: float = 0.0
    kernel_l2: float = 0.0
    decoupled: float = 0.0
    clip: float = math.inf
    clip_each: float = math.inf
    scaled: tuple[str, float] = ("", 1.0)
    frozen: tuple[str, ...] = ()
    unit: bool = False
    matrices: float | Rate = 0.0

    def path(self, params: Tree, gradients: list[Tree], begun: int) -> list[Tree]:
        """The parameters after every step, the first of which is step number `begun`."""
        params = {k: {n: np.float64(x) for n, x in v.items()} for k, v in params.items()}
        memory: dict[tuple[str, str], dict[str, Any]] = {}
        path = []
        for number, gradient in enumerate(gradients, begun):
            rate, of_matrices = (
                rate(number) if callable(rate) else rate for rate in (self.rate, self.matrices)
            )
            slopes = {
                (k, n): g + self._penalty(n) * params[k][n]
                for k, v in gradient.items()
                for n, g in v.items()
                if k not in self.frozen
            }
            slopes = {p: np.clip(g, -self.clip_each, self.clip_each) for p, g in slopes.items()}
            norm = math.sqrt(sum(np.square(g).sum() for g in slopes.values()))
            if norm > self.clip:  # after a penalty that stands before it in the chain
                slopes = {place: g * self.clip / norm for place, g in slopes.items()}
            new = {k: dict(v) for k, v in params.items()}
            for (k, n), g in slopes.items():
                own = memory.setdefault((k, n), {"m": 0.0, "v": 0.0, "most": 0.0})
                if self.kind == "muon" and n == "kernel":
                    new[k][n] = params[k][n] - of_matrices * orthogonal(own, g, number + 1)
                    continue
                direction = self._direction(own, g, number + 1) + self.decoupled * params[k][n]
                factor = self.scaled[1] if k == self.scaled[0] else 1.0
                new[k][n] = params[k][n] - rate * factor * direction
                if self.unit and n == "kernel":
                    axes = tuple(range(new[k][n].ndim - 1))
                    new[k][n] = new[k][n] / np.sqrt(np.square(new[k][n]).sum(axes, keepdims=True))
            params = new
            path.append(params)
        return path

    def _penalty(self, name: str) -> float:
        return self.l2 + (self.kernel_l2 if name == "kernel" else 0.0)

    def _direction(self, own: dict[str, Any], g: np.ndarray, count: int) -> np.ndarray:
        if self.kind == "adadelta":
            own["v"] = self.b1 * own["v"] + (1 - self.b1) * g**2
            step = g * np.sqrt((own["m"] + self.eps) / (own["v"] + self.eps))
            own["m"] = self.b1 * own["m"] + (1 - self.b1) * step**2
            return step
        if self.kind == "nesterov":
            own["m"] = g + self.b1 * own["m"]
            return g + self.b1 * own["m"]
        own["v"] = self.b2 * own["v"] + (1 - self.b2) * g**2
        if self.kind in ("rmsprop", "rmsprop_momentum"):
            own["m"] = (self.b1 if self.kind != "rmsprop" else 0.0) * own["m"]
            own["m"] = own["m"] + g / (np.sqrt(own["v"]) + self.eps)
            return own["m"]
        own["m"] = self.b1 * own["m"] + (1 - self.b1) * g
        m, v = own["m"] / (1 - self.b1**count), own["v"] / (1 - self.b2**count)
        if self.kind == "amsgrad":
            v = own["most"] = np.maximum(own["most"], v)
        return m / (np.sqrt(v) + self.eps)


def orthogonal(own: dict[str, Any], g: np.ndarray, count: int) -> np.ndarray:
    """Muon's step for a kernel [inputs outputs]: Jordan's iteration on the momentum, scaled."""
    own["m"] = 0.95 * own["m"] + 0.05 * g
    now = 0.95 * own["m"] / (1 - 0.95 ** (count + 1)) + 0.05 * g / (1 - 0.95**count)
    x = now / (np.linalg.norm(now) + 1e-8)
    x = x.T if x.shape[0] > x.shape[1] else x
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    x = x if x.shape == g.shape else x.T
    return x * max(1.0, g.shape[1] / g.shape[0]) ** 0.5


def halving(rate: float, every: int) -> Rate:
    return lambda step: rate * 0.5 ** (step // every)


def exponential(rate: float, every: int, factor: float, stairs: bool = True) -> Rate:
    return lambda step: rate * factor ** (step // every if stairs else step / every)


def inverse_time(rate: float, decay: float) -> Rate:
    return lambda step: rate / (1 + decay * step)


def cosine(rate: float, steps: int, warmup: int) -> Rate:
    def at(step: int) -> float:
        if step < warmup:
            return rate * step / warmup
        done = min((step - warmup) / (steps - warmup), 1)
        return rate * 0.5 * (1 + math.cos(math.pi * done))

    return at


def noam(width: int, warmup: int) -> Rate:
    return lambda step: min((step + 1) / warmup**1.5, (step + 1) ** -0.5) / math.sqrt(width)


def adam(rate: float | Rate, **how: Any) -> Optimiser:
    return Optimiser("adam", rate, **how)


def nesterov(rate: float | Rate, **how: Any) -> Optimiser:
    return Optimiser("nesterov", rate, **how)


def muon(matrices: float | Rate, rate: float | Rate, **how: Any) -> Optimiser:
    return Optimiser("muon", rate, matrices=matrices, **how)
