"""`python -m zoo compile`: rows of compiled programs, one process for each of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo import catalog, escapes
from zoo.errors import BadInput


@dataclass(frozen=True)
class Where:
    """Topologies by name, how many slices of each, and the folder that rows go to."""

    topologies: tuple[str, ...]
    slices: int
    results: Path


def compile_one(name: str | None, where: Where, words: Sequence[str]) -> int:
    """The rows of one config; 1 where one does not fit or is refused by the compiler."""
    if name is None:
        raise BadInput("name a config, or give --all")
    from zoo.devices import topology

    topology.prepare_topologies(where.topologies)
    end_at_once()
    from zoo import experiment
    from zoo.devices import rows
    from zoo.runs import contract

    config = experiment.find_config(name)
    arguments = config.parse(words)
    contract.check_experiment(config.name, config.experiment(**arguments))
    fits = True
    for each in where.topologies:
        found = topology.describe_topology(each, where.slices)
        row = rows.make_row(config, arguments, found, where.results, _say)
        for remark in row["remarks"]:
            _say(f"  {remark}")
        fits = fits and row["fits"]
    return int(not fits)


def end_at_once() -> None:
    """Signals end the process inside of the compiler, which would hold Python's for minutes.

    Nothing is lost: rows are whole on the disk after every program.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def compile_all(where: Where, words: Sequence[str]) -> int:
    """Every row of a paper, smallest first; what was compiled so before is only lowered.

    One that ends its process is said, and ends no other.
    """
    rows = [row for e in catalog.entries() for row in e.rows if not e.name.endswith("score_render")]
    failed = 0
    for row in sorted(rows, key=lambda row: row.parameters or 0):
        done = subprocess.run(_of_row(row.id, where, words), check=False).returncode
        if done < 0 or done > 1:
            _say(f"{row.id}: ended with {done}")
        failed += done != 0
    return min(failed, 1)


def _of_row(name: str, where: Where, words: Sequence[str]) -> list[str]:
    topologies = [word for each in where.topologies for word in ("--topology", each)]
    given = [f"--slices={where.slices}", f"--results={where.results}", *topologies]
    return [sys.executable, "-m", "zoo", "compile", name, *words, *given]


def _say(text: str) -> None:
    print(escapes.terminal_line(text), flush=True)
