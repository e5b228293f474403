"""Held-out tracks drawn by a hash of their names: groups stay together, every tag in every part.

Multi-label data are spread by iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD
2011): the rarest tag first, to the part that lacks it most.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from zoo.data.plans import Job

Units = dict[str, list[Job]]  # what stays together, by name


def _place(name: str) -> float:
    """A fixed number in [0, 1) per name, so that new files never move old ones between splits."""
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def draw_splits(
    jobs: Sequence[Job], shares: Mapping[str, float], before: Mapping[str, str] | None = None
) -> dict[str, list[Job]]:
    """Jobs by part: 'train' and those of `shares`, in order of their units' `_place`.

    before: parts of tracks drawn earlier, which they keep. Parts are not left empty where there are
    units enough.
    """
    units: Units = defaultdict(list)
    for job in jobs:
        units[job.group or job.track].append(job)
    units = {name: units[name] for name in sorted(units, key=_place)}
    kept = _kept(units, before or {}, ("train", *shares))
    free = {name: unit for name, unit in units.items() if name not in kept}
    tagged = any(job.tags is not None for job in jobs)
    chosen = kept | (_spread(units, kept, shares) if tagged else _by_place(free, kept, shares))
    parts: dict[str, list[Job]] = {part: [] for part in ("train", *shares)}
    for name, unit in units.items():
        parts[chosen[name]] += unit
    return parts


def _kept(units: Units, before: Mapping[str, str], parts: Sequence[str]) -> dict[str, str]:
    """Units of which a track was drawn before, and where to; held out wins."""
    kept = {}
    for name, unit in units.items():
        were = {before[job.track] for job in unit if job.track in before} & set(parts)
        if were:
            kept[name] = max(were, key=("train", "validation", "test").index)
    return kept


def _by_place(free: Units, kept: Mapping[str, str], shares: Mapping[str, float]) -> dict[str, str]:
    """Every unit by its own hash; then the nearest ones fill a part that would be empty."""
    chosen, edge = {}, 0.0
    edges = {}
    for part in sorted(shares):  # test, then validation
        edge += shares[part]
        edges[part] = edge
    if len(free) + len(kept) < 3:  # validation comes first, and training before it
        held = [part for part in ("validation",) if shares.get(part)]
        spare = len(free) + len(kept) == 2 and held and held[0] not in kept.values()
        return {name: held[0] if spare and not i else "train" for i, name in enumerate(free)}
    for name in free:
        at = _place(name)
        chosen[name] = next((part for part, edge in edges.items() if at < edge), "train")
    _fill(chosen, kept, [part for part in edges if shares[part]])
    return chosen


def _fill(chosen: dict[str, str], kept: Mapping[str, str], wanted: Sequence[str]) -> None:
    """Gives every wanted part and training a unit, where there are as many units as parts."""
    for part in (*wanted, "train"):
        used = [*kept.values(), *chosen.values()]
        if part in used or len(used) < 2:
            continue
        spare = [n for n, p in chosen.items() if used.count(p) > 1 and (p == "train" or p != part)]
        richest = max((chosen[n] for n in spare), key=used.count, default="")
        if richest:
            chosen[next(n for n in spare if chosen[n] == richest)] = part


def _spread(units: Units, kept: Mapping[str, str], shares: Mapping[str, float]) -> dict[str, str]:
    """Units to parts so that each part has its share of every tag, and one of it where it can."""
    parts = [*shares, "train"]
    share = np.array([*shares.values(), 1 - sum(shares.values())])
    names = list(units)
    counts = np.stack([_tags(units[name]) for name in names]).astype(float)
    sizes = np.array([len(units[name]) for name in names], float)
    carriers = (counts > 0).sum(0)
    wanted = share[:, None] * counts.sum(0)
    enough = carriers >= len([s for s in share if s])
    least = np.where(enough, 1.0, 0.0) * (share > 0)[:, None]
    wanted = np.maximum(wanted, least)
    room = np.maximum(share * sizes.sum(), share > 0)
    chosen: dict[str, str] = {}

    def assign(index: int, part: int) -> None:
        wanted[part] -= counts[index]
        room[part] -= sizes[index]

    for index, name in enumerate(names):
        if name in kept:
            assign(index, parts.index(kept[name]))
    free = [index for index, name in enumerate(names) if name not in kept]
    while free:
        left = (counts[free] > 0).sum(0)
        rare = int(np.where(left > 0, left, np.inf).argmin()) if left.any() else None
        now = [index for index in free if rare is None or counts[index, rare]]
        for index in now:
            need = room if rare is None else wanted[:, rare]
            best = max(np.flatnonzero(share).tolist(), key=lambda p: (need[p], room[p]))
            chosen[names[index]] = parts[best]
            assign(index, best)
        gone = set(now)
        free = [index for index in free if index not in gone]
    if len(units) >= 3:
        _fill(chosen, kept, [part for part in shares if shares[part]])
    return chosen


def _tags(unit: Sequence[Job]) -> np.ndarray:
    """How many tracks of a unit have each tag, [K]."""
    return np.sum([job.tags for job in unit if job.tags is not None], axis=0)
