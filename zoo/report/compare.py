"""Two runs side by side: metrics of the splits that both have, and arguments that differ.

Where the scores of every clip or track are kept and are of the same ones, how sure a difference is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import catalog
from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.metrics import resampling
from zoo.metrics.resampling import RESAMPLES, Difference
from zoo.pages.markup import number
from zoo.report import facts
from zoo.report.facts import Run
from zoo.report.scored import check_row


def compare_runs(first: Path, second: Path) -> str:
    """Tables a split, then the arguments that differ. BadInput where they share no split.

    Of stored rows (a .json, with the .npz of scores beside it) the paired differences alone.
    """
    if first.is_file() or second.is_file():
        return "\n".join(comparison_lines(paired_differences(first, second)))
    runs = [facts.read_run(first), facts.read_run(second)]
    shared = [split for split in runs[0].rows if split in runs[1].rows]
    if not shared:
        scored = " and ".join(f"{run.directory} {', '.join(run.rows) or 'none'}" for run in runs)
        raise BadInput(f"the runs share no scored split ({scored}): evaluate both on one")
    parts = [part for split in shared for part in (_scores(split, runs), _sureness(split, runs))]
    if runs[0].config != runs[1].config:
        parts.append(_columns(["config", *(run.config for run in runs)]))
    parts.append(_differences(*(run.arguments for run in runs)))
    return "\n\n".join(filter(None, parts))


def _scores(split: str, runs: Sequence[Run]) -> str:
    """Metrics of a split that either has, with the second's minus the first's."""
    metrics = [run.rows[split]["metrics"] for run in runs]
    names = dict.fromkeys(name for part in metrics for name in part)
    lines = [[split, *(str(run.directory) for run in runs), "difference"]]
    steps = [run.rows[split].get("step") for run in runs]
    lines.append(["step", *(number(step) for step in steps), ""])
    for name in names:
        one, other = (part.get(name) for part in metrics)
        both = one is not None and other is not None
        gap = f"{other - one:+.4g}" if both else ""
        lines.append([name, number(one), number(other), gap])
    return _columns(*lines)


def _sureness(split: str, runs: Sequence[Run]) -> str:
    """The differences of a split paired by clip or track; why not, where there are no scores."""
    try:
        return "\n".join(
            comparison_lines(paired_differences(runs[0].directory, runs[1].directory, split))
        )
    except BadInput as error:
        return f"no paired comparison: {error}"


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Arguments of which the values differ, or which one of them lacks."""
    lines = [
        [name, *(str(part.get(name, "-")) for part in (one, other))]
        for name in dict.fromkeys([*one, *other])
        if not catalog.equal_as_json(one.get(name), other.get(name))
        or (name in one) != (name in other)
    ]
    return _columns(["argument", "first", "second"], *lines) if lines else "the same arguments"


def _columns(*lines: Sequence[str]) -> str:
    """Lines of cells, each column as wide as its widest."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def paired_differences(
    first: Path, second: Path, split: str = "test", resamples: int = RESAMPLES
) -> dict[str, Difference]:
    """Every metric of the first minus the second, paired by clip or track.

    Each a run directory, of which `split` is taken, or a stored row (its .json, with the .npz of
    scores beside it). raises BadInput where there are no scores, or not of the same data and clips.
    """
    rows = [_scored(path, split) for path in (first, second)]
    data = [(check_row(facts.load_json(row), row).get("data") or {}).get("name") for row, _ in rows]
    if data[0] != data[1]:
        raise BadInput(f"{first} was scored on {data[0]}, {second} on {data[1]}: compare like data")
    one, other = (scores_file.read_scores(scores) for _, scores in rows)
    return resampling.paired_bootstrap(one, other, resamples)


def _scored(path: Path, split: str) -> tuple[Path, Path]:
    """(the row, the scores) of a run directory or a stored row. raises BadInput."""
    path = Path(path).expanduser()
    if path.is_dir():
        row = path / "evaluation" / f"{split}.json"
        scores = path / "evaluation" / split / "scores.npz"
    else:
        row, scores = path, path.with_suffix(".npz")
    if not row.is_file():
        hint = f"python evaluate.py --checkpoint {path} --split {split}" if path.is_dir() else ""
        raise BadInput(f"{path} has no scores of the {split} split: {hint or 'give a run or row'}")
    if not scores.is_file():
        raise BadInput(f"{row} has no scores per clip or track beside it: evaluate it again")
    return row, scores


def comparison_lines(found: Mapping[str, Difference], only: Iterable[str] = ()) -> list[str]:
    """A table for the screen; only: these metrics, or all."""
    names = [name for name in found if name in set(only)] or list(found)
    width = max(map(len, names), default=6)
    head = f"{'metric':<{width}}     first    second  first - second  95 % interval"
    return [head, *(_line(name, found[name], width) for name in names)]


def _line(name: str, found: Difference, width: int = 0) -> str:
    """'pr_auc  0.4710  0.4550  +0.0160  [+0.0080, +0.0230]  p = 0.002'."""
    low, high = found.interval
    return (
        f"{name:<{width}}  {found.first:8.4f}  {found.second:8.4f}  {found.difference:+14.4f}  "
        f"[{low:+.4f}, {high:+.4f}]  p = {found.p:.2g}"
    )
