"""Inference weights apart from training state: model.safetensors, and model.json that describes it.

model.json holds all that loading needs besides the code: config, arguments, sample rate, labels in
order, licence of the data, versions, step, scores, and the SHA-256 of the weights. It is written
after them, so that a pair that was interrupted is seen. Names of arrays are paths of `Variables`,
as 'params/model/top/kernel'.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

import zoo
from zoo import catalog, durable, escapes, writing
from zoo import experiment as experiments
from zoo import mesh as meshes
from zoo.checkpoints import metadata as schema
from zoo.checkpoints import typed
from zoo.checkpoints.checksums import by_path
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.objectives.base import Variables
from zoo.runs import estimate, networks, trained
from zoo.runs.kept import Kept
from zoo.runs.trained import Trained

WEIGHTS, FACTS, PROGRAM = "model.safetensors", "model.json", "model.program"
_FORMAT = 1
OBJECTS = ("arguments", "data", "weights", "versions", "scores")
_NEEDED = {"format": int, "config": str, "licence": str, **dict.fromkeys(OBJECTS, dict)}
READ: dict[str, Callable[[Any], Any]] = {
    "arguments": schema.arguments,
    "scores": schema.as_numbers,
    "step": lambda value: schema.as_integer(value or 0),
    "config": schema.name,
    **dict.fromkeys(("name", "title", "config_file", "licence"), schema.text_or_none),
}


def write_pair(found: Trained, folder: Path, scores: dict[str, float] | None = None) -> Path:
    """The pair of a trained system, each file replaced at once; returns the folder."""
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    variables = networks.for_inference(found.experiment.objective, found.variables)
    arrays = {path: np.asarray(leaf, order="C") for path, leaf in by_path(variables).items()}
    with writing.replacing(folder / WEIGHTS) as (new,):
        new.write_bytes(save(arrays))  # save_file would make it unreadable to others
        facts = _describe(found, arrays, new, scores or {})
    durable.write_json(folder / FACTS, facts)
    return folder


def _describe(
    found: Trained, arrays: dict[str, np.ndarray], weights: Path, scores: dict[str, float]
) -> dict[str, Any]:
    """What model.json holds."""
    info = found.experiment.data.source.info
    shipped = catalog.config_files().get(found.config.name) == found.config.path
    return {
        "format": _FORMAT,
        "name": found.name,
        "title": found.config.title,
        "config": found.config.name,
        "config_file": None if shipped else found.config.path.name,
        "arguments": found.arguments,
        "sample_rate": info.sample_rate,
        "labels": list(labels_of(found.experiment)),
        "data": asdict(info),
        "licence": found.meta.get("licence", info.licence),
        "step": found.meta.get("step"),
        "scores": scores,
        "parameters": sum(array.size for name, array in arrays.items() if name[:7] == "params/"),
        "weights": {
            "file": WEIGHTS,
            "bytes": weights.stat().st_size,
            "sha256": durable.file_sha256(weights),
        },
        "versions": _versions(),
        "commit": trained.commit(),
    }


def labels_of(experiment: Any) -> tuple[str, ...]:
    """Names of tags or stems, in the order of what the model gives."""
    how = getattr(experiment.evaluation, "how", None)
    return experiment.data.source.info.labels if how is None else how.stems


def _versions() -> dict[str, str]:
    """Of what decides how weights become sound."""
    return {"zoo": zoo.__version__, **{n: metadata.version(n) for n in ("jax", "flax", "numpy")}}


def read_facts(folder: Path) -> dict[str, Any]:
    """model.json, checked for all that loading relies on. Raises BadInput."""
    path = folder / FACTS
    try:
        facts = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} cannot be read ({error}): export the run anew") from error
    for name, kind in _NEEDED.items():
        if not isinstance(facts, dict) or not isinstance(facts.get(name), kind):
            raise BadInput(f"{path} has no sound '{name}': export the run anew")
    if facts["format"] != _FORMAT:
        raise BadInput(f"{path} is of format {facts['format']}, not {_FORMAT}: take a newer zoo")
    info_of(facts, path)
    try:
        for key, reading in READ.items():
            schema.read_field(facts, key, reading, None)
        kept_of(facts)
    except schema.Unfit as error:
        raise BadInput(f"{path} is not as the zoo writes it ({error}): export it anew") from None
    return facts


def info_of(facts: dict[str, Any], path: Path) -> Info:
    """The data that shaped the weights. Raises BadInput where it is not described whole."""
    try:
        return typed.typed_record(Info, facts["data"])
    except schema.Unfit as error:
        raise BadInput(f"{path} has no sound 'data' ({error}): export the run anew") from None


def kept_of(facts: dict[str, Any]) -> Kept | None:
    """What the pairs in weights/ say besides; None of others. Raises Unfit."""
    return typed.typed_record(Kept, facts["kept"]) if "kept" in facts else None


def verify_weights(folder: Path, facts: dict[str, Any]) -> None:
    """Raises BadInput unless the weights are those that model.json describes."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise BadInput(f"{folder} has {FACTS} and no {WEIGHTS}: both are needed")
    if durable.file_sha256(path) != facts["weights"].get("sha256"):
        raise BadInput(f"{path} is damaged, or not of this {FACTS}: export or download it anew")


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """The weights by path."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(folder / WEIGHTS)
    except (SafetensorError, OSError) as error:
        raise BadInput(f"{folder / WEIGHTS} cannot be read ({error}): obtain it anew") from error


def load_pair(
    folder: Path, facts: dict[str, Any], *, config: str | None = None, words: tuple[str, ...] = ()
) -> Trained:
    """The system of a pair. No code of the pair runs: its config is one of the zoo's, or given."""
    if config is None and (
        facts.get("config_file") or facts["config"] not in catalog.config_files()
    ):
        raise BadInput(
            f"{folder} was trained with a config file of its own ({facts['config']}): name that "
            "file with --config, or export the run with --program"
        )
    found = experiments.find_config(config) if config else experiments.shipped(facts["config"])
    arguments = trained.requested_arguments(found, facts["arguments"], words)
    experiment = found.experiment(**arguments)
    with estimate.limit_layers(found, arguments):
        variables = fill(experiment, read_weights(folder), folder)
    meta = {"step": facts.get("step"), "licence": facts["licence"], "scores": facts["scores"]}
    name = str(facts.get("name") or folder.name)
    return Trained(found, arguments, experiment, variables, meta, meshes.make_mesh(1), name)


def fill(experiment: Any, held: dict[str, np.ndarray], folder: Path) -> Variables:
    """The arrays in the places that the experiment's objective has for them."""
    shapes = jax.eval_shape(experiment.objective.init, jax.random.key(0), experiment.data.spec(1))
    wanted = networks.for_inference(experiment.objective, shapes)
    places = by_path(wanted)
    # Pairs of before hold states that are carried per example of a training batch.
    held = {path: v for path, v in held.items() if path.split("/")[2:3] != [networks.MEMORY]}
    odd = [
        path
        for path in sorted(places.keys() | held.keys())
        if path not in places or path not in held or places[path].shape != held[path].shape
    ]
    if odd:
        raise BadInput(f"{folder} does not fit its config: {', '.join(odd[:3])}, {len(odd)} in all")
    return jax.tree.unflatten(
        jax.tree.structure(wanted),
        [jax.numpy.asarray(held[path], place.dtype) for path, place in places.items()],
    )


def keep_best(run: Trained, folder: Path) -> None:
    """Writes the pair of a run's best checkpoint into its directory; where that fails, a warning.

    Not on several hosts, each of which may hold a part of the weights only: `python -m zoo export`
    does it afterwards, on one.
    """
    if jax.process_count() > 1:
        return
    try:
        step, scores = best_of(folder)
        found = trained.load_trained(folder, config=str(run.config.path), step=step)
        write_pair(found, folder, scores)
    except (BadInput, OSError) as error:
        print(
            escapes.terminal_line(f"{folder / WEIGHTS} was not written: {error}"), file=sys.stderr
        )


def best_of(folder: Path, step: int | None = None) -> tuple[int, dict[str, float]]:
    """(the best step of a run, its scores), or those of `step`."""
    from zoo.checkpoints.store import Checkpoints

    with Checkpoints(folder / "checkpoints", read_only=True) as checkpoints:
        steps = checkpoints.steps()
        if not steps:
            raise BadInput(f"{folder} holds no finished checkpoint yet")
        chosen = step if step is not None else (checkpoints.best() or steps[-1])
        _, meta = checkpoints.read_meta(chosen)
    return chosen, dict(meta["checkpoint"]["metrics"])


def in_step(folder: Path) -> bool:
    """Whether a run directory has a whole pair of the step that is its best."""
    if not (folder / FACTS).is_file():
        return False
    try:
        facts = read_facts(folder)
        verify_weights(folder, facts)
        return facts["step"] == best_of(folder)[0]
    except BadInput as error:
        print(escapes.terminal_line(f"{error}; its checkpoint is read instead"), file=sys.stderr)
        return False
