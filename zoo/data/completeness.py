"""One rule for data sets of which files are missing: refused, or taken and always said.

A data set of which less is there than its lists name, or than is published, is refused in one line
that says how much is missing and which argument takes what is there: `allow_missing`, the share
that need not be there. Where it is given, every start says what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from zoo.errors import BadInput

_NAMED = 5  # in a message


@dataclass(frozen=True)
class Listed:
    """How many files, or tracks, a data set should hold, and what of them is not there."""

    total: int = 0
    missing: int = 0
    which: str = ""
    unit: str = "files"

    def __str__(self) -> str:
        return f"{self.missing:,} of {self.total:,} {self.unit} are missing"

    @property
    def share(self) -> float:
        """The smallest `allow_missing` of three digits that takes what is there."""
        return math.ceil(1000 * self.missing / self.total - 1e-9) / 1000

    def exceeds(self, allowed: float) -> bool:
        """Whether more is missing than the share `allowed`."""
        return self.missing > allowed * self.total + 1e-9


def take_inventory(
    there: Mapping[str, Sequence[Any]],
    published: Mapping[str, int],
    missing: Sequence[str] = (),
    unit: str = "files",
) -> Listed:
    """What is there of a data set, by split, beside its published numbers and its own lists.

    published: by split, or of several together under a name that `there` has, too; {} where lists
    alone say it. missing: names in these lists of what is not there.
    """
    found = {split: len(tracks) for split, tracks in there.items()}
    fewer = {split: count - found.get(split, 0) for split, count in published.items()}
    lacking = [split for split, number in fewer.items() if number > 0]
    total = max(sum(published.values()), sum(found.values()) + len(missing))
    number = max(sum(fewer[split] for split in lacking), len(missing))
    counts = (f"{s} {found.get(s, 0):,} of {published[s]:,}" for s in lacking)
    parts, named = ", ".join(counts), first_few(missing)
    return Listed(total, number, f"{named} ({parts})" if named and parts else named or parts, unit)


def check_completeness(root: Path, found: Listed, allowed: float, wanted: str) -> tuple[str, ...]:
    """A warning for results on data of which something is missing; () where all is there.

    allowed: the share that need not be there. wanted: what would be right, for the message.
    raises BadInput where more is missing.
    """
    if found.exceeds(allowed):
        raise BadInput(
            f"{root}: {found}: {found.which}; {wanted}, or allow_missing={found.share:g} takes "
            "what is there."
        )
    return (f"{found}: results are not comparable",) if found.missing else ()


def first_few(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def allowing(source: Any, share: float) -> Any:
    """A Source, or what holds one as `source`, of which the share `share` need not be there."""
    names = {field.name for field in fields(source)}
    if "allow_missing" in names:
        return replace(source, allow_missing=share)
    if "source" in names:
        return replace(source, source=allowing(source.source, share))
    raise BadInput(
        f"allow_missing={share:g}: {source.info.name} takes what its folder holds: leave it out"
    )
