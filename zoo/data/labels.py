"""Labels in a CSV -> tags [K] and known [K] per file; rows that name no file are refused.

Two forms, by the header: `file,tags` with the tags of a row joined by ';', or
`file,<tag>,<tag>...` with 1, 0 or nothing (not known) in each column.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.errors import BadInput

FORM = "its header must be 'file,tags' or 'file,<tag>,<tag>...'"
VALUES = {"1": (1, 1), "1.0": (1, 1), "true": (1, 1), "yes": (1, 1), "": (0, 0)}
VALUES |= {"0": (0, 1), "0.0": (0, 1), "false": (0, 1), "no": (0, 1)}


@dataclass(frozen=True)
class Labels:
    """names: of the tags, in the order of the arrays. rows: file as written -> (tags, known).

    groups: file as written -> what it belongs to, where a column says so.
    """

    path: Path
    names: tuple[str, ...]
    rows: dict[str, tuple[np.ndarray, np.ndarray]]
    groups: dict[str, str] = field(default_factory=dict)


def read_labels(path: Path, group: str = "") -> Labels:
    """Reads the CSV. raises BadInput with the line that is wrong.

    group: the column, if any, that says which files belong together; it is no tag.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file of labels; {FORM}.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            header, *lines = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not in UTF-8: save it so (CSV UTF-8 in Excel).") from error
    except (ValueError, csv.Error) as error:
        raise BadInput(f"{path} is no CSV of labels; {FORM}.") from error
    header, lines, together = _without(group, header, lines, path)
    columns = tuple(cell.strip() for cell in header)
    if len(columns) < 2 or columns[0].lower() not in ("file", "path", "filename"):
        raise BadInput(f"{path} begins with '{','.join(columns)[:60]}'; {FORM}.")
    joined = len(columns) == 2 and columns[1].lower() in ("tags", "labels", "tag", "label")
    names = _all_names(lines) if joined else columns[1:]
    if not names or len(set(names)) < len(names):
        raise BadInput(f"{path} has no tags, or one of them twice; {FORM}.")
    rows = _rows(path, lines, names, joined)
    return Labels(path, names, rows, dict(zip(rows, together)))


def _without(
    group: str, header: list[str], lines: list[list[str]], path: Path
) -> tuple[list[str], list[list[str]], list[str]]:
    """Header and lines without the column of groups, and what stood in it."""
    if not group:
        return header, lines, []
    columns = [cell.strip().lower() for cell in header]
    if columns[1:].count(group.lower()) != 1:
        raise BadInput(f"{path} has no column '{group}' (group=): it has {', '.join(header)}.")
    at = columns.index(group.lower(), 1)
    if short := next((n for n, line in enumerate(lines, 2) if len(line) <= at), 0):
        raise BadInput(f"{path}, line {short}: nothing stands in the column '{group}'.")
    rest = [[cell for i, cell in enumerate(line) if i != at] for line in (header, *lines)]
    return rest[0], rest[1:], [line[at].strip() for line in lines]


def match_labels(labels: Labels, files: Sequence[Path], root: Path) -> dict[Path, str]:
    """Files -> the row that names them, by path below `root`, or by a file name that is unique."""
    by_name: dict[str, list[Path]] = {}
    for file in files:
        for key in {file.relative_to(root).as_posix(), file.name}:
            by_name.setdefault(key, []).append(file)
    found = {row: by_name.get(row.removeprefix("./"), []) for row in labels.rows}
    unclear = [row for row, matches in found.items() if len(matches) != 1]
    if unclear:
        some = ", ".join(f"'{row}'" for row in unclear[:5])
        raise BadInput(
            f"{labels.path}: {len(unclear)} of {len(found)} rows name no file in {root}, or "
            f"several: {some}{', ...' if len(unclear) > 5 else ''}; write paths below that folder."
        )
    return {matches[0]: row for row, matches in found.items()}


def _all_names(lines: list[list[str]]) -> tuple[str, ...]:
    return tuple(sorted({tag for line in lines for tag in _split(line)}))


def _split(line: list[str]) -> list[str]:
    return [tag.strip() for tag in ",".join(line[1:]).split(";") if tag.strip()]


def _rows(
    path: Path, lines: list[list[str]], names: tuple[str, ...], joined: bool
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rows: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for number, line in enumerate(lines, 2):
        file = line[0].strip().replace("\\", "/")
        if file in rows:
            raise BadInput(f"{path}, line {number}: '{file}' occurs twice.")
        if joined:
            held = set(_split(line))
            pairs = [(int(name in held), 1) for name in names]
        else:
            pairs = _values(path, number, line[1:], len(names))
        tags, known = np.array(pairs, np.uint8).T
        rows[file] = (tags, known)
    return rows


def _values(path: Path, number: int, cells: list[str], count: int) -> list[tuple[int, int]]:
    texts = [cell.strip().lower() for cell in cells]
    wrong = [text for text in texts if text not in VALUES]
    if wrong or len(texts) != count:
        what = f"'{wrong[0]}'" if wrong else f"{len(texts)} values"
        raise BadInput(f"{path}, line {number}: {what} where {count} times 1, 0 or nothing belong.")
    return [VALUES[text] for text in texts]
