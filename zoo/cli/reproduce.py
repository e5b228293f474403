"""`python -m zoo reproduce [ROW]`: published numbers on the data that they were published for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from zoo import catalog, escapes, places
from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument

_Add = Callable[..., argparse.ArgumentParser]  # of a command, by its name


def add_command(add: _Add) -> None:
    parser = add("reproduce", help="a published number on real data; without ROW, the list")
    parser.add_argument(
        "row", nargs="?", type=nonempty_text, metavar="ROW", help="a name of the list"
    )
    parser.add_argument(
        "--data",
        type=path_argument,
        help="the folder that holds the clones; default reproduce in the folder of data",
    )
    parser.add_argument(
        "--workdir",
        type=path_argument,
        help="what an interrupted row keeps; default runs/reproduced/ROW",
    )
    parser.add_argument(
        "--results", type=path_argument, default=Path("runs/results"), help="where the row goes"
    )
    parser.set_defaults(run=_reproduce)


def _reproduce(options: argparse.Namespace) -> int:
    from zoo.reproduce import command, index
    from zoo.reproduce.row import Place

    if not options.row:
        print("\n".join(command.listing(catalog.results_folder())))
        return 0
    row = index.find_row(options.row)
    where = Place(
        options.data or places.data() / "reproduce",
        options.workdir or Path("runs") / "reproduced" / row.name,
        options.results,
    )
    line = ""
    for line in command.reproduce_row(row, where):
        print(escapes.terminal_line(line), flush=True)
    return command_line.INTERRUPTED if line.startswith("stopped") else 0
