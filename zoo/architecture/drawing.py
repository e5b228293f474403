"""A figure as SVG: boxes, what flows between them, frames; readable on light and on dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from zoo.architecture.folding import NetworkFigure
from zoo.architecture.graph import BOX, GIVEN, JOIN, RESULT
from zoo.architecture.layout import (
    BETWEEN,
    GAP,
    LANE,
    LINE,
    PAD,
    ROUND,
    SIGN,
    WIDTH,
    Around,
    Box,
    FigureLayout,
)
from zoo.architecture.tracing import ModulePath

_MARGIN = 8.0
_HEAD = 44.0
STYLE = """
text{font:10px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#222}
text{text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:0}
.t{font-size:11px;font-weight:600}.h{font-size:13px;font-weight:600;text-anchor:start}
.s{fill:#666;text-anchor:start}.f{text-anchor:start;fill:#666;stroke-width:3px}
rect,circle{stroke:#888;fill:#8881}
.conv{fill:#3b82f62e;stroke:#3b82f6}.rec{fill:#f59e0b33;stroke:#d98a06}
.dense{fill:#10b9812e;stroke:#0f9d6e}.att{fill:#a855f72e;stroke:#a855f7}
.emb{fill:#ec48992b;stroke:#e04494}.io{fill:none;stroke:none}
.frame{fill:#8880000a;stroke:#888;stroke-dasharray:none}.loop{stroke-dasharray:4 3}
path{fill:none;stroke:#777;stroke-width:1.2}.back{stroke-dasharray:3 3}
.tip{fill:#777;stroke:none}.join{fill:#fff}
@media(prefers-color-scheme:dark){text{fill:#e4e4e4;stroke:#1e2129}.s,.f{fill:#aaa}path{stroke:#999}
.tip{fill:#999}.join{fill:#1e2129}}
""".strip()
_KINDS = (  # words in the names of classes, and the colour of these
    ("att", ("attention", "transformer")),
    ("rec", ("lstm", "gru", "rnn", "recurrent")),
    ("emb", ("embed", "quantizer", "codebook")),
    ("conv", ("conv", "filters", "sinc")),
    ("dense", ("dense", "linear")),
)
MEANING = {
    "conv": "convolution",
    "rec": "recurrent",
    "dense": "dense",
    "att": "attention",
    "emb": "codes",
}


def _colour(kinds: Sequence[str]) -> str:
    """The colour of a box: of its class, of attention or recurrence in it, of the largest part."""
    found = [next((n for n, w in _KINDS if any(x in k.lower() for x in w)), "") for k in kinds]
    if found and not found[0]:
        found = [name for name in ("att", "rec") if name in found] + found[1:]
    return next(filter(None, found), "")


def svg(title: str, figures: Sequence[NetworkFigure]) -> str:
    """All figures of a system below one another."""
    parts, y, right, used = [], _MARGIN, WIDTH, set[str]()
    for figure in figures:
        drawn = _Drawn(FigureLayout(figure))
        parts.append(
            f'<g transform="translate({drawn.left:.0f} {y:.0f})">'.replace(".0", "")
            + _heading(figure, -drawn.left)
            + f'<g transform="translate(0 {_HEAD:.0f})">{drawn.text}</g></g>'
        )
        y += _HEAD + drawn.height + GAP
        right = max(right, drawn.left + drawn.right)
        used |= drawn.used
    width = right + 2 * _MARGIN
    legend, y = _legend([k for k in MEANING if k in used], y)
    described = "; ".join(map(_spoken, figures))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {y + _MARGIN:.0f}" '
        f'width="{width:.0f}" height="{y + _MARGIN:.0f}" role="img" aria-labelledby="t d">\n'
        f'<title id="t">{escape(title)}</title>\n'
        f'<desc id="d">{escape(described)}</desc>\n'
        f"<style>{STYLE}</style>\n"
        f'<g transform="translate({_MARGIN:.0f} 0)">' + "\n".join(parts) + legend + "</g></svg>\n"
    )


def _heading(figure: NetworkFigure, x: float) -> str:
    own = figure.name.replace("_", " ")
    named = "" if own in ("model", figure.kind.lower()) else f"{own}, "
    more = f"{named}{figure.parameters:,} parameters"
    text = _text(figure.kind, x, 12, "h") + _text(more, x, 26, "s")
    if figure.also:
        alike = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in figure.also.items())
        text += _text(f"alike: {alike}", x, 38, "s")
    return text


def _spoken(figure: NetworkFigure) -> str:
    """A figure in words, for who does not see it."""
    kinds: list[str] = []
    for item in figure.items:
        if item.node.form == BOX:
            times = len(item.members)
            said = item.node.kind + (f" × {times}" if times > 1 else "")
            if not kinds or kinds[-1] != said:
                kinds.append(said)
    return f"{figure.name}, {figure.kind}, {figure.parameters:,} parameters: {', '.join(kinds)}"


def _text(text: str, x: float, y: float, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{named}>{escape(text)}</text>'


def _legend(kinds: Sequence[str], y: float) -> tuple[str, float]:
    if len(kinds) < 2:
        return "", y
    parts, x = [], 0.0
    for kind in kinds:
        if x + 16 + 5.6 * len(MEANING[kind]) > WIDTH:
            x, y = 0.0, y + 14
        parts.append(f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="12" height="9" rx="2"/>')
        parts.append(_text(MEANING[kind], x + 16, y + 8.5, "f"))
        x += 30 + 5.6 * len(MEANING[kind])
    return "".join(parts), y + 14


class _Drawn:
    """One network. left, right: how far lines reach beyond the boxes."""

    def __init__(self, layout: FigureLayout) -> None:
        self.layout, self.boxes = layout, layout.boxes
        self.used: set[str] = set()
        self.taken: list[tuple[float, float, float]] = []  # of lanes: top, bottom, x
        self.left = max([0.0, *(-around.x for around in layout.frames)])
        self.right = max([WIDTH, *(a.x + a.width for a in layout.frames)])
        lines = self._lines() + self._returns()
        frames = "".join(map(self._frame, layout.frames))
        labels = "".join(
            _text(around.frame.text, around.x + 6, around.y + 11, "f") for around in layout.frames
        )
        self.text = frames + lines + labels + "".join(map(self._box, layout.boxes.values()))
        self.height = layout.height

    def _frame(self, around: Around) -> str:
        kind = "frame loop" if around.frame.loop else "frame"
        return (
            f'<rect class="{kind}" x="{around.x:.0f}" y="{around.y:.0f}" '
            f'width="{around.width:.0f}" height="{around.height:.0f}" rx="6"/>'
        )

    def _box(self, box: Box) -> str:
        node = box.item.node
        if node.form == JOIN:
            y = box.y + ROUND
            return (
                f'<circle class="join" cx="{box.middle:.0f}" cy="{y:.0f}" r="{ROUND - 1:.0f}"/>'
                + _text(node.kind, box.middle, y + 3.5, "t")
                + (_text(" + ".join(node.also), box.right + 3, y + 3.5, "f") if node.also else "")
            )
        kinds = self.layout.figure.kinds
        kind = "io" if node.form in (GIVEN, RESULT) else _colour(kinds.get(node.key, []))
        if node.form == BOX and kind:
            self.used.add(kind)
        named = f' class="{kind}"' if kind else ""
        shape = f'width="{box.width:.0f}" height="{box.height:.0f}" rx="4"'
        text = ""
        if len(box.item.members) > 1 and node.key not in self.layout.times:
            text += f'<rect{named} x="{box.x + 3:.0f}" y="{box.y + 3:.0f}" {shape}/>'
        if node.form == BOX:
            text += f'<rect{named} x="{box.x:.0f}" y="{box.y:.0f}" {shape}/>'
        y = box.y + PAD + (11 if node.sign else 9)
        for line in box.title.split("\n"):
            text += _text(line, box.middle, y, "t")
            y += LINE
        for line in box.lines:
            text += _text(line, box.middle, y)
            y += LINE
        if node.sign:
            y = box.y - 1
            text += f'<circle class="join" cx="{box.middle:.0f}" cy="{y:.0f}" r="6"/>'
            text += _text(node.sign, box.middle, y + 3.5, "t")
        return text

    def _lines(self) -> str:
        """What flows on: straight where nothing stands between, else beside the boxes.

        What stays within a frame has its line there, and the frame is widened for it.
        """
        text = ""
        frames = sorted(self.layout.frames, key=lambda around: len(around.frame.items))
        groups: dict[int, dict[ModulePath, list[ModulePath]]] = {}
        for a, b in sorted(self.layout.figure.edges, key=self._span):
            if (line := self._direct(self.boxes[a], self.boxes[b])) is not None:
                text += line
                continue
            within = (n for n, f in enumerate(frames) if {a, b} <= set(f.frame.items))
            groups.setdefault(next(within, len(frames)), {}).setdefault(a, []).append(b)
        self.closed: list[Around] = []
        for number in range(len(frames) + 1):
            own = groups.get(number, {})
            first = len(self.taken)
            for start, ends in sorted(own.items(), key=lambda pair: self._reach(*pair)):
                text += self._aside(start, ends)
            if number < len(frames):
                around = frames[number]
                inner = [c for c in self.closed if set(c.frame.items) < set(around.frame.items)]
                rights = [x for _, _, x in self.taken[first:]] + [c.x + c.width for c in inner]
                right = max([around.x + around.width, *(x + LANE for x in rights)])
                around.width = right - around.x
                self.closed.append(around)
                self.right = max(self.right, right)
        return text

    def _span(self, edge: tuple[ModulePath, ModulePath]) -> tuple[float, ModulePath, ModulePath]:
        return self.boxes[edge[1]].y - self.boxes[edge[0]].y, *edge

    def _reach(self, start: ModulePath, ends: Sequence[ModulePath]) -> tuple[float, ModulePath]:
        return max(self.boxes[e].y for e in ends) - self.boxes[start].y, start

    def _direct(self, a: Box, b: Box) -> str | None:
        """A line from below one box to above another; None where a third is in the way."""
        end = b.y - (SIGN if b.item.node.sign else 0)
        if end <= a.bottom:
            return None
        start = b.middle if a.x + 6 < b.middle < a.right - 6 and a.width < 2 * b.width else a.middle
        others = [box for box in self.boxes.values() if box is not a and box is not b]
        entered = [f.y for f in self.layout.frames if b.item.key in f.frame.items]
        entered = sorted(y for y in entered if a.bottom < y)  # frames that it comes into
        for turn in (*(y - BETWEEN / 2 for y in entered), end - BETWEEN, a.bottom + BETWEEN / 2):
            low, high = sorted((start, b.middle))
            across = [(low, turn - 1, high, turn + 1)]
            down = [(start, a.bottom, start, turn), (b.middle, turn, b.middle, end)]
            if not any(_hits(box, piece) for box in others for piece in across + down):
                if abs(start - b.middle) < 1:
                    path = f"M{start:.0f} {a.bottom:.0f}V{end - 4:.0f}"
                else:
                    path = f"M{start:.0f} {a.bottom:.0f}V{turn:.0f}H{b.middle:.0f}"
                    path += f"V{end - 4:.0f}"
                return f'<path d="{path}"/>' + _tip(b.middle, end)
        return None

    def _aside(self, start: ModulePath, ends: Sequence[ModulePath]) -> str:
        """One line beside the boxes to all that read it."""
        a, targets = self.boxes[start], [self.boxes[end] for end in ends]
        top = a.y + a.height / 2 + 3
        places = [b.y + (b.height / 2 - 3 if b.item.node.form == JOIN else 7) for b in targets]
        bottom = max(places)
        x = self._lane(top, bottom)
        others = [box for box in self.boxes.values() if box is not a]
        if any(_hits(box, (a.right, top, x, top + 1)) for box in others):
            top = a.bottom + 4
            text = f"M{a.middle:.0f} {a.bottom:.0f}V{top:.0f}H{x - 4:.0f}q4 0 4 4"
        else:
            text = f"M{a.right:.0f} {top:.0f}H{x - 4:.0f}q4 0 4 4"
        text += f"V{bottom - 4:.0f}"
        tips = ""
        for b, y in zip(targets, places):
            others = [box for box in self.boxes.values() if box is not b]
            if any(_hits(box, (b.right, y, x, y + 1)) for box in others):
                end = b.y - (SIGN if b.item.node.sign else 0)
                turn, at = end - BETWEEN, b.middle + (8 if b.width > 40 else 0)
                text += f"M{x:.0f} {turn - 4:.0f}q0 4 -4 4H{at:.0f}V{end - 4:.0f}"
                tips += _tip(at, end)
                continue
            text += f"M{x:.0f} {y - 4:.0f}q0 4 -4 4H{b.right + 4:.0f}"
            tips += _tip_left(b.right, y)
        return f'<path d="{text}"/>' + tips

    def _lane(self, top: float, bottom: float) -> float:
        beside = [b.right for b in self.boxes.values() if b.bottom > top - 2 and b.y < bottom + 2]
        beside += [
            c.x + c.width for c in self.closed if c.y + c.height > top - 2 and c.y < bottom + 2
        ]
        x = max(beside) + LANE
        for begin, end, other in sorted(self.taken, key=lambda lane: lane[2]):
            if begin < bottom + 2 and end > top - 2 and abs(other - x) < LANE - 1:
                x = other + LANE
        self.taken.append((top, bottom, x))
        self.right = max(self.right, x + 4)
        return x

    def _returns(self) -> str:
        """Dashed, on the left: what a round of a loop hands to the next."""
        text = ""
        lanes: list[tuple[float, float, float]] = []
        for a, b in sorted(self.layout.figure.back, key=lambda e: self._span((e[1], e[0]))):
            one, two = self.boxes[a], self.boxes[b]
            low, high = one.y + one.height / 2, two.y + two.height / 2
            low, high = max(low, high), min(low, high)
            x = min(c.x for c in self.boxes.values() if c.bottom > high and c.y < low) - LANE
            for begin, end, other in sorted(lanes, key=lambda lane: -lane[2]):
                if begin < low and end > high and abs(other - x) < LANE - 1:
                    x = other - LANE
            lanes.append((high, low, x))
            self.left = max(self.left, -x + 2)
            begin, end = one.y + one.height / 2, two.y + two.height / 2
            path = f"M{one.x:.0f} {begin:.0f}H{x:.0f}V{end:.0f}H{two.x - 4:.0f}"
            text += f'<path class="back" d="{path}"/>' + _tip_right(two.x, end)
        return text


def _hits(box: Box, piece: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = piece
    return box.right > left and box.x < right and box.bottom > top and box.y < bottom


def _tip(x: float, y: float) -> str:
    return f'<path class="tip" d="M{x:.0f} {y:.0f}l-3 -5h6z"/>'


def _tip_left(x: float, y: float) -> str:
    return f'<path class="tip" d="M{x:.0f} {y:.0f}l5 -3v6z"/>'


def _tip_right(x: float, y: float) -> str:
    return f'<path class="tip" d="M{x:.0f} {y:.0f}l-5 -3v6z"/>'
