"""`python -m zoo demo`: demonstrations of the tutorial, each a page with figures and sounds."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo import escapes
from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument
from zoo.errors import BadInput

if TYPE_CHECKING:
    from zoo.demos.demonstration import Demonstration


def add_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    parser = add("demo", help="what the field shows of waveforms: a page with figures and sounds")
    parser.add_argument(
        "kind",
        choices=tuple(_KINDS),
        help="checkerboard: lines of transposed convolutions; phase: magnitudes with several "
        "phases; masking: what ideal masks cannot recover; factors: why NMF takes no waveforms",
    )
    parser.add_argument(
        "--input",
        type=path_argument,
        metavar="PATH",
        help="phase, factors: a recording; masking: a folder with a file for each stem; default: "
        "eight embedded bars",
    )
    parser.add_argument("--start", type=command_line.not_below_zero, default=0.0, help="s into it")
    parser.add_argument("--seconds", type=command_line.above_zero, default=6.0, help="of it")
    parser.add_argument(
        "--stem", type=nonempty_text, help="masking: whose bins are drawn; default vocals"
    )
    parser.add_argument(
        "--net",
        type=nonempty_text,
        action="append",
        metavar="NAME",
        help="checkerboard: weights, a run or a config (with fresh weights), instead of those at "
        "hand; repeatable",
    )
    parser.add_argument("--trainless", action="store_true", help="checkerboard: no networks")
    parser.add_argument(
        "--out", type=path_argument, default=Path("out"), help="where all of it goes"
    )
    parser.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> None:
    from zoo.demos import demonstration

    command_line.prepare_devices()
    for line in demonstration.write_demonstration(_KINDS[options.kind](options), options.out):
        print(escapes.terminal_line(line), flush=True)


def _checkerboard(options: argparse.Namespace) -> Demonstration:
    from zoo.demos import checkerboard, networks

    if options.trainless and options.net:
        raise BadInput("--trainless and --net: say one of them")
    names = () if options.trainless else options.net or networks.GIVEN
    nets = []
    for name in names:
        print(escapes.terminal_line(f"{name} ..."), flush=True)
        nets.append(networks.run_network(name))
    return checkerboard.demonstrate_checkerboard(nets)


def _phase(options: argparse.Namespace) -> Demonstration:
    from zoo.demos import phases, recordings

    return phases.demonstrate_phases(
        *recordings.read_excerpt(options.input, options.start, options.seconds)
    )


def _masking(options: argparse.Namespace) -> Demonstration:
    from zoo.demos import masking, recordings

    found = recordings.read_stems(options.input, options.start, options.seconds)
    return masking.demonstrate_masking(*found, options.stem)


def _factors(options: argparse.Namespace) -> Demonstration:
    from zoo.demos import factors, recordings

    return factors.demonstrate_factors(
        *recordings.read_excerpt(options.input, options.start, options.seconds)
    )


_KINDS: dict[str, Callable[[argparse.Namespace], Demonstration]] = {
    "checkerboard": _checkerboard,
    "phase": _phase,
    "masking": _masking,
    "factors": _factors,
}
