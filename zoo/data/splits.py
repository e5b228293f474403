"""Tracks -> train, validation, test: by folders named so, else drawn, groups together, tags spread.

No track below a folder that names a held-out part is ever learnt from, however the name is spelt
and whatever else lies beside it. Drawing does not move a track that was drawn before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zoo.data import drawing
from zoo.data.plans import Job
from zoo.data.records import SPLITS
from zoo.errors import BadInput

_WORDS = {
    "test": "test tests testing tst eval evals evaluate evaluation evaluations heldout holdout "
    "unseen",
    "validation": "val vals valid validate validating validation validations dev devel development "
    "crossval xval",
    "train": "train training trainings trn",
}
_PART_WORDS = {part: set(words.split()) for part, words in _WORDS.items()}
_PAIRS = {("held", "out"), ("hold", "out")}
_ENDINGS = (
    "set",
    "sets",
    "data",
    "split",
    "files",
    "audio",
    "songs",
    "clips",
    "wavs",
    "dir",
    "s",
    "daten",
)
LOOKALIKE = re.compile(r"(fold|split|partition|trainval|traintest)s?[ _.-]*\d*", re.I)
_CODES = re.compile(r"(tr|cv|tt|dt|et|ev)[ _.-]*\d*", re.I)  # of speech corpora: two say splits
_TINY = 10  # tracks, below which a held-out split says little


@dataclass(frozen=True)
class _Division:
    """splits: tracks by split. left_out: (track, reason). rule: in words. notes: warnings."""

    splits: dict[str, tuple[Job, ...]]
    left_out: tuple[tuple[str, str], ...]
    rule: str
    notes: tuple[str, ...]


def divide(
    jobs: Sequence[Job],
    validation: float,
    test: float,
    *,
    before: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    songs: bool = False,
    grouped: bool = False,
) -> _Division:
    """Splits by the folders in the tracks' names where they say so, else drawn by shares.

    before: splits of tracks that were drawn earlier. tags: names, where jobs have tags. songs: a
    track's whole name is that of a folder. grouped: the user said what belongs together. raises
    BadInput where folders look like splits and cannot be used as such.
    """
    parts = {job.track: part_of(folder_parts(job.track, songs)) for job in jobs}
    named = sorted({part for part in parts.values() if part})
    _refuse_lookalikes(jobs, parts, songs, grouped)
    if "train" in named and named == ["train"] and "" in parts.values():
        other = next(track for track, part in parts.items() if not part)
        raise BadInput(
            f"a folder is named for training, but music also lies elsewhere, as {other}, and "
            "nothing is held out: name the rest test or validation, or rename that folder."
        )
    rest = "" if "train" in named or not named else "train"
    by_part: dict[str, list[Job]] = {split: [] for split in SPLITS}
    left_out = []
    for job in jobs:
        part = parts[job.track] or rest or ("" if named else "train")
        if part:
            by_part[part].append(job)
        else:
            left_out.append((job.track, "lies in no folder of a split, as the others do"))
    if not by_part["train"] and jobs:
        raise BadInput(f"all files lie in folders named for {' and '.join(named)}: none to train.")
    shares = {"validation": validation, "test": test}
    missing = {part: share for part, share in shares.items() if part not in named}
    drawn = drawing.draw_splits(by_part["train"], missing, before or {})
    splits = {**{part: by_part[part] for part in SPLITS if part in named}, **drawn}
    ordered = {
        part: tuple(sorted(splits.get(part, ()), key=lambda job: job.track)) for part in SPLITS
    }
    rule = _rule(named, rest, missing, by_part["train"], len(left_out))
    return _Division(ordered, tuple(left_out), rule, _warnings(ordered, shares, tags))


def folder_parts(track: str, whole: bool = False) -> list[str]:
    """The folders in a track's name; `whole`: its last part is one, too."""
    parts = track.split("/")
    return parts if whole else parts[:-1]


def part_of(names: Iterable[str]) -> str:
    """'test', 'validation', 'train' or '': what folders say; held out wins over training."""
    found = {part for name in names for part in _parts_in(name)}
    return next((part for part in ("test", "validation", "train") if part in found), "")


def _parts_in(name: str) -> set[str]:
    """The splits that a folder's name means: Test_Set, nsynth-valid, dev-clean, TRAIN2."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    tokens = re.findall(r"[a-z]+", spaced.lower())
    found = {part for part, words in _PART_WORDS.items() for t in tokens if _is_word(t, words)}
    held = any(pair in _PAIRS for pair in pairwise(tokens))
    return found | ({"test"} if held else set())


def _is_word(token: str, words: set[str]) -> bool:
    bare = (token.removesuffix(e) for e in _ENDINGS if len(token) > len(e) + 2 and e != "s")
    return token in words or any(word in words for word in bare)


def _refuse_lookalikes(
    jobs: Sequence[Job], parts: Mapping[str, str], songs: bool, grouped: bool
) -> None:
    if grouped:
        return
    unused = {
        name for job in jobs if not parts[job.track] for name in folder_parts(job.track, songs)
    }
    codes = {found[1].lower(): name for name in unused if (found := _CODES.fullmatch(name))}
    looks = [name for name in unused if LOOKALIKE.fullmatch(name)]
    looks += codes.values() if len(codes) > 1 else ()
    if looks:
        raise BadInput(
            f"the folder {min(looks)} looks like a part of a split, but does not say which: name "
            "such folders train, validation and test, or say group= (0: each file alone)."
        )
    ends = [part_of([job.track.split("/")[-1].rsplit(".", 1)[0]]) for job in jobs]
    if not any(parts.values()) and all(ends) and len(set(ends)) > 1:
        raise BadInput(
            f"the names of all files say {' or '.join(sorted(set(ends)))}, as {jobs[0].track}, but "
            "only folders make a split: put them into folders named so, or say group=0."
        )


def _rule(
    named: Sequence[str], rest: str, missing: Mapping[str, float], pool: Sequence[Job], left: int
) -> str:
    """How the splits came about, in a line."""
    shares = " and ".join(f"{part} {share:.0%}" for part, share in missing.items() if share)
    units = len({job.group or job.track for job in pool})
    how = f"{units} groups of files" if any(job.group for job in pool) else "each file by itself"
    spread = ", tags spread evenly" if any(job.tags is not None for job in pool) else ""
    drawn = f"{shares}, drawn by hash, {how}{spread}"
    if not named:
        return f"split: {drawn}" if shares else "split: all is training"
    text = f"split by the folders named for {', '.join(named)}"
    text += "; the rest is training" if rest else ""
    text += f"; {left} files in no such folder left out" if left else ""
    return text + (f"; of training {drawn}" if shares else "")


def _warnings(
    splits: Mapping[str, Sequence[Job]], shares: Mapping[str, float], tags: Sequence[str]
) -> tuple[str, ...]:
    """What makes the numbers of a held-out split say little, one line each."""
    notes = []
    for part in ("validation", "test"):
        jobs = splits[part]
        if not jobs and shares[part]:
            notes.append(f"{part} is empty: give three files or groups, or more")
        elif jobs and len(jobs) < _TINY:
            notes.append(f"{part} holds {len(jobs)} of {_total(splits)}: its numbers say little")
        undefined = _undefined(jobs, tags)
        if jobs and undefined:
            listed = ", ".join(undefined[:5]) + (", ..." if len(undefined) > 5 else "")
            notes.append(
                f"{len(undefined)} of {len(tags)} tags cannot be measured on {part}, where all "
                f"have them or none has: {listed}"
            )
    return tuple(notes)


def _total(splits: Mapping[str, Sequence[Job]]) -> int:
    return sum(map(len, splits.values()))


def _undefined(jobs: Sequence[Job], tags: Sequence[str]) -> list[str]:
    held = [job.tags for job in jobs if job.tags is not None]
    if not held:
        return []
    counts = [sum(int(row[k]) for row in held) for k in range(len(tags))]
    return [tag for tag, count in zip(tags, counts) if count in (0, len(held))]
