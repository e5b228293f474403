"""Rows that are measured part by part; each part is kept as soon as it is there."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm

from zoo import durable, writing
from zoo.reproduce.row import Outcome, Place, Reproduction

Found = dict[str, Any]  # of a part, as JSON has it
_KEPT = "parts.jsonl"


class _Measure(Protocol):
    """What is measured of every part, and what all of them say together."""

    def parts(self, folder: Path) -> Sequence[str]:
        """Their names, in order. folder: the clone."""

    def measure(self, folder: Path, part: str) -> Found:
        """Of one part, whatever was measured before it in the same process."""

    def outcome(self, found: Mapping[str, Found]) -> Outcome:
        """Of all parts, by name."""


@dataclass(frozen=True)
class ByParts:
    """A Way: measures what an earlier call has not kept in the row's folder of work."""

    what: _Measure

    def run(self, row: Reproduction, place: Place) -> Outcome:
        folder = place.data / row.data.folder if row.data else place.data
        with writing.hold_lock(place.work):
            about = _mark(row, self.what)
            found = _kept(place.work / _KEPT, about)
            names = self.what.parts(folder)
            left = [name for name in names if name not in found]
            if found and left:
                print(f"{len(names) - len(left)} of {len(names)} parts are there from before")
            for name in tqdm(
                left, row.name, unit="part", leave=False, file=sys.stderr, disable=None
            ):
                began = time.process_time()
                measured = self.what.measure(folder, name)
                found[name] = {"seconds": time.process_time() - began, "found": measured}
                _keep(place.work / _KEPT, about, found)
            outcome = self.what.outcome({name: found[name]["found"] for name in names})
        return replace(outcome, seconds=sum(found[name]["seconds"] for name in names))

    def config(self) -> None:
        return None


def _mark(row: Reproduction, what: _Measure) -> dict[str, str]:
    """What parts that are kept have to be of, to be taken: data, choices, code."""
    return {
        "row": row.name,
        "data": row.data.sha256 if row.data else "",
        "choices": repr(what),
        "code": hashlib.sha256(inspect.getsource(type(what)).encode()).hexdigest(),
    }


def _kept(path: Path, mark: Mapping[str, str]) -> dict[str, Found]:
    """The parts of an earlier call, by name; {} where there is none, or it was of another row."""
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        if json.loads(head) != mark:
            print(f"{path} is of other data or another protocol: measured anew")
            return {}
        return dict(json.loads(line) for line in lines)
    except (OSError, ValueError, TypeError):
        return {}


def _keep(path: Path, mark: Mapping[str, str], found: Mapping[str, Found]) -> None:
    """Writes all parts, at once: a line for each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(mark), *(json.dumps(pair) for pair in found.items())]
    durable.write_atomically(path, "\n".join(lines) + "\n")
