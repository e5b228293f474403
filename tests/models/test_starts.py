"""Initial weights: every kernel of every paper's row against a figure with its source.

An initialiser is called with the kernel's own key, type and full shape, where it depends on the
shape; networks themselves are only traced.
"""

import fnmatch
import math
import re

import flax.core.scope as scopes
import jax
import numpy as np
import pytest
from published_starts import TABLE

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


def kernels(name):
    """{(path, initialiser, shape)} of every array of two axes or more, without drawing.

    Rows that differ in their training alone are traced once.
    """
    experiment = experiments.find(name).experiment()
    spec = experiment.data.spec(1)
    known = repr((experiment.objective, spec))
    if known not in TRACED:
        TRACED[known] = traced(experiment.objective, spec)
    return TRACED[known]


def traced(objective, spec):
    found, own = set(), scopes.Scope.param

    def param(scope, leaf, start, *args, **kwargs):
        shape = args[0] if args else None
        kernel = isinstance(shape, tuple) and len(shape) > 1 and leaf not in ("scale", "bias")
        if kernel:
            found.add(("/".join((*scope.path, leaf)), start, shape))
        return own(scope, leaf, start, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scopes.Scope, "param", param)
        jax.eval_shape(objective.init, jax.random.key(0), spec)
    return found


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


def table_of(name):
    for rows, table in TABLE.items():
        if any(fnmatch.fnmatch(name, pattern) for pattern in rows.split("|")):
            return table
    return {}


@pytest.mark.parametrize("name", ROWS)
def test_every_kernel_starts_as_published(name):
    table, found = table_of(name), kernels(name)
    lost = [path for path, *_ in found if rule(table, path) is None]
    assert found and not lost, f"say in TABLE how these of {name} start: {lost}"
    for path, start, shape in sorted(found, key=str):
        wanted = rule(table, path)
        if wanted.kind == "orthogonal":  # what is true of small matrices is of large ones
            shape = tuple(min(size, 16) for size in shape)
        deviation = wanted.of(shape)
        root, largest, count = draws(start, shape)
        told = f"{name} {path} {shape}: {root:.6f}, not {deviation:.6f} ({wanted.source})"
        assert abs(root - deviation) <= deviation * (0.004 + 4 / count**0.5), told
        reach = largest / deviation if deviation else 0
        if wanted.kind == "uniform":
            assert 1.6 < reach < 1.7322, told
        elif wanted.kind == "truncated":
            assert 1.9 < reach < 2.274, told
        elif wanted.kind == "normal":
            assert reach > 2.9, told
