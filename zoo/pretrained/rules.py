"""From the names and layouts of other frameworks to ours: a table of rules, applied at once.

A rule matches the whole name of a foreign array, says which leaf of ours it becomes
('params/...' or 'batch_stats/...', slashes between the parts), and how its layout changes. All that
does not match is named in one error: nothing is loaded by halves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import BadInput

ArrayTransform = Callable[..., np.ndarray]
ParameterPath = str | Callable[[re.Match], str]


def identity(x: np.ndarray) -> np.ndarray:
    """The array as it is: HWIO kernels, biases, and all fields of batch norm."""
    return x


@dataclass(frozen=True)
class Rule:
    r"""Foreign arrays whose name is `pattern` become `path`, through `transform`.

    path: a template with \1, \2 for the groups of the pattern, or a function of the match.
    also: templates of further foreign names, handed to `transform` after the first (the g of a
    weight norm, the second bias of an LSTM); they need no rule of their own.
    """

    pattern: str
    path: ParameterPath
    transform: ArrayTransform = identity
    also: tuple[str, ...] = ()

    def target(self, match: re.Match) -> str:
        return self.path(match) if callable(self.path) else match.expand(self.path)


@dataclass(frozen=True)
class Skip:
    """Foreign arrays that our model has no use for: optimiser slots, counters, unused layers."""

    pattern: str


def conv(x: np.ndarray) -> np.ndarray:
    """torch's Conv1d [O I W] -> [W I O]; Conv2d [O I H W] -> [H W I O]."""
    return np.moveaxis(x, (0, 1), (-1, -2))


def transposed_conv(x: np.ndarray) -> np.ndarray:
    """torch's ConvTranspose1d [I O W] -> [W I O], as `zoo.layers.conv.TransposedConv` has it."""
    return np.moveaxis(x, (0, 1), (-2, -1))


def transpose(x: np.ndarray) -> np.ndarray:
    """torch's Linear [O I] -> [I O]; LSTM and GRU weights too, whose gates keep their order."""
    return x.T


def flat(x: np.ndarray) -> np.ndarray:
    """[... 1 ...] -> without axes of length one: torch's weight_g, kernels of one row."""
    return x.reshape([size for size in x.shape if size != 1] or [1])


def sum_arrays(*parts: np.ndarray) -> np.ndarray:
    """The sum: torch's two biases where ours is one."""
    return np.sum(parts, 0)


def gates(order: Sequence[int]) -> ArrayTransform:
    """[... n D] -> the same with its n gates along the last axis in another order.

    TensorFlow's LSTMCell (i, c, f, o) to ours (i, f, c, o): gates((0, 2, 1, 3)); Keras' GRU
    (z, r, h) to ours (r, z, h): gates((1, 0, 2)).
    """

    def reorder(x: np.ndarray) -> np.ndarray:
        parts = np.split(x, len(order), -1)
        return np.concatenate([parts[index] for index in order], -1)

    return reorder


def fuse_weight_norm(layout: ArrayTransform = conv) -> ArrayTransform:
    """(v, g) -> the kernel g v / |v|, norms over all axes on which g has length one, then layout.

    Of a rule on weight_v with also=(... weight_g,); for a layer of ours that has no weight norm.
    """

    def fuse(v: np.ndarray, g: np.ndarray) -> np.ndarray:
        axes = tuple(i for i in range(v.ndim) if g.shape[i] == 1)
        norm = np.sqrt(np.sum(np.square(v, dtype=np.float64), axis=axes, keepdims=True))
        return layout((g * (v / norm)).astype(np.float32))

    return fuse


BATCH_NORM = {  # field in torch, Keras and TensorFlow -> ours
    "weight": ("params", "scale"),
    "gamma": ("params", "scale"),
    "bias": ("params", "bias"),
    "beta": ("params", "bias"),
    "running_mean": ("batch_stats", "mean"),
    "moving_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
    "moving_variance": ("batch_stats", "var"),
}

LSTM_RULES = {  # what torch's names of a layer's arrays begin with -> our name, and its layout
    "weight_ih": ("kernel", transpose),
    "weight_hh": ("recurrent_kernel", transpose),
    "bias_ih": ("bias", identity),
    "bias_hh": ("recurrent_bias", identity),
}


def batch_norm(pattern: str, path: str, joint: str = r"\.") -> Rule:
    """The four arrays of a batch norm called `pattern`, to our module `path` (a template)."""

    def target(match: re.Match) -> str:
        collection, leaf = BATCH_NORM[match["field"]]
        return f"{collection}/{match.expand(path)}/{leaf}"

    return Rule(f"{pattern}{joint}(?P<field>{'|'.join(BATCH_NORM)})", target)


def apply_rules(
    rules: Sequence[Rule | Skip], foreign: Mapping[str, np.ndarray], wanted: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Our leaves by path, exactly those of `wanted` ({path: anything with shape and dtype}).

    raises BadInput that names every array without a rule or with several, every leaf that gets
    none, two, another shape or values that are not finite.
    """
    filled: dict[str, np.ndarray] = {}
    origins: dict[str, str] = {}
    faults: dict[str, list[str]] = {}
    companions: set[str] = set()
    for name in sorted(foreign):
        chosen = [(rule, m) for rule in rules if (m := re.fullmatch(rule.pattern, name))]
        if len(chosen) != 1:
            faults.setdefault("several rules for" if chosen else "no rule for", []).append(name)
            continue
        rule, match = chosen[0]
        if isinstance(rule, Skip):
            continue
        others = [match.expand(template) for template in rule.also]
        companions.update(others)
        path = rule.target(match)
        kind, text, leaf = _convert(rule, [name, *others], foreign, path, wanted.get(path))
        if path in origins:
            kind, text = "filled twice", f"{path} (by {origins[path]} and {name})"
        origins[path] = name
        if kind or leaf is None:
            faults.setdefault(kind, []).append(text)
        else:
            filled[path] = leaf
    if unmatched := set(faults.pop("no rule for", ())) - companions:
        faults["no rule for"] = sorted(unmatched)
    if unfilled := sorted(set(wanted) - set(origins)):
        faults["not filled"] = unfilled
    if faults:
        raise BadInput(
            "these weights do not fit the model: "
            + "; ".join(f"{kind}: {', '.join(texts)}" for kind, texts in sorted(faults.items()))
        )
    return filled


def _convert(
    rule: Rule, names: list[str], foreign: Mapping[str, np.ndarray], path: str, wanted: Any
) -> tuple[str, str, np.ndarray | None]:
    """(kind of fault or '', its text, the leaf)."""
    if missing := [name for name in names if name not in foreign]:
        return "missing", ", ".join(missing), None
    if wanted is None:
        return "not in the model", f"{path} (from {names[0]})", None
    parts = [foreign[name] for name in names]
    try:
        array = rule.transform(*parts)
    except (ValueError, IndexError, TypeError) as error:
        shapes = " and ".join(_shape(part) for part in parts)
        return "other shape", f"{path} ({names[0]} {shapes}: {error})", None
    if array.shape != tuple(wanted.shape):
        text = f"{path} ({names[0]} gives {_shape(array)}, wanted {_shape(wanted)})"
        return "other shape", text, None
    if array.dtype.kind != np.dtype(wanted.dtype).kind:
        return "other type", f"{path} ({names[0]} is {array.dtype}, wanted {wanted.dtype})", None
    if not np.all(np.isfinite(array)):
        return "not finite", f"{path} (from {names[0]})", None
    return "", "", np.array(array, wanted.dtype, order="C")


def _shape(array: Any) -> str:
    return f"[{' '.join(map(str, array.shape))}]"
