"""How commands are typed where the zoo runs: scripts in a clone, `zoo` where it is installed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

SCRIPTS = ("train", "evaluate", "sample")
CLONE = Path(__file__).parent.parent / "train.py"
# Packages, not this project: what an index has under its name may be somebody else's.
MUSIC = "pip install 'music21>=10.5,<11' 'pretty_midi>=0.2.11,<0.3'"


def command_name(name: str) -> str:
    """`python train.py`, or `zoo train` where there is no clone; `python -m zoo list`, `zoo list`.

    name: `train`, `evaluate`, `sample` or a command of `python -m zoo`.
    """
    if not CLONE.is_file():
        return f"zoo {name}"
    return f"python {name}.py" if name in SCRIPTS else f"python -m zoo {name}"


def command_again(name: str, words: Sequence[str] | None = None) -> str:
    """The command that was given, to be typed once more. words: default those of this process."""
    if words is None:
        words = sys.argv[2:] if sys.argv[1:2] == [name] else sys.argv[1:]
    return f"{command_name(name)} {shlex.join(words)}".rstrip()
