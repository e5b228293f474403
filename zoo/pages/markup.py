"""The few words of HTML that a report is made of; every text is escaped on its way in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo import escapes


def escape_text(value: Any) -> str:
    return escapes.html(value)


def tag(name: str, *inside: str, **attributes: Any) -> str:
    """<name attributes>inside</name>; `inside` is HTML, `class_` is class, `data_x` is data-x."""
    given = "".join(
        f" {key.strip('_').replace('_', '-')}"
        + ("" if value is True else f'="{escape_text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return f"<{name}{given}>{''.join(inside)}</{name}>"


def section(title: str, *inside: str, lead: str = "") -> str:
    """A section with its heading, left out where there is nothing to show."""
    content = [part for part in inside if part]
    if not content:
        return ""
    below = tag("p", escape_text(lead), class_="lead") if lead else ""
    return tag("section", tag("h2", escape_text(title)), below, *content)


def details(summary: str, *inside: str, opened: bool = False) -> str:
    return tag("details", tag("summary", escape_text(summary)), *inside, open=opened)


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, kind: str = "") -> str:
    """Cells are texts; those of columns that hold only numbers stand to the right.

    What was rounded to zero from below, "-0.0", loses its sign.
    """
    rows = [[_without_sign_of_zero(cell) for cell in row] for row in rows]
    right = [all(_numeric(row[column]) for row in rows) for column in range(len(head))]

    def line(cells: Sequence[str], name: str) -> str:
        parts = (tag(name, escape_text(c), class_="n" if r else None) for c, r in zip(cells, right))
        return tag("tr", *parts)

    body = "".join(line(row, "td") for row in rows)
    whole = tag("thead", line(head, "th")) + tag("tbody", body)
    return tag("div", tag("table", whole, class_=kind or None), class_="scroll")


def _without_sign_of_zero(cell: str) -> str:
    return re.sub(r"^-(0(?:\.0*)?)$", r"\1", cell)


def _numeric(cell: str) -> bool:
    if cell in ("", "–"):
        return True
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True


def pairs(facts: Mapping[str, str]) -> str:
    """A grid of names over their values, which are HTML."""
    parts = (
        tag("div", tag("dt", escape_text(name)), tag("dd", value)) for name, value in facts.items()
    )
    return tag("dl", *parts, class_="facts")


def link(label: str, address: str) -> str:
    """A link where the address is one of the web, else the label alone."""
    if not address.startswith(("https://", "http://")):
        return escape_text(label)
    return tag("a", escape_text(label), href=address)


def number(value: float | None) -> str:
    """Four significant digits, thousands grouped; a dash where there is none."""
    if value is None:
        return "–"
    if isinstance(value, int) or (abs(value) >= 1000 and float(value).is_integer()):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def duration(seconds: float) -> str:
    """'48 s', '12 min', '3.4 h' or '2.1 days'."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            value = seconds / unit
            return f"{value:.1f} {name}" if name == "h" else f"{value:.0f} {name}"
    return f"{seconds / 86_400:.1f} days"
