"""Numbers that were written as text: one reading of them, for options, arguments and names.

Python's own is wider: `str.isdigit` takes a superscript that `int` refuses, and `int` takes the
digits of every script.
"""

from __future__ import annotations

import re

INTEGER = re.compile(r"[+-]?[0-9]+(_[0-9]+)*", re.ASCII)
REAL = re.compile(r"[+-]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)([eE][+-]?[0-9]{1,4})?", re.ASCII)
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
MOST_DIGITS = 400  # far beyond any range that is asked for afterwards


def integer(text: str) -> int:
    """A whole number, also as 5_000 or 2e5. raises ValueError, which says what would be right."""
    text = text.strip()
    if INTEGER.fullmatch(text):
        digits = text.lstrip("+-").replace("_", "").lstrip("0")
        if len(digits) > MOST_DIGITS:
            raise ValueError(f"{text[:20]}... is too large: {MOST_DIGITS} digits at most")
        return int(text)
    if "e" in text.lower() and REAL.fullmatch(text):
        number = real(text)
        if abs(number) < 1e300 and number == int(number):
            return int(number)
    raise ValueError(f"'{text[:40]}' is no whole number: write it as 12 or 5_000")


def real(text: str) -> float:
    """A number such as 0.5, 1e-3, and nan or inf for the caller to check. raises ValueError."""
    text = text.strip()
    if REAL.fullmatch(text) or NOT_FINITE.fullmatch(text):
        return float(text)
    raise ValueError(f"'{text[:40]}' is no number: write it as 0.5 or 1e-3")


def is_count(text: str) -> bool:
    """Whether the text is a whole number as Python writes one: digits, none of them idle."""
    return bool(re.fullmatch(r"0|[1-9][0-9]{0,18}", text, re.ASCII))
