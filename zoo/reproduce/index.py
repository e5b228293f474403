"""All rows that `python -m zoo reproduce` makes, in the order in which they are listed."""

from __future__ import annotations

import difflib

from zoo.commands import command_name
from zoo.errors import BadInput
from zoo.reproduce import (
    crepe_sweep,
    karaoke,
    piano_notes,
    polyphony,
    published_outputs,
    published_tags,
    sisec,
    spoken_digits,
    transferred_features,
)
from zoo.reproduce.row import Reproduction

ROWS: tuple[Reproduction, ...] = (
    *sisec.ROWS,
    *published_tags.ROWS,
    *crepe_sweep.ROWS,
    *published_outputs.ROWS,
    *transferred_features.ROWS,
    *spoken_digits.ROWS,
    *karaoke.ROWS,
    *piano_notes.ROWS,
    *polyphony.ROWS,
)


def find_row(name: str) -> Reproduction:
    """The row of that name. Raises BadInput with the nearest names."""
    rows = {row.name: row for row in ROWS}
    if name in rows:
        return rows[name]
    near = difflib.get_close_matches(name, rows, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise BadInput(f"no row '{name}': {hint}`{command_name('reproduce')}` lists them all")
