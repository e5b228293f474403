"""Where the boxes of a figure stand: in order of computation, branches beside one another."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoo.architecture.captions import caption, log2_length, long, wrap_facts
from zoo.architecture.folding import Frame, Item, NetworkFigure
from zoo.architecture.graph import BOX, JOIN
from zoo.architecture.tracing import ModulePath

WIDTH = 300.0  # of the widest box
NARROW = 150.0  # of a box of the shortest signal
COLUMN = 88.0  # the least that a branch takes
_COLUMNS = 3
GAP, BETWEEN = 14.0, 8.0  # below a box; between branches
LINE, PAD = 13.0, 5.0
ROUND = 9.0  # radius of a join
LABEL, EDGE = 15.0, 7.0  # of a frame: room above for its label, and around
SIGN = 7.0  # room above a box for how what it reads is joined
LANE = 7.0  # between lines beside the boxes


@dataclass
class Box:
    """left, top, width and height of an item, and what stands in it: title and further lines."""

    item: Item
    x: float
    y: float
    width: float
    height: float
    title: str = ""
    lines: list[str] = field(default_factory=list)

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def right(self) -> float:
        return self.x + self.width


@dataclass
class Around:
    """A frame as it is drawn."""

    frame: Frame
    x: float
    y: float
    width: float
    height: float


@dataclass
class _Group:
    """What stands within a frame, or in the whole figure."""

    frame: Frame | None
    units: list[ModulePath | _Group]

    def paths(self) -> list[ModulePath]:
        return [k for u in self.units for k in (u.paths() if isinstance(u, _Group) else [u])]


Unit = ModulePath | _Group


class FigureLayout:
    """The boxes of a figure by key, and its frames."""

    def __init__(self, figure: NetworkFigure) -> None:
        self.figure = figure
        self.items = {item.key: item for item in figure.items}
        lengths = [log2_length(i) for i in figure.items if i.node.form == BOX and i.node.made]
        self.least, self.most = min(lengths, default=0.0), max(lengths, default=0.0)
        self.boxes: dict[ModulePath, Box] = {}
        self.frames: list[Around] = []
        self.times: dict[ModulePath, int] = {}  # that a frame around says
        self.stems: dict[ModulePath, str] = {}  # which frames around say
        for frame in figure.frames:
            self.times |= {key: frame.times for key in frame.items if frame.times > 1}
            self.stems |= {key: frame.label for key in frame.items if frame.times > 1}
        whole = _Group(None, list(self.items))
        for frame in sorted(figure.frames, key=lambda frame: -len(frame.items)):
            self._enclose(whole, frame)
        self.height = self._group(whole, 0.0, WIDTH, 0.0)

    def _enclose(self, group: _Group, frame: Frame) -> None:
        """Puts a frame into the groups, unless one of them were torn or would read itself."""
        own = set(frame.items)
        for unit in group.units:
            if isinstance(unit, _Group) and own <= set(unit.paths()):
                return self._enclose(unit, frame)
        inner = [u for u in group.units if not isinstance(u, _Group) and u in own]
        if set(inner) != own:
            return None
        made = _Group(frame, list(inner))
        at = group.units.index(inner[0])
        units = [u for u in group.units if u not in inner]
        units.insert(at, made)
        if _in_order(links := _Links(self.figure, units)):
            group.units = links.order
        return None

    def _group(self, group: _Group, x: float, width: float, y: float) -> float:
        links = _Links(self.figure, group.units)
        if group.frame is None:
            return self._column(links, links.order, x, width, y)
        top, y = y, y + LABEL
        self._column(links, links.order, x + EDGE, width - 2 * EDGE, y)
        boxes = [self.boxes[key] for key in group.paths()]
        inner = [a for a in self.frames if set(a.frame.items) < set(group.paths())]
        left = min([b.x for b in boxes] + [a.x for a in inner]) - EDGE
        right = max([b.right for b in boxes] + [a.x + a.width for a in inner]) + EDGE
        right = max(right, min(left + long(group.frame.text, 10) + 12, x + width))
        bottom = max([b.bottom for b in boxes] + [a.y + a.height for a in inner]) + EDGE
        self.frames.append(Around(group.frame, left, top, right - left, bottom - top))
        return bottom + GAP

    def _column(self, links: _Links, units: list[Unit], x: float, width: float, y: float) -> float:
        """Places units below one another or in branches; returns where they end."""
        parts = links.parts(units)
        if len(parts) > 1:
            return self._branches(links, parts, x, width, y)
        if len(units) == 1:
            unit = units[0]
            if isinstance(unit, _Group):
                return self._group(unit, x, width, y)
            return self._place(unit, x, width, y)
        for segment in links.segments(units):
            y = self._column(links, segment, x, width, y)
        return y

    def _branches(
        self, links: _Links, parts: list[list[Unit]], x: float, width: float, y: float
    ) -> float:
        sizes = sorted(len(_Group(None, part).paths()) for part in parts)
        if sizes[-1] > 5 and sizes[-2] < 2:  # a chain, beside which single boxes stand
            inside = {id(unit) for part in parts for unit in part}
            for unit in links.order:
                y = self._column(links, [unit], x, width, y) if id(unit) in inside else y
            return y
        rows: list[list[list[Unit]]] = [[]]
        for part in parts:
            if rows[-1] and sum(map(self._columns, [*rows[-1], part])) > self._room(width):
                rows.append([])
            rows[-1].append(part)
        for row in rows:
            row.sort(key=self._from)
            needs = list(map(self._columns, row))
            each = (width - BETWEEN * (sum(needs) - 1)) / sum(needs)
            ends, left = [], x
            for part, need in zip(row, needs):
                own = need * each + (need - 1) * BETWEEN
                ends.append(self._column(links, part, left, own, y))
                left += own + BETWEEN
            y = max(ends)
        return y

    def _room(self, width: float) -> int:
        """Columns beside one another that a width takes."""
        return max(1, min(_COLUMNS, int((width + BETWEEN) // (COLUMN + BETWEEN))))

    def _columns(self, part: list[Unit]) -> int:
        """Columns that a part would like to have."""
        links = _Links(self.figure, part)
        parts = links.parts(links.order)
        if len(parts) > 1:
            return min(_COLUMNS, sum(map(self._columns, parts)))
        if len(part) > 1:
            return max(map(self._columns, links.segments(links.order)))
        return self._columns(part[0].units) if isinstance(part[0], _Group) else 1

    def _from(self, part: list[Unit]) -> float:
        """How far to the right what a part reads stands on average."""
        keys = {k for u in part for k in (u.paths() if isinstance(u, _Group) else [u])}
        read = {a for a, b in self.figure.edges if b in keys and a not in keys}
        places = [self.boxes[key].middle for key in sorted(read & self.boxes.keys())]
        return sum(places) / len(places) if places else WIDTH / 2

    def _place(self, key: ModulePath, x: float, width: float, y: float) -> float:
        item = self.items[key]
        if item.node.form == JOIN:
            middle = x + width / 2
            self.boxes[key] = Box(item, middle - ROUND, y, 2 * ROUND, 2 * ROUND)
            return self.boxes[key].bottom + GAP
        head, more = caption(
            item, self.figure.batch, self.times.get(key, 1), self.stems.get(key, "")
        )
        need = max(long(head, 11, bold=True), long(" · ".join(more), 10)) + 14
        own = min(width, max(self._width(item, width), need))
        heads = wrap_facts([head], own - 10, 11, True)
        lines = wrap_facts(more, own - 10, 10)
        above = SIGN if item.node.sign else 0
        height = LINE * (len(heads) + len(lines)) + 2 * PAD
        box = Box(item, x + (width - own) / 2, y + above, own, height, "\n".join(heads), lines)
        self.boxes[key] = box
        return box.bottom + GAP

    def _width(self, item: Item, width: float) -> float:
        """By the logarithm of the length of what it gives, where lengths differ."""
        if item.node.form != BOX:
            return 0.0
        if width < WIDTH * 0.8 or self.most - self.least < 1 or not item.node.made:
            return width
        part = (log2_length(item) - self.least) / (self.most - self.least)
        return NARROW + (width - NARROW) * min(max(part, 0), 1)


class _Links:
    """What flows between units."""

    def __init__(self, figure: NetworkFigure, units: list[Unit]) -> None:
        self.units = units
        of: dict[ModulePath, int] = {}
        for number, unit in enumerate(units):
            of |= dict.fromkeys(unit.paths() if isinstance(unit, _Group) else [unit], number)
        pairs = {(of[a], of[b]) for a, b in figure.edges if a in of and b in of}
        self.edges = {(a, b) for a, b in pairs if a != b}
        self.numbers = {id(unit): number for number, unit in enumerate(units)}
        self.whole, done = True, list[int]()
        left = list(range(len(units)))
        while left:
            late = {b for a, b in self.edges if a in left}
            free = [n for n in left if n not in late]
            self.whole = self.whole and bool(free)
            done.append((free or left)[0])
            left.remove(done[-1])
        self.order = [units[n] for n in done]
        self.above: dict[int, set[int]] = {}
        for number in done:
            near = {a for a, b in self.edges if b == number}
            self.above[number] = near.union(*(self.above.get(n, set()) for n in near))

    def parts(self, units: list[Unit]) -> list[list[Unit]]:
        """Those among which nothing flows."""
        left, parts = [self.numbers[id(unit)] for unit in units], []
        while left:
            part, waiting = set[int](), [left[0]]
            while waiting:
                one = waiting.pop()
                if one not in part:
                    part.add(one)
                    waiting += [b for a, b in self.edges if a == one and b in left]
                    waiting += [a for a, b in self.edges if b == one and a in left]
            parts.append([self.units[n] for n in left if n in part])
            left = [n for n in left if n not in part]
        return parts

    def segments(self, units: list[Unit]) -> list[list[Unit]]:
        """Split at units that are before or behind each of the others; else by their depth."""
        numbers = [self.numbers[id(unit)] for unit in units]

        def related(one: int) -> bool:
            return all(o == one or o in self.above[one] or one in self.above[o] for o in numbers)

        segments: list[list[int]] = [[]]
        for one in numbers:
            if related(one):
                segments += [[one], []]
            else:
                segments[-1].append(one)
        segments = [segment for segment in segments if segment]
        if len(segments) < 2:
            depth: dict[int, int] = {}
            for one in numbers:
                near = (depth[a] for a, b in self.edges if b == one and a in depth)
                depth[one] = 1 + max(near, default=-1)
            levels = sorted(set(depth.values()))
            segments = [[n for n in numbers if depth[n] == level] for level in levels]
        return [[self.units[n] for n in segment] for segment in segments]


def _in_order(links: _Links) -> bool:
    return links.whole
