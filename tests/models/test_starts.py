"""Initial weights, and numbers of norms: every paper's row against a figure with its source.

An initialiser is called with the kernel's own key, type and full shape, where it depends on the
shape; networks themselves are only traced.
"""

import fnmatch
import functools
import math
import re

import flax.core.scope as scopes
import flax.linen as nn
import jax
import numpy as np
import pytest
from published_biases import BIASES
from published_norms import NORMS
from published_starts import TABLE
from start_distributions import Start

from zoo import catalog
from zoo import experiment as experiments

FEW = 2**18  # draws that measure a deviation to 0.3 %
# Initialisers that were given their figure when they were made, whatever the shape.
SHAPELESS = ("fan_uniform", "normal", "truncated_normal")
# Papers' rows; systems that have none but a config on the embedded music stand for themselves.
OTHER = ("crepe_score_render",)
FIXED = (
    "griffin_lim",
    "scattering",
    "oracle",
    "ica",
    "nmf",
    "engineered",
    "probe",
    "cdbn",  # outside Flax: tests/objectives/test_deep_belief.py
)  # hold no kernel that training moves
ROWS = [
    row.id
    for entry in catalog.entries()
    for row in entry.rows
    if not entry.name.endswith("_score_render") or entry.name in OTHER
    if not entry.name.startswith(FIXED)
]


TRACED = {}


def parameters(name):
    """{(path, initialiser, shape)} of every array, {(path, keep, epsilon)} of every norm.

    Rows that differ in their training alone are traced once.
    """
    experiment = experiments.find_config(name).experiment()
    spec = experiment.data.spec(1)
    known = repr((experiment.objective, spec))
    if known not in TRACED:
        TRACED[known] = traced(experiment.objective, spec)
    return TRACED[known]


def traced(objective, spec):
    found, norms, own = set(), set(), scopes.Scope.param

    def param(scope, leaf, start, *args, **kwargs):
        shape = args[0] if args else None
        if isinstance(shape, tuple | list):
            found.add(("/".join((*scope.path, leaf)), start, tuple(shape)))
        return own(scope, leaf, start, *args, **kwargs)

    def norm(call, arguments, given, context):
        module = context.module
        if hasattr(module, "epsilon") and "Norm" in type(module).__name__:
            path = "/".join(module.path)
            norms.add((path, getattr(module, "momentum", None), module.epsilon))
        return call(*arguments, **given)

    with pytest.MonkeyPatch.context() as patch, nn.intercept_methods(norm):
        patch.setattr(scopes.Scope, "param", param)
        jax.eval_shape(objective.init, jax.random.key(0), spec)
    return found, norms


def is_kernel(path, shape):
    return len(shape) > 1 and path.rpartition("/")[2] not in ("scale", "bias")


def written(value):
    """An initialiser by its code and by what it was told, so that equal ones are drawn once."""
    if not callable(value):
        return tuple(map(written, value)) if isinstance(value, tuple) else repr(value)
    cells = getattr(value, "__closure__", None) or ()
    return (getattr(value, "__qualname__", repr(value)), *(written(c.cell_contents) for c in cells))


DRAWN = {}


def draws(start, shape):
    """(root of the mean square, largest) of what an initialiser gives a kernel of that shape."""
    told = start.__qualname__.split(".")[0] in SHAPELESS
    known = (written(start), None if told else shape)
    if known not in DRAWN:
        key = jax.random.key(1, impl="rbg")
        if told:
            x = start(key, (FEW,))
        else:
            times = max(FEW // 4 // math.prod(shape), 1)
            x = np.stack([start(k, shape) for k in jax.random.split(key, min(times, 64))])
        x = np.asarray(x, np.float64)
        DRAWN[known] = float(np.sqrt(np.mean(x**2))), float(np.abs(x).max()), x.size
    return DRAWN[known]


def rule(table, path):
    return next((start for pattern, start in table.items() if re.match(pattern, path)), None)


def table_of(name, tables=TABLE):
    for rows, table in tables.items():
        if any(fnmatch.fnmatch(name, pattern) for pattern in rows.split("|")):
            return table
    return {}


@functools.cache
def once(start, shape):
    return np.asarray(start(jax.random.key(1), shape))


def close(wanted, start, shape, deviation):
    """Whether an initialiser draws so, and a line that says what it draws."""
    if wanted.kind == "constant":
        values = np.ravel(wanted.deviation)
        drawn = once(start, shape).reshape(len(values), -1)
        return (drawn == values[:, None]).all(), f"{drawn[:, 0]}, not {values}"
    root, largest, count = draws(start, shape)
    right = abs(root - deviation) <= deviation * (0.004 + 4 / count**0.5)
    reach = largest / deviation if deviation else 0
    if wanted.kind == "uniform":
        right &= 1.6 < reach < 1.7322
    elif wanted.kind == "truncated":
        right &= 1.9 < reach < 2.274
    elif wanted.kind == "normal":
        right &= reach > 2.9
    return right, f"{root:.6f}, at most {largest:.6f}, not {deviation:.6f}"


@pytest.mark.parametrize("name", ROWS)
def test_everything_starts_as_published(name):
    found, norms = (sorted(each, key=str) for each in parameters(name))
    _kernels(name, [each for each in found if is_kernel(each[0], each[2])])
    _others(name, found)
    for path, *numbers in norms:
        wanted = rule(table_of(name, NORMS), path)
        assert wanted, f"say in published_norms.py what the norm {path} of {name} has: {numbers}"
        assert numbers == [wanted.keep, wanted.epsilon], f"{name} {path}: {numbers}, not {wanted}"


def _kernels(name, found):
    table = table_of(name)
    lost = [path for path, *_ in found if rule(table, path) is None]
    assert found and not lost, f"say in TABLE how these of {name} start: {lost}"
    for path, start, shape in found:
        wanted = rule(table, path)
        if wanted.kind == "orthogonal":  # what is true of small matrices is of large ones
            shape = tuple(min(size, 16) for size in shape)
        right, line = close(wanted, start, shape, wanted.of(shape))
        assert right, f"{name} {path} {shape}: {line} ({wanted.source})"


def _others(name, found):
    """Biases, and the scales of norms."""
    shapes, own = {path: shape for path, _, shape in found}, table_of(name, BIASES)
    for path, start, shape in found:
        leaf = path.rpartition("/")[2]
        if is_kernel(path, shape) or not re.search("bias|^scale$", leaf):
            continue
        kernel = beside(path, shapes)
        said = any(re.match(pattern, path) for pattern in own)
        wanted = rule(own, path) if said else usual(table_of(name), kernel, leaf)
        if wanted is not None:
            right, line = close(wanted, start, shape, wanted.of(shapes.get(kernel, shape)))
            assert right, f"say in BIASES how {name} {path} {shape} starts: {line}"


def beside(path, shapes):
    """The kernel of a bias's or a scale's layer, '' where it has none."""
    scope, _, leaf = path.rpartition("/")
    names = leaf.replace("bias", "kernel"), "kernel"
    places = (f"{scope}/{name}" if scope else name for name in names if name != leaf)
    return next((place for place in places if place in shapes), "")


def usual(table, kernel, leaf):
    """None where it is tested elsewhere: the scales of weight norm are what their kernels are."""
    if leaf == "scale":
        return None if kernel else Start("constant", 1.0, "norms")
    drawn = rule(table, kernel) if kernel else None
    return drawn if drawn and drawn.bias else Start("constant", 0.0, "biases")
