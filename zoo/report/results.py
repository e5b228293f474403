"""One JSON per evaluated row, and the table that is rendered from them."""

from __future__ import annotations

import inspect
import platform
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from zoo import durable, writing
from zoo.data.records import NoSplit
from zoo.data.source import Source
from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.evaluation.base import Report, save_report
from zoo.report import facts, stored
from zoo.runs import inference
from zoo.runs.trained import Trained, commit
from zoo.training.log import read_metrics

_VERSIONS = ("jax", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "librosa")
_LINES = 14  # of metrics on the screen; all of them stand in the JSON


def evaluate(
    trained: Trained,
    split: str,
    limit: int | None = None,
    folder: Path | None = None,
    force: bool = False,
    *,
    wait: bool = False,
    suffix: str = "",
) -> Report:
    """Scores a split; writes RUN/evaluation/SPLIT and `folder`/TASK/ROW.json (and .npz: scores).

    With a `limit` RUN/evaluation/SPLIT_first_LIMIT alone: a part's score is nowhere the whole's.
    suffix: of that folder's name, for what is not the run alone and has no row.
    Nor does another split's row take the place of the test split's. Raises BadInput before the
    work where the row of another run stands there and force is not given, or another process
    scores the same, unless it is to be waited for.
    """
    name = (split if limit is None else f"{split}_first_{limit}") + suffix
    places = [trained.directory / "evaluation" / name] if trained.directory is not None else []
    if folder is not None and limit is None:
        places.append(target_of(trained, folder))
    with ExitStack() as stack:
        if jax.process_index() == 0:
            for place in places:
                require_writable_results(place.parent)
                stack.enter_context(writing.hold_lock(place, wait=wait))
            if folder is not None and limit is None:
                _require_own(target_of(trained, folder), trained, force)
        return _evaluate(trained, split, limit, places)


def _evaluate(trained: Trained, split: str, limit: int | None, places: list[Path]) -> Report:
    protocol, source = trained.experiment.scored_on(split)
    source.prepare()
    records = source.open(split)
    if not len(records):
        raise BadInput(f"{source.info.name} has no {split} split")
    predict = inference.predictor(trained.experiment.objective, trained.mesh)(trained.variables)
    began = time.perf_counter()
    with tqdm(unit="record", desc=f"{trained.config.name} on {split}", leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = protocol.run(predict, records, source.info, limit=limit, progress=progress)
    if jax.process_index():
        return report
    row = _describe(trained, report, split, time.perf_counter() - began)
    written = []
    for place in places:
        if place.suffix == ".json":
            taken = place.is_file() and facts.load_json(place).get("split") == "test"
            if split == "test" or not taken:
                written.append(place)
                if report.scores is not None:
                    scores_file.write_small(place.with_suffix(".npz"), report.scores)
            continue
        with writing.write_locked_folder(place) as part:
            save_report(report, part)
        written.append(place.with_name(f"{place.name}.json"))
    for path in written:
        write_result(path, row)
    if written:
        print(f"scores in {', '.join(map(str, written))}")
    return report


def target_of(trained: Trained, folder: Path) -> Path:
    """Where the row of a run stands: named by its row, its other arguments and its seed."""
    config = trained.config
    # Of the function itself: a row's arguments are the defaults of the config that it was found by.
    taken = inspect.signature(config.module.config).parameters
    own = {**config.defaults, **{name: p.default for name, p in taken.items()}}
    stem = stored.result_name(config.entry, trained.arguments, own)
    return folder / config.task / f"{stem}.json"


def _require_own(path: Path, trained: Trained, force: bool) -> None:
    """Refuses to overwrite the result of other weights, unless asked to. raises BadInput."""
    if force or not path.is_file():
        return
    there = facts.load_json(path)
    if there.get("weights_sha256") != trained.fingerprint():
        raise BadInput(
            f"{path} holds the result of other weights (of {there.get('date', 'an unknown day')}): "
            "choose another --results, or --force to overwrite it"
        )


def held_out(source: Source) -> str:
    """The split that a finished run shows: 'validation' where the files left none for a test."""
    try:
        source.open("test")
    except NoSplit:
        return "validation"
    return "test"


def require_writable_results(folder: Path) -> None:
    """Before the work: a score that cannot be kept is lost. raises BadInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(
            f"cannot write to {folder} ({error.strerror}): free it, or copy the run elsewhere, or "
            "name another place with --results"
        ) from error


def _describe(trained: Trained, report: Report, split: str, seconds: float) -> dict[str, Any]:
    """All that a reader needs to believe, doubt or repeat the numbers."""
    device = jax.devices()[0]
    config, arguments = trained.config, trained.arguments
    row = config.row_of(arguments)
    settings = {**config.defaults, **(row.arguments if row else {})}
    changed = {k: v for k, v in arguments.items() if facts.differs(v, settings.get(k))}
    return {
        "config": trained.config.name,
        "row": row.name if row else None,
        "reported": dict(row.reported) if row else {},
        "source": row.source if row else "",
        "task": trained.config.task,
        "title": trained.config.title,
        "arguments": {k: v for k, v in arguments.items() if k != "path"},
        "changed": {k: v for k, v in changed.items() if k not in ("path", "seed")},
        "parameters": inference.count_parameters(trained.variables.params),
        "step": trained.meta.get("step"),
        "weights_sha256": trained.fingerprint(),
        "weights": trained.name if "published" in trained.meta else None,
        "training_seconds": _seconds_of(trained.directory),
        "data": asdict(trained.experiment.scored_on(split)[1].info),
        "split": split,
        "monitor": trained.experiment.evaluation.monitor[0],
        "metrics": report.metrics,
        "intervals": report.intervals,
        "counts": report.counts,
        "protocol": report.protocol,
        "evaluation_seconds": round(seconds, 1),
        "device": f"{jax.device_count()} x {device.device_kind}",
        "machine": f"{platform.system()} {platform.machine()}",
        "versions": {name: metadata.version(name) for name in _VERSIONS},
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _seconds_of(directory: Path | None) -> float | None:
    """How long a run trained, pauses left out."""
    log = directory / "metrics.jsonl" if directory else None
    return facts.training_seconds(read_metrics(log)) if log and log.is_file() else None


def write_result(path: Path, row: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_json(path, row)


def summarise_report(report: Report, monitor: str) -> str:
    """A report as lines for the screen: all metrics, or those of the monitored one's family."""
    family = monitor.split("/")[0]
    shown = report.metrics
    if len(shown) > _LINES:
        shown = {k: v for k, v in shown.items() if k.startswith(family)}
    width = max(map(len, shown), default=0)
    spans = {k: f"  [{low:.4g}, {high:.4g}]" for k, (low, high) in report.intervals.items()}
    lines = [f"  {k:<{width}}  {v:8.4f}{spans.get(k, '')}" for k, v in shown.items()]
    if spans and report.scores:
        lines.append(f"  ([95 % intervals], bootstrap over {len(report.scores.names)} items)")
    counts = ", ".join(f"{v} {k.replace('_', ' ')}" for k, v in report.counts.items())
    return "\n".join([report.protocol, *lines, *([f"  ({counts})"] if counts else [])])
