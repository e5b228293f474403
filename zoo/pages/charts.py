"""Curves of a run as inline SVG: drawn once, coloured by the page's style, light and dark."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo.pages.markup import details, escape_text, number, tag

Points = list[tuple[float, float]]  # (step, or second, value)
_WIDTH, HEIGHT = 520, 220
LEFT, RIGHT, _TOP, BOTTOM = 54, 508, 10, 192  # of the plot inside the drawing
BUCKETS = 200  # along the time axis; beyond that many points, a bucket shows mean and spread
_COLOURS = 6
_SHOWN = 4  # charts of validation scores before the rest folds away


def scalar_charts(scalars: Sequence[Mapping[str, Any]], monitor: str | None = None) -> str:
    """All scalars of a metrics.jsonl as charts; what decides stands first.

    Empty without any, and where all is fitted in one step: its scores stand in the tables.
    """
    series = _by_name(scalars)
    last_step = max((line["step"] for line in scalars), default=0)
    if last_step < 2:
        return ""
    trained = {k: v for k, v in series.items() if not k.startswith("validation/")}
    scores = {
        k.removeprefix("validation/"): v for k, v in series.items() if k.startswith("validation/")
    }
    first = chart("Loss", _take(trained, "loss"), last_step, logarithmic=True)
    monitored = [
        chart(f"Validation: {name}", lines, last_step) for name, lines in _families(scores, monitor)
    ]
    last = [
        chart("Gradient norm", _take(trained, "gradient_norm"), last_step, logarithmic=True),
        chart("Steps per second", _take(trained, "steps_per_second"), last_step),
        chart("Share of time spent waiting for data", _take(trained, "waiting"), last_step),
    ]
    rejected = _take(trained, "rejected")
    if any(value for points in rejected.values() for _, value in points):
        last.append(chart("Turns rejected as non-finite", rejected, last_step))
    others = [chart(name, lines, last_step) for name, lines in _families(trained, None)]
    shown = [part for part in (first, *monitored[:_SHOWN], *others, *last) if part]
    if not shown:
        return ""
    folded = "".join(monitored[_SHOWN:])
    count = len(monitored) - _SHOWN
    more = details(f"{count} more scores", tag("div", folded, class_="charts")) if folded else ""
    return tag("div", *shown, class_="charts") + more


def _by_name(scalars: Iterable[Mapping[str, Any]]) -> dict[str, Points]:
    """Finite values of every scalar with their steps, in order."""
    series: dict[str, Points] = {}
    for line in scalars:
        for name, value in line.items():
            if name in ("step", "time") or not isinstance(value, int | float):
                continue
            if math.isfinite(value):
                series.setdefault(name, []).append((line["step"], float(value)))
    return series


def _take(series: dict[str, Points], name: str) -> dict[str, Points]:
    """Removes and returns `name`, of every player: {'': ...} or {'discriminator': ..., ...}."""
    found = [key for key in series if key.split("/")[-1] == name]
    return {key.rpartition("/")[0]: series.pop(key) for key in found}


def _families(
    series: Mapping[str, Points], monitor: str | None
) -> list[tuple[str, dict[str, Points]]]:
    """'sdr/vocals' and 'sdr/drums' share the chart 'sdr'; the monitored score's comes first."""
    groups: dict[str, dict[str, Points]] = {}
    for name, points in series.items():
        head, _, rest = name.partition("/")
        groups.setdefault(head, {})[rest] = points
    first = (monitor or "").partition("/")[0]
    return sorted(groups.items(), key=lambda item: item[0] != first)


def chart(
    title: str,
    series: Mapping[str, Points],
    steps: float,
    *,
    logarithmic: bool = False,
    over: str = "training steps",
    read: str = "step %",
) -> str:
    """One chart of up to six lines from 0 to `steps`; logarithmic where values allow and need it.

    read: what is said of the place under the pointer, % its number. Empty without any point.
    """
    lines = {name: condense(points) for name, points in list(series.items())[:_COLOURS] if points}
    if not lines:
        return ""
    values = [v for rows in lines.values() for _, low, _, high in rows for v in (low, high)]
    low, high = min(values), max(values)
    log = logarithmic and low > 0 and high / low > 20
    across = _scale(0, steps, LEFT, RIGHT)
    bottom, top = _span(math.log10(low), math.log10(high)) if log else _span(low, high)
    upright = _scale(bottom, top, BOTTOM, _TOP)

    def y(value: float) -> float:
        return upright(math.log10(value) if log else value)

    marks = _decades(bottom, top) if log else axis_ticks(bottom, top, 4)
    parts = [_grid(upright(m), 10**m if log else m) for m in marks]
    parts += [_step_mark(across(m), m) for m in axis_ticks(0, steps, 5)]
    for index, rows in enumerate(lines.values()):
        parts += _line(rows, across, y, index)
    drawing = tag(
        "svg",
        *parts,
        tag("path", class_="hair"),
        viewBox=f"0 0 {_WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{title} over {over}",
    )
    read_off = [
        [name, [[round(across(step), 1), step, number(mean)] for step, _, mean, _ in rows]]
        for name, rows in lines.items()
    ]
    heading = tag(
        "figcaption", tag("b", escape_text(_spaced(title))), tag("output"), _legend(lines)
    )
    packed = json.dumps(read_off, separators=(",", ":"))
    return tag("figure", heading, drawing, class_="chart", data_lines=packed, data_read=read)


def condense(points: Points) -> list[tuple[float, float, float, float]]:
    """(step, least, mean, largest) of up to 200 buckets of consecutive points."""
    size = max(1, -(-len(points) // BUCKETS))
    buckets = [points[start : start + size] for start in range(0, len(points), size)]
    rows = []
    for bucket in buckets:
        values = [value for _, value in bucket]
        rows.append((bucket[-1][0], min(values), sum(values) / len(values), max(values)))
    return rows


def _line(rows: Sequence[tuple], across: Any, y: Any, index: int) -> list[str]:
    """The mean as a line over the spread as a band; a lone point as a dot."""
    middle = [(across(step), y(mean)) for step, _, mean, _ in rows]
    if len(rows) == 1:
        ((x, height),) = middle
        return [tag("circle", cx=f"{x:.1f}", cy=f"{height:.1f}", r=3, class_=f"dot s{index}")]
    parts = []
    if any(low != high for _, low, _, high in rows):
        edge = [(across(step), y(high)) for step, _, _, high in rows]
        edge += [(across(step), y(low)) for step, low, _, _ in reversed(rows)]
        parts.append(tag("path", d=_path(edge) + "Z", class_=f"band s{index}"))
    return [*parts, tag("path", d=_path(middle), class_=f"line s{index}")]


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _grid(y: float, value: float) -> str:
    label = tag(
        "text", escape_text(_short(value)), x=LEFT - 7, y=f"{y + 3.5:.1f}", text_anchor="end"
    )
    return tag("path", d=f"M{LEFT} {y:.1f}H{RIGHT}", class_="grid") + label


def _step_mark(x: float, step: float) -> str:
    return tag("text", escape_text(_short(step)), x=f"{x:.1f}", y=BOTTOM + 18, text_anchor="middle")


def _legend(lines: Mapping[str, Any]) -> str:
    if list(lines) == [""]:
        return ""
    keys = (
        tag("i", escape_text(name or "all"), " ", tag("em"), class_=f"s{n}")
        for n, name in enumerate(lines)
    )
    return tag("span", *keys, class_="legend")


def _scale(low: float, high: float, start: float, end: float) -> Any:
    width = (high - low) or 1
    return lambda value: start + (value - low) / width * (end - start)


def _span(low: float, high: float) -> tuple[float, float]:
    """The range with a margin of a twentieth; never of no height."""
    room = (high - low) * 0.05 or abs(high) / 2 or 1
    return low - room, high + room


def axis_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers between low and high, about `count` of them."""
    rough = (high - low) / count or 1
    power = 10 ** math.floor(math.log10(rough))
    size = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    first = math.ceil(low / size - 1e-9)
    return [round(n * size, 12) for n in range(first, math.floor(high / size + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Exponents of 1, 2 and 5 times powers of ten in range, or of the powers alone if many."""
    powers = range(math.floor(low), math.ceil(high) + 1)
    fine = [power + math.log10(digit) for power in powers for digit in (1, 2, 5)]
    fine = [mark for mark in fine if low <= mark <= high]
    if len(fine) <= 5:
        return fine
    whole = [float(power) for power in powers if low <= power <= high]
    return whole[:: -(-len(whole) // 5) or 1]


def _short(value: float) -> str:
    """1500000 as 1.5M, 20000 as 20k, 0.00003 as 3e-05."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:.3g}"


def _spaced(name: str) -> str:
    return name.replace("_", " ")
