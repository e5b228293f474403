"""What was meant by words that a command does not take: `--steps 60`, `train.py NAME`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from zoo import catalog
from zoo.errors import BadInput


class Parser(argparse.ArgumentParser):
    """Says of an unknown option how an argument of a config is written."""

    typed: Sequence[str] = ()  # all words of the command line

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split()
        if (
            message.startswith("unrecognized")
            and unknown[0].startswith("--")
            and _takes(self, self.typed)
        ):
            message = _meant(unknown[0], self.typed)
        super().error(message)


def _takes(parser: argparse.ArgumentParser, typed: Sequence[str]) -> bool:
    """Whether `name=value` words are among what a parser, or the command that was typed, takes."""
    parts = [parser]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            parts += [part for name, part in action.choices.items() if name in typed[:1]]
    return any(action.dest == "arguments" for part in parts for action in part._actions)


def _meant(unknown: str, typed: Sequence[str]) -> str:
    """Of `--steps 60` or `--steps=60`: steps=60."""
    option, equals, value = unknown.partition("=")
    if not equals:
        after = list(typed[typed.index(unknown) + 1 :]) if unknown in typed else []
        value = after[0] if after and not after[0].startswith("-") else "VALUE"
    name = option.strip("-").replace("-", "_")
    return f"no option {option}: an argument of a config is written {name}={value}, without --"


def check_words(options: argparse.Namespace) -> None:
    """Refuses words without `=`, saying what a name or a folder is given with. BadInput."""
    for word in getattr(options, "arguments", ()):
        if "=" in word:
            continue
        loads = getattr(options, "checkpoint", "") is None  # an option of this command, not given
        if (Path(word) / "run.json").is_file() and hasattr(options, "checkpoint"):
            raise BadInput(f"'{word}' is a run: write --checkpoint {word}")
        if word.partition(".")[0] in catalog.config_files() or word.endswith(".py"):
            raise BadInput(f"'{word}' is a config: write --config {word}")
        if Path(word).is_file() and hasattr(options, "input"):
            raise BadInput(f"'{word}' is a file: write --input {word}")
        if loads and (Path(word).is_dir() or "/" in word):
            what = "holds no run" if Path(word).is_dir() else "is not there"
            raise BadInput(f"'{word}' {what}: a run is given as --checkpoint RUN")
        raise BadInput(f"'{word}' is not an argument: write name=value")
