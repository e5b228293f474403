"""`zoo draw`: the figure of an architecture, drawn from the modules of a config."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from zoo import escapes
from zoo.cli import command_line
from zoo.cli.command_line import given, place
from zoo.errors import BadInput


def add_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    parser = add("draw", help="the architecture of a config as a figure (SVG)")
    parser.add_argument("config", nargs="?", type=given, help="name of a config, or a file")
    parser.add_argument("--out", type=place, metavar="SVG", help="the figure; default CONFIG.svg")
    parser.add_argument("--force", action="store_true", help="overwrite it")
    parser.add_argument(
        "--all", action="store_true", help="of every system with a network: docs/architecture"
    )
    command_line.add_arguments(parser)
    parser.set_defaults(run=_make)


def _make(options: argparse.Namespace) -> None:
    """Writes the figure, or those of all systems."""
    from pathlib import Path

    from zoo import durable, experiment
    from zoo.architecture import figures
    from zoo.report import tables

    if bool(options.config) == options.all:
        raise BadInput("give the name of a config, or --all for every system")
    if options.all:
        if options.out or options.arguments:
            raise BadInput("--all draws docs/architecture as it is to be: nothing beside it")
        tables.clone()
        paths = figures.write_all(figures.folder())
        print(f"{len(paths)} figures in {escapes.line(str(figures.folder()))}")
        return
    config = experiment.find(options.config)
    out = options.out or Path(f"{config.name}.svg")
    if out.exists() and not options.force:
        raise BadInput(f"{out} exists: choose another --out, or --force to overwrite")
    picture = figures.draw(config, config.parse(options.arguments))
    if picture is None:
        raise BadInput(f"{config.name} has no network to draw")
    durable.write(out, picture)
    print(escapes.line(str(out)))
