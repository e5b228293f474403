"""`python -m zoo interpret`: its options, and what they ask for."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from zoo import escapes
from zoo.cli import command_line
from zoo.cli.command_line import nonempty_text, path_argument


def add_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    """The command, to a parser of several."""
    parser = add("interpret", help="look inside a model: figures, sounds, pages and numbers")
    parser.add_argument(
        "checkpoint",
        type=nonempty_text,
        help="run directory, or the name of published weights",
    )
    parser.add_argument(
        "--kind",
        required=True,
        choices=(
            "filters",
            "activation",
            "excitation",
            "periodicity",
            "bases",
            "deepdream",
            "attention",
            "attribution",
        ),
        help="filters on the waveform; sounds that excite a layer most; gates by tag and "
        "loudness; steady notes through a vocoder; waveforms that sources are made of; a sound "
        "that a tag or layer finds more of itself in; where a self-attention tagger looks; which "
        "part of a recording speaks for a tag",
    )
    parser.add_argument("--out", type=path_argument, help="default: RUN/figures; for weights, out")
    parser.add_argument("--layer", type=nonempty_text, help="filters, activation: this layer only")
    parser.add_argument(
        "--filters",
        type=command_line.positive_integer,
        default=128,
        help="activation: how many a layer",
    )
    parser.add_argument(
        "--split", default="test", choices=("train", "validation", "test"), help="excitation: of it"
    )
    parser.add_argument(
        "--limit",
        type=command_line.positive_integer,
        help="excitation: the first so many clips only",
    )
    parser.add_argument(
        "--input",
        type=path_argument,
        metavar="SONG",
        help="deepdream, attention, attribution: a recording",
    )
    parser.add_argument(
        "--towards",
        type=nonempty_text,
        metavar="WHAT",
        help="deepdream: TAG, LAYER or LAYER:FILTER; attribution: TAG (default: the strongest)",
    )
    parser.add_argument(
        "--start", type=command_line.not_below_zero, default=0.0, help="s into the recording"
    )
    parser.add_argument(
        "--seconds", type=command_line.above_zero, default=10.0, help="of the recording, or dreamt"
    )
    parser.add_argument(
        "--steps",
        type=command_line.positive_integer,
        default=64,
        help="deepdream: of gradient ascent",
    )
    parser.add_argument(
        "--seed",
        type=command_line.integer_argument,
        default=0,
        help="deepdream: of noise and shifts",
    )
    parser.add_argument(
        "--method",
        choices=("integrated", "occlusion"),
        default="integrated",
        help="attribution: integrated gradients, or occlusion",
    )
    parser.add_argument("--config", type=nonempty_text, help="name of a config, or a file")
    parser.add_argument(
        "--step",
        type=nonempty_text,
        default="best",
        help="best (default), latest, or a number",
    )
    command_line.add_arguments(parser)
    parser.set_defaults(run=_look_inside)


def _look_inside(options: argparse.Namespace) -> None:
    from zoo.front import finding
    from zoo.interpret import command

    command_line.prepare_devices()
    words = options.arguments
    found = finding.requested_system(
        options.checkpoint, options.config, options.step, words
    ).trained
    own = found.directory / "figures" if found.directory else Path("out")
    choices = command.Options(
        options.layer,
        options.filters,
        options.split,
        options.limit,
        options.input,
        options.towards,
        options.start,
        options.seconds,
        options.steps,
        options.seed,
        options.method,
    )
    for line in command.interpret(found, options.kind, options.out or own, choices):
        print(escapes.terminal_line(line), flush=True)
