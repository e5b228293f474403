"""A run that goes on with other records than it began with: what has changed, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.data import tracks


def record_hashes(source: Any) -> dict[str, str]:
    """'12 tracks, HASH' of every split of a source's records; {} where they have no index.

    source: a Source; one that wraps another, as folds do, has the records of that.
    """
    while (inner := getattr(source, "source", None)) is not None:
        source = inner
    folder = getattr(source, "directory", None)
    return tracks.index_hashes(Path(folder)) if folder else {}


def changed_records_line(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What differs between the marks of two starts; '' where nothing does, or none were kept."""
    if not before or not now:
        return ""
    splits = [split for split in {**before, **now} if before.get(split) != now.get(split)]
    changes = [f"{split} ({_change(before.get(split), now.get(split))})" for split in splits]
    if not changes:
        return ""
    return (
        f"the records of {', '.join(changes)}: batches, and scores from here on, are of other data "
        "than before; another --workdir begins anew"
    )


def _change(before: str | None, now: str | None) -> str:
    """'12 tracks -> 13 tracks', or '12 tracks of other content'."""
    was, known = (mark.partition(", ")[0] if mark else "none" for mark in (before, now))
    return f"{was} of other content" if was == known else f"{was} -> {known}"
