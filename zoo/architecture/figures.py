"""The figure of a system's architecture: every player's network, drawn from the module itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from zoo import catalog, durable
from zoo.architecture import folding
from zoo.architecture.drawing import svg
from zoo.architecture.folding import NetworkFigure
from zoo.architecture.network import TracedNetwork
from zoo.architecture.tracing import Traced, roots, trace
from zoo.catalog import Entry
from zoo.experiment import Config, Experiment, shipped
from zoo.objectives.base import Turn, Variables
from zoo.report.tables import system_name, systems

# Examples of the batch that is traced: a number that no other first dimension is a multiple of.
_BATCH = 7
_MOST = 6  # networks of a figure


def figures_folder() -> Path:
    """Where the figures of all systems lie in a clone."""
    return catalog.configs_folder().parent / "docs" / "architecture"


def draw_architecture(config: Config, arguments: dict[str, Any]) -> str | None:
    """The figure of a config as SVG; None where it has no network."""
    found = list(figures(config.experiment(**arguments)))
    return svg(config.title.rstrip("."), found[:_MOST]) if found else None


def figures(experiment: Experiment) -> Iterator[NetworkFigure]:
    """A figure for each player, those that are alike as one; what predicts first."""
    objective = experiment.objective
    if not has_network(objective):
        return
    try:
        traced, variables, batch, size = _predicting(experiment, _BATCH)
    except Exception:  # an objective may need a batch that it can divide
        traced, variables, batch, size = _predicting(experiment, experiment.batch)
    met = {call.path[0]: traced for _, call in roots(traced.calls)}
    for turn in objective.turns:
        if turn.player not in met:
            met[turn.player] = _losing(turn, variables, batch)
    found: dict[Any, NetworkFigure] = {}
    learnt = {player: seen for player, seen in met.items() if player not in variables.frozen}
    for player, seen in (learnt or met).items():
        if any(call.parameters for call in seen.calls if call.path[0] == player):
            one = replace(folding.network_figure(TracedNetwork(seen, player)), batch=size)
            parts = ((i.node.form, i.node.kind, i.key[0] and i.key[1:]) for i in one.items)
            like = one.kind, tuple(parts)
            if like in found:
                found[like].also[one.name] = one.parameters
            else:
                found[like] = one
    yield from found.values()


def has_network(part: Any) -> bool:
    """Whether an objective holds a linen module, in a field or deeper."""
    if isinstance(part, nn.Module):
        return True
    if isinstance(part, Mapping):
        return any(map(has_network, part.values()))
    if isinstance(part, tuple | list):
        return any(map(has_network, part))
    if is_dataclass(part) and not isinstance(part, type):
        return any(has_network(getattr(part, f.name)) for f in fields(part))
    return False


def _predicting(experiment: Experiment, size: int) -> tuple[Traced, Variables, Any, int]:
    objective, key = experiment.objective, jax.random.key(0)
    batch = experiment.data.spec(size)
    variables = jax.eval_shape(objective.init, key, batch)
    return trace(objective.predict, variables, batch, key), variables, batch, size


def _losing(turn: Turn, variables: Variables, batch: Any) -> Traced:
    """What a player computes in its turn."""

    def loss(variables: Variables, batch: Any, rng: jax.Array) -> Any:
        return turn.loss(variables, batch, rng, jnp.zeros((), jnp.int32))

    return trace(loss, variables, batch, jax.random.key(0))


def of_system(group: list[Entry]) -> str | None:
    """The figure of the first config of a system that has a network."""
    for entry in group:
        config = shipped(entry.name)
        if picture := draw_architecture(config, config.defaults):
            return picture
    return None


def groups() -> dict[str, list[Entry]]:
    """Every system by name: its configs, papers' rows first."""
    entries = catalog.entries()
    return {system_name(g): g for task in catalog.TASKS for g in systems(entries, task)}


def missing_figures(directory: Path) -> list[str]:
    """The systems with a network that have no figure in a folder."""
    return [
        name
        for name, group in groups().items()
        if not (directory / f"{name}.svg").is_file()
        if any(has_network(shipped(entry.name).experiment().objective) for entry in group)
    ]


def write_all(directory: Path) -> list[Path]:
    """Writes NAME.svg of every system with a network, and removes those of others."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, group in groups().items():
        if picture := of_system(group):
            paths.append(directory / f"{name}.svg")
            durable.write_atomically(paths[-1], picture)
    for path in set(directory.glob("*.svg")) - set(paths):
        path.unlink()
    return paths
