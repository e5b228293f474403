"""`zoo listen`: a listening test as a page. `zoo ratings`: what its listeners gave."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from zoo import escapes
from zoo.cli import command_line
from zoo.cli.command_line import path_argument
from zoo.errors import BadInput


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    listen = add("listen", help="a page that plays several systems' sounds blind, to be rated")
    listen.add_argument(
        "out", type=path_argument, metavar="OUT", help="where page.html and key.json go"
    )
    listen.add_argument(
        "systems", type=path_argument, nargs="+", metavar="SYSTEM", help="folders of sounds"
    )
    listen.add_argument(
        "--reference", type=path_argument, help="a folder of the same sounds: the truth"
    )
    listen.add_argument(
        "--mode",
        choices=("mos", "mushra"),
        default="mos",
        help="1 to 5 each; 0 to 100 side by side",
    )
    listen.add_argument(
        "--seconds", type=command_line.above_zero, default=10.0, help="of each, the loudest"
    )
    listen.add_argument(
        "--items", type=command_line.positive_integer, default=0, help="so many, drawn"
    )
    listen.add_argument(
        "--seed", type=command_line.integer_argument, default=0, help="of what is drawn"
    )
    listen.add_argument("--force", action="store_true", help="overwrite what is there")
    listen.set_defaults(run=_write_page)

    ratings = add("ratings", help="means, intervals and t-tests of a listening test")
    ratings.add_argument(
        "files", type=path_argument, nargs="+", metavar="FILE", help="saved by the page"
    )
    ratings.add_argument("--key", type=path_argument, required=True, help="key.json of the test")
    ratings.set_defaults(run=_show_ratings)


def _write_page(options: argparse.Namespace) -> None:
    from zoo.pages import listening

    test = listening.Test(
        listening.name_systems(options.systems),
        options.mode,
        options.reference,
        options.seconds,
        options.items,
        options.seed,
    )
    print(escapes.terminal_line(listening.write_listening_test(options.out, test, options.force)))


def _show_ratings(options: argparse.Namespace) -> None:
    from zoo.songs import ratings

    found, missed = ratings.screen_listeners(
        ratings.read_ratings(options.files, _read_key(options.key))
    )
    if missed:
        print(
            escapes.terminal_line(
                f"left out, for they missed the hidden reference: {', '.join(missed)}"
            )
        )
    if not found:
        raise BadInput("no listener found the hidden reference: there is nothing to compare.")
    for line in ratings.ratings_table(found):
        print(escapes.terminal_line(line))


def _read_key(path: Path) -> dict:
    try:
        key = json.loads(path.read_text(encoding="utf-8"))
        if key["mode"] in ("mos", "mushra") and isinstance(key["sounds"], dict):
            return key
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is no key.json of a listening test ({error}).") from error
    raise BadInput(f"{path} is no key.json of a listening test.")
