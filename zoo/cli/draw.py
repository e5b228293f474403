"""`zoo draw`: the figure of an architecture, drawn from the modules of a config."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from zoo import escapes
from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.errors import BadInput


def add_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    parser = add("draw", help="the architecture of a config as a figure (SVG)")
    parser.add_argument("config", nargs="?", type=nonempty_text, help="name of a config, or a file")
    parser.add_argument(
        "--out", type=path_argument, metavar="SVG", help="the figure; default CONFIG.svg"
    )
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
        paths = figures.write_all(figures.figures_folder())
        print(f"{len(paths)} figures in {escapes.terminal_line(str(figures.figures_folder()))}")
        return
    config = experiment.find_config(options.config)
    out = options.out or Path(f"{config.name}.svg")
    if out.exists() and not options.force:
        raise BadInput(f"{out} exists: choose another --out, or --force to overwrite")
    picture = figures.draw_architecture(config, config.parse(options.arguments))
    if picture is None:
        raise BadInput(f"{config.name} has no network to draw")
    durable.write_atomically(out, picture)
    print(escapes.terminal_line(str(out)))
