"""Names that a caller gives a model, against those that it knows: labels, domains."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from zoo.errors import BadInput


def choose_names(names: Sequence[str], known: Sequence[str], what: str) -> tuple[str, ...]:
    """The names, each once, in the order of `known`. what: 'label' or 'domain', for the errors.

    Raises BadInput for no name at all, for one that the model does not know, and for a text in
    place of a list, which would be taken letter by letter.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{what}s={names!r}: give a list of names")
    if not names:
        raise BadInput(f"give one {what} at least, of {', '.join(known)}")
    for name in names:
        choose_name(name, known, what)
    return tuple(name for name in known if name in names)


def choose_name(name: str, known: Sequence[str], what: str) -> str:
    """The name, if it is known. Raises BadInput with all names that are, the nearest first."""
    if name not in known:
        near = difflib.get_close_matches(str(name).lower(), known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise BadInput(f"no {what} '{name}'{hint}: this model knows {', '.join(known)}")
    return name


def split_names(words: str) -> tuple[str, ...]:
    """The names in a comma-separated text: 'violin, flute'."""
    return tuple(word.strip() for word in words.split(",") if word.strip())
