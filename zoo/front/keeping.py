"""`python -m zoo keep RUN NAME`: the weights of a run become weights of the zoo, `zoo/NAME`.

weights/NAME holds the pair that `export` writes, its kernels as float16 where no score moves by a
hundredth, and in the `kept` of model.json what holds it to its scores: those of a few held-out
records and, of generators, one sample.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo import catalog, durable, machine, writing
from zoo.checkpoints import metadata as schema
from zoo.data.source import Source
from zoo.errors import BadInput
from zoo.evaluation.base import Evaluation
from zoo.evaluation.separation import mixture
from zoo.front import finding
from zoo.front.system import System
from zoo.objectives.base import (
    Composing,
    Generative,
    Request,
    follows_source,
    plays_notes,
    speaks,
)
from zoo.report import facts as rows
from zoo.runs import inference, pairs
from zoo.runs.kept import Kept, Sample
from zoo.runs.trained import Trained

LARGEST, TOGETHER = 4_000_000, 80_000_000  # bytes of one file, and of all in weights/
RECORDS = (1, 2, 4, 8)  # whose scores are kept: as few as have one
_SAME = 1e-3  # how near a score has to come to one that was kept: of each, of one below it
_ALIKE = 1e-2  # how near those of float16 kernels have to come, or they stay float32
_SECONDS, COMPOSED = 0.25, 4.0  # of the sample that is kept
_LICENCE = "Apache-2.0"  # of weights whose data this machine made


def keep_weights(
    model: System, name: str, *, licence: str | None = None, force: bool = False
) -> str:
    """Writes weights/NAME from a run; the line that says what stands there.

    licence: of the weights; default that of their data, or ours where these are the embedded ones.
    Raises BadInput for what is no scored run of a config of the zoo, for more than 4 MB, and where
    such weights are there, unless `force`.
    """
    place, row = _folder(name), scored_row(model.trained)
    with writing.write_folder(place, partial(_refuse, place, force)) as part:
        found = replace(model.trained, name=f"{finding.OWN}{name}")
        found = replace(found, arguments=portable(found))
        kept, records = _halved(found, part, row["metrics"])
        facts = pairs.read_facts(part)
        facts |= {
            "licence": licence or _licence_of(found),
            "commit": row.get("commit") or facts["commit"],
            "kept": asdict(_about(kept, row, records)),
        }
        durable.write_json(part / pairs.FACTS, facts)
        pairs.read_facts(part)
        _limit(part, place)
    size = facts["weights"]["bytes"] / 1e6
    metric = facts["kept"]["monitor"]
    return f"{found.name}: {size:.2f} MB, {metric} {row['metrics'][metric]:.4g}, in {place}"


def _folder(name: str) -> Path:
    """Where weights of that name stand. Raises BadInput."""
    try:
        if schema.name(name)[0] in ".-":
            raise schema.Unfit("begins with a mark")
    except schema.Unfit as error:
        raise BadInput(f"name '{name[:60]}' {error}: call it resemul, for instance") from None
    return finding.weights_folder() / name


def _refuse(place: Path, force: bool) -> None:
    if place.exists() and not force:
        raise BadInput(f"{place} exists: choose another name, or --force to replace it")


def scored_row(found: Trained) -> dict[str, Any]:
    """The row of a run's test split. Raises BadInput where it has none of these weights."""
    if (
        found.directory is None
        or catalog.config_files().get(found.config.name) != found.config.path
    ):
        raise BadInput(f"{found.name} is no run of a config of the zoo: name such a run directory")
    path = found.directory / "evaluation" / "test.json"
    row = rows.load_json(path) if path.is_file() else {}
    if row.get("weights_sha256") != found.fingerprint():
        raise BadInput(
            f"{path} is not there, or of other weights: score the run with "
            f"evaluate.py --checkpoint {found.directory}"
        )
    return row


def portable(found: Trained) -> dict[str, Any]:
    """The arguments, but for the places of this machine that some of them name."""
    defaults = found.config.defaults
    return {
        key: defaults[key] if key == "path" or (isinstance(value, str) and "/" in value) else value
        for key, value in found.arguments.items()
    }


def _licence_of(found: Trained) -> str:
    info = found.experiment.data.source.info
    return _LICENCE if info.name.startswith(("score_render/", "scores/")) else info.licence


def _halved(found: Trained, part: Path, scores: dict[str, float]) -> tuple[Trained, int]:
    """(the weights as `part` holds them, half as wide where alike; records of their excerpt)."""
    narrow = replace(found, variables=jax.tree.map(half, found.variables))
    kept = _stored(narrow, part, scores)
    records = _fewest(found)
    if not near(score_excerpt(kept, records), score_excerpt(found, records), _ALIKE):
        kept = _stored(found, part, scores)
    return kept, records


def _stored(found: Trained, part: Path, scores: dict[str, float]) -> Trained:
    """Writes the pair and reads it again."""
    pairs.write_pair(found, part, scores)
    size = (part / pairs.WEIGHTS).stat().st_size
    if size > LARGEST:
        raise BadInput(
            f"{found.name} takes {size / 1e6:.1f} MB, at most {LARGEST / 1e6:g} are kept: train a "
            "narrower one"
        )
    read = pairs.load_pair(part, pairs.read_facts(part))
    return replace(read, experiment=found.experiment)  # whose data lie where they lay


def half(leaf: jax.Array) -> np.ndarray:
    """Kernels as float16; biases, statistics and whatever it cannot hold as they are."""
    array = np.asarray(leaf)
    if array.ndim < 2 or array.dtype != np.float32 or np.abs(array).max(initial=0) > 6e4:
        return array
    return array.astype(np.float16)


def near(scores: Mapping[str, float], wanted: Mapping[str, float], share: float = _SAME) -> bool:
    """Whether all scores are there, to that share of each, or of one where they are less."""
    return scores.keys() == wanted.keys() and all(
        math.isclose(scores[name], value, rel_tol=share, abs_tol=share)
        for name, value in wanted.items()
    )


def _few(found: Trained) -> tuple[Evaluation, Source]:
    """Protocol and source of the excerpt: of the smallest size, which is made in seconds."""
    experiment = found.experiment
    if "size" in found.arguments:
        experiment = found.config.experiment(**{**found.arguments, "size": "tiny"})
    protocol, source = experiment.scored_on("test")
    source.prepare()
    return protocol, source


def _fewest(found: Trained) -> int:
    """How many held-out records give the score that the system is chosen by. Raises BadInput.

    Clouds of clips are compared from two on, their halves from four.
    """
    monitor = _few(found)[0].monitor[0]
    for records in RECORDS:
        try:
            scores = score_excerpt(found, records)
        except BadInput:
            continue
        if monitor in scores and all(map(math.isfinite, scores.values())):
            return records
    raise BadInput(f"{found.name}: {monitor} is undefined on the first {records} test records")


def score_excerpt(found: Trained, records: int) -> dict[str, float]:
    """The scores of the first few held-out records."""
    protocol, source = _few(found)
    predict = inference.predictor(found.experiment.objective, found.mesh)(found.variables)
    return protocol.run(predict, source.open("test"), source.info, limit=records).metrics


def sample(found: Trained) -> np.ndarray | None:
    """What a generator makes with seed 0, [T C]; None of what makes no sound."""
    objective = found.experiment.objective
    if not isinstance(objective, Generative):
        return None
    seconds = COMPOSED if isinstance(objective, Composing) else _SECONDS
    length = int(seconds * found.experiment.data.source.info.sample_rate)
    request = Request(length=length, chunk=length, engine="xla")  # a compiler is not everywhere
    if follows_source(objective) or plays_notes(objective) or speaks(objective):
        record = _few(found)[1].open("test")[0]
        if plays_notes(objective):
            request = replace(request, notes=record["notes"])
        elif speaks(objective):
            request = replace(request, text=record["text"])
        else:
            request = replace(request, source=mixture(record)[:length])
    chunks = list(objective.generate(found.variables, request))
    return np.concatenate(chunks, 1)[0].astype(np.float32)


def sample_digest(audio: np.ndarray) -> Sample:
    """What tells a sample from any other."""
    digest = hashlib.sha256(np.ascontiguousarray(audio).tobytes()).hexdigest()
    return Sample(len(audio), digest, machine.processor())


def _about(found: Trained, row: dict[str, Any], records: int) -> Kept:
    made = sample(found)
    return Kept(
        seed=found.arguments["seed"],
        monitor=row["monitor"],
        protocol=row["protocol"],
        device=row["device"],
        machine=row["machine"],
        date=row["date"],
        records=records,
        excerpt=score_excerpt(found, records),
        training_seconds=row.get("training_seconds"),
        sample=None if made is None else sample_digest(made),
    )


def _limit(part: Path, place: Path) -> None:
    """Raises BadInput where all weights together are more than a repository should carry."""
    others = (p for p in place.parent.glob(f"*/{pairs.WEIGHTS}") if p.parent not in (part, place))
    total = sum(p.stat().st_size for p in [*others, part / pairs.WEIGHTS])
    if total > TOGETHER:
        raise BadInput(
            f"weights/ would hold {total / 1e6:.0f} MB, at most {TOGETHER / 1e6:g}: remove some"
        )
