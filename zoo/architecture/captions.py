"""What is written into a box, and how wide it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from zoo.architecture.folding import Item
from zoo.architecture.graph import GIVEN, RESULT, Node
from zoo.architecture.naming import sizes, title


def _shape(made: Sequence[int], batch: int) -> str:
    """'[B 16384 24]'; of several batches in one '[4B ...]'."""
    if not made:
        return ""
    first, rest = made[0], [str(size) for size in made[1:]]
    if first % batch:
        return f"[{' '.join(map(str, made))}]"
    times = first // batch
    return f"[{' '.join([('' if times == 1 else str(times)) + 'B', *rest])}]"


def _count(parameters: int) -> str:
    """'1.35 M', '744'."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if parameters >= size:
            return f"{parameters / size:.3g}{unit}"
    return str(parameters) if parameters else ""


def long(text: str, size: float, bold: bool = False) -> float:
    """About how wide a text is, in units of the figure."""
    wide = sum(0.35 if c in " .,ilj[]|'·" else 0.9 if c in "MWm—" else 0.6 for c in text)
    return wide * size * (1.06 if bold else 1.0)


def log2_length(item: Item) -> float:
    """log2 of how many positions an item's output has."""
    return math.log2(max(math.prod(item.node.made[1:-1]), 1)) if item.node.made else 0.0


def caption(item: Item, batch: int, around: int = 1, stem: str = "") -> tuple[str, list[str]]:
    """(title, facts) of an item. around, stem: how often it follows and its name, by the frame."""
    node, times = item.node, len(item.members)
    if node.form == GIVEN:
        return node.kind.replace("_", " "), [_shape(node.made, batch)]
    if node.form == RESULT:
        return "output", [_shape(node.made, batch)]
    head = title(node.key, node.kind)
    if around > 1 and times >= around - 1:
        bare = re.sub(rf"^{re.escape(stem)}( \d+)+ ", "", head) if stem else head
        head, times = bare, 1
    elif times > 1:
        end = re.search(r"\d+$", item.members[-1].key[-1])
        head = re.sub(r"^([^,]*\d)(?=,)", rf"\1 to {end[0]}", head) if end else head
    steps = [m.call.fields.get("dilation") for m in item.members if m.call]
    how = dict(sizes(node))
    if len(set(map(str, steps))) > 1 and all(isinstance(step, int) for step in steps):
        how["dilation"] = f"dilation {min(steps)} … {max(steps)}"  # type: ignore[type-var]
    made = _shape(node.made, batch)
    if any(member.made != node.made for member in item.members):
        made += " …"
    facts = [*_told(node), *how.values(), made, _count(node.parameters)]
    kinds = " + ".join([head, *dict.fromkeys(node.also)])
    return kinds + (f" × {times}" if times > 1 else ""), [fact for fact in facts if fact]


def _told(node: Node) -> list[str]:
    """What the docstring of a method says that it computes, without shapes and units behind it."""
    if not (node.call and node.key[-1].endswith("()")):
        return []
    line = re.sub(r"(,? ?(Hz|dB)? ?\[[^\]]*\] -> .*)$", "", node.call.doc).rstrip(".")
    return [line] if line and len(line) < 60 else []


def wrap_facts(parts: Sequence[str], width: float, size: float, bold: bool = False) -> list[str]:
    """Facts joined to lines that are as wide as there is room; words where one fact is wider."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and long(joined, size, bold) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    found = []
    for line in lines:
        row = ""
        for word in line.split(" "):
            more = f"{row} {word}".strip()
            if long(more, size, bold) <= width:
                row = more
                continue
            found += [row] if row else []
            *begin, row = _broken(word, width, size)
            found += begin
        found.append(row)
    return found


def _broken(word: str, width: float, size: float) -> list[str]:
    """A word where its capitals are, if it is too wide: 'Window', 'Discriminator'."""
    if long(word, size, True) <= width:
        return [word]
    return re.findall(r"[A-Z]*[^A-Z]+|[A-Z]+$", word) or [word]
