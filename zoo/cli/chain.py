"""`zoo chain`: a recording to notes, how they go on, and what that sounds like."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from zoo.cli import command_line
from zoo.cli.command_line import (
    above_zero,
    integer_argument,
    nonempty_text,
    not_below_zero,
    path_argument,
)


def add_command(add: Callable[..., argparse.ArgumentParser]) -> None:
    chain = add("chain", help="notes of a recording, how they go on, played: three systems as one")
    chain.add_argument(
        "input", type=nonempty_text, nargs="+", metavar="FILE", help="audio files, folders, globs"
    )
    chain.add_argument(
        "--notes",
        type=nonempty_text,
        default="basic_pitch",
        metavar="WEIGHTS",
        help="what finds the notes: a run directory, or published weights",
    )
    chain.add_argument(
        "--compose",
        type=nonempty_text,
        metavar="WEIGHTS",
        help="what goes on from them; else nothing does",
    )
    chain.add_argument(
        "--perform",
        type=nonempty_text,
        metavar="WEIGHTS",
        help="what plays them; else the sound font",
    )
    chain.add_argument("--seconds", type=above_zero, help="that the composer goes on; default 30")
    chain.add_argument("--temperature", type=not_below_zero, help="of the composer; default 1")
    chain.add_argument(
        "--top_k", type=integer_argument, help="of the composer's so many likeliest; 0: of all"
    )
    chain.add_argument("--top_p", type=above_zero, help="of those that together reach this")
    chain.add_argument("--seed", type=integer_argument, default=0, help="another seed, other music")
    chain.add_argument(
        "--out", type=path_argument, default=Path("out"), help="where all of it goes"
    )
    chain.add_argument("--force", action="store_true", help="overwrite what is there")
    chain.set_defaults(run=_run_chain)


def _run_chain(options: argparse.Namespace) -> int:
    from zoo.audio import audio_files
    from zoo.front import finding
    from zoo.songs import chain_files
    from zoo.songs.chain import COMPOSING, Systems

    audio_files.find_audio_files(options.input)  # before three systems are loaded for nothing
    command_line.prepare_devices()
    names = {name: getattr(options, name) for name in ("notes", "compose", "perform")}
    systems = Systems(**{name: finding.load_system(one) for name, one in names.items() if one})
    asked = {name: getattr(options, name) for name in COMPOSING}
    chosen = {name: value for name, value in asked.items() if value is not None}
    return chain_files.run_chain(
        options.input, options.out, systems, seed=options.seed, force=options.force, **chosen
    )
