"""What belongs together when tracks are drawn: pieces of one song, in one folder or by a column."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from zoo.data.splits import folder_parts, part_of

FEWEST = 3  # folders that can be drawn to three splits
_MOST = 0.5  # share of all files, above which a folder is a collection and no song


def by_depth(tracks: Sequence[str], depth: int) -> dict[str, str]:
    """Track -> its first `depth` folders; 0: every track stands alone."""
    found = {track: "/".join(_kept(track)[:depth]) for track in tracks} if depth else {}
    return {track: group for track, group in found.items() if group}


def by_folder(
    tracks: Sequence[str], tags: Mapping[str, np.ndarray], names: Sequence[str] = ()
) -> dict[str, str]:
    """Track -> its folder, where folders hold pieces of songs; {} where they do not.

    A flat folder has no groups, nor has one of fewer than three folders. A folder that stands for a
    label (genre/file) is no group, nor is one that holds most of the files.
    tags: of each track [K]. names: of the K tags.
    """
    parents = {track: "/".join(_kept(track)) for track in tracks}
    sizes = Counter(parent for parent in parents.values() if parent)
    labels = _label_folders(parents, tags, names)
    usable = {
        parent
        for parent, size in sizes.items()
        if parent not in labels and size <= _MOST * len(tracks)
    }
    if len(usable) < FEWEST or all(sizes[parent] == 1 for parent in usable):
        return {}
    return {track: parent for track, parent in parents.items() if parent in usable}


def _label_folders(
    parents: Mapping[str, str], tags: Mapping[str, np.ndarray], names: Sequence[str]
) -> set[str]:
    """Folders that stand for a label: named as a tag, or each with tags of its own."""
    called = {_plain(name) for name in names}
    found = {p for p in parents.values() if p and _plain(p.rpartition("/")[2]) in called}
    rows: dict[str, set[bytes]] = defaultdict(set)
    for track, parent in parents.items():
        if parent and track in tags:
            rows[parent].add(np.asarray(tags[track]).tobytes())
    alone = [next(iter(row)) for row in rows.values() if len(row) == 1]
    if rows and len(alone) == len(rows) == len(set(alone)):
        found |= set(rows)
    return found


def _kept(track: str) -> list[str]:
    """The folders in a track's name but those that name a split."""
    return [name for name in folder_parts(track) if not part_of([name])]


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())
