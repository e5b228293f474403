"""Two systems on the same clips or tracks: how far apart, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from zoo.errors import BadInput
from zoo.evaluation import scores_file
from zoo.metrics.resampling import RESAMPLES, Difference, paired
from zoo.report import facts


def compare(
    first: Path, second: Path, split: str = "test", resamples: int = RESAMPLES
) -> dict[str, Difference]:
    """Every metric of the first minus the second, paired by clip or track.

    Each a run directory, of which `split` is taken, or a stored row (its .json, with the .npz of
    scores beside it). raises BadInput where there are no scores, or not of the same data and clips.
    """
    rows = [scored(path, split) for path in (first, second)]
    data = [facts.load(row).get("data", {}).get("name") for row, _ in rows]
    if data[0] != data[1]:
        raise BadInput(f"{first} was scored on {data[0]}, {second} on {data[1]}: compare like data")
    return paired(*(scores_file.read(scores) for _, scores in rows), resamples)


def scored(path: Path, split: str) -> tuple[Path, Path]:
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


def lines(found: Mapping[str, Difference], only: Iterable[str] = ()) -> list[str]:
    """A table for the screen; only: these metrics, or all."""
    names = [name for name in found if name in set(only)] or list(found)
    width = max(map(len, names), default=6)
    head = f"{'metric':<{width}}     first    second  first - second  95 % interval"
    return [head, *(line(name, found[name], width) for name in names)]


def line(name: str, found: Difference, width: int = 0) -> str:
    """'pr_auc  0.4710  0.4550  +0.0160  [+0.0080, +0.0230]  p = 0.002'."""
    low, high = found.interval
    return (
        f"{name:<{width}}  {found.first:8.4f}  {found.second:8.4f}  {found.difference:+14.4f}  "
        f"[{low:+.4f}, {high:+.4f}]  p = {found.p:.2g}"
    )
