"""The zoo's list is the list of its configs; what each one is, computed from the config itself."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np

from zoo import catalog
from zoo.catalog import PaperRow
from zoo.experiment import Config
from zoo.report import facts, flops, stored
from zoo.report.stored import Measured
from zoo.report.tables import short_metric_name
from zoo.runs import contract, estimate, inference

_NETWORKS = ("model", "features", "generator", "student", "objective")
_SHOWN = 4  # numbers of one config in the list; its file has them all


def _numbers(row: PaperRow, measured: Measured | None) -> tuple[str, str]:
    """(reported by the paper, ours), each as 'metric value' in the order of the paper's."""
    metrics = measured.metrics if measured else {}
    monitor = measured.first.get("monitor") if measured else None
    compared = facts.compare_metrics(row, metrics, monitor)[:_SHOWN]
    reported = ", ".join(f"{short_metric_name(k)} {v:g}" for k, v, _ in compared if v is not None)
    ours = ", ".join(f"{short_metric_name(k)} {v:.3f}" for k, _, v in compared if v is not None)
    return (reported or "-") + facts.unchecked_mark(row), ours or "-"


def list_rows(task: str | None = None) -> list[dict[str, Any]]:
    """Every row of the zoo, measured or not, as plain data: what `zoo list --json` prints."""
    measured = stored.read_measured(catalog.results_folder())
    return [
        {
            "row": row.id,
            "config": entry.name,
            "task": entry.task,
            "title": entry.title,
            "arguments": dict(row.arguments),
            "parameters": row.parameters,
            "reported": dict(row.reported),
            "source": row.source,
            "ours": measured[row.id].metrics if row.id in measured else {},
            "agrees": dict(entry.agrees),
        }
        for entry in catalog.entries(task)
        for row in entry.rows
    ]


def listing_table(task: str | None = None) -> str:
    """Columns: row, task, parameters, reported, ours, what agrees outside, what it is."""
    measured = stored.read_measured(catalog.results_folder())
    rows = [("row", "task", "parameters", "reported", "ours", "agrees with", "")]
    for entry in catalog.entries(task):
        for row in entry.rows:
            reported, ours = _numbers(row, measured.get(row.id))
            count = "-" if row.parameters is None else f"{row.parameters:,}"
            outside = ", ".join(entry.agrees.values()) or "-"
            rows.append((row.id, entry.task, count, reported, ours, outside, entry.title))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[6]]).rstrip()
        for row in rows
    )


def info(config: Config, arguments: dict[str, Any]) -> str:
    """Title, arguments, parameter table, receptive field and cost of a config."""
    experiment = config.experiment(**arguments)
    contract.check_experiment(config.name, experiment)
    estimate.check_batch_memory(config, arguments, experiment)
    with estimate.limit_layers(config, arguments):
        spec = experiment.data.spec(1)
        variables = jax.eval_shape(experiment.objective.init, jax.random.key(0), spec)
    source = experiment.data.source.info
    lines = [f"{config.name}: {config.title}", f"file: {config.path}"]
    lines.append("arguments: " + " ".join(f"{k}={v}" for k, v in arguments.items()))
    lines.append(f"data: {source.name}, {source.form}, {source.licence}")
    if row := config.row_of(arguments):
        lines.append(f"row: {row.id}")
        lines += [f"reported {name}: {value}" for name, value in row.reported.items()]
        lines += [f"reported in: {row.source}"] if row.source else []
    lines += [f"other row: {row.id}" for row in config.entry.rows if row is not config.row]
    lines += [f"agrees with {what}: {path}" for path, what in config.entry.agrees.items()]
    for player, tree in {**variables.params, **variables.frozen}.items():
        lines += [
            "",
            f"{player}: {inference.count_parameters(tree):,} parameters",
            *_parameters(tree),
        ]
    lines += ["", _field(experiment.objective, source.sample_rate)]
    lines += _cost(experiment, spec, variables, source.sample_rate)
    return "\n".join(lines)


def _parameters(tree: Any) -> list[str]:
    """One line per array: path, shape, size."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    names = ["/".join(str(getattr(k, "key", k)) for k in path) for path, _ in leaves]
    width = max(map(len, names), default=0)
    return [
        f"  {name:<{width}}  {'x'.join(map(str, leaf.shape)) or '1':<16} {leaf.size:>12,}"
        for name, (_, leaf) in zip(names, leaves)
    ]


def _field(objective: Any, rate: int) -> str:
    """The receptive field that the objective or its network states, in samples."""
    samples = _stated(objective)
    if samples is None:
        return "receptive field: not stated (the model names no `receptive_field`)"
    if not samples:
        return "receptive field: none (audio is made of a random vector)"
    if samples == math.inf:
        return "receptive field: the whole input"
    return f"receptive field: {samples:,} samples = {1000 * samples / rate:.1f} ms"


def _stated(part: Any) -> float | None:
    """The `receptive_field` of an objective, or else of what it is made of."""
    if part is None or hasattr(part, "receptive_field"):
        return getattr(part, "receptive_field", None)
    inner = (_stated(getattr(part, name, None)) for name in _NETWORKS)
    return next((samples for samples in inner if samples is not None), None)


def _cost(experiment: Any, spec: dict, variables: Any, rate: int) -> list[str]:
    """FLOPs of one forward pass, per second of input audio; nothing where XLA does not count."""
    shapes = {k: jax.ShapeDtypeStruct(v.shape, v.dtype) for k, v in spec.items()}
    each, known = flops.count_flops(
        experiment.objective.predict, variables, shapes, jax.random.key(0)
    )
    audio = next((v for k, v in spec.items() if k in ("audio", "mixture")), None)
    if not each or audio is None:
        return []
    each /= np.prod(audio.shape[:2]) / rate
    units = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (0, ""))
    size, unit = next((s or 1, u) for s, u in units if each >= s)
    once = "" if known else ", a loop until convergence counted once"
    return [f"cost: {each / size:.3g} {unit}FLOP per second of input (forward{once})"]
