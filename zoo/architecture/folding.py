"""Which boxes a figure has: as deep as there is room for, runs of like ones as one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from zoo.architecture.graph import BOX, JOIN, Graph, Node
from zoo.architecture.naming import module_name, node_signature, title
from zoo.architecture.network import TracedNetwork
from zoo.architecture.tracing import ModulePath

_MOST = 26  # boxes of a figure
ENOUGH = 18  # beyond which nothing more is opened
_ROWS = 32  # with joins, of what was opened
HIDDEN = 0.05  # of a module's parameters may be its own where it is opened
_LONGEST = 30  # nodes of what is repeated
CONVOLVES = ("kernel_size", "kernel", "taps")


@dataclass(frozen=True)
class Item:
    """A node, or several like ones of which this is the first."""

    node: Node
    members: tuple[Node, ...]

    @property
    def key(self) -> ModulePath:
        return self.node.key


@dataclass(frozen=True)
class Frame:
    """What stands around some items: a module that was opened, a loop. times: how often it follows.

    lacks: names of items that the last time is without.
    """

    items: tuple[ModulePath, ...]
    label: str
    times: int = 1
    loop: bool = False
    lacks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        often = f" × {self.times}" if self.times > 1 else ""
        short = f", the last without {' and '.join(self.lacks)}" if self.lacks else ""
        return f"{self.label}{often}{short}".strip()


@dataclass
class NetworkFigure:
    """What is drawn of a network."""

    name: str
    kind: str
    parameters: int
    items: list[Item] = field(default_factory=list)
    edges: set[tuple[ModulePath, ModulePath]] = field(default_factory=set)
    back: set[tuple[ModulePath, ModulePath]] = field(default_factory=set)
    frames: list[Frame] = field(default_factory=list)
    # Classes in a box, its own first.
    kinds: dict[ModulePath, list[str]] = field(default_factory=dict)
    batch: int = 1  # examples: the first dimension of most shapes
    also: dict[str, int] = field(default_factory=dict)  # like players, and their parameters


def network_figure(network: TracedNetwork) -> NetworkFigure:
    """The deepest view of a network that has room."""
    top = network.calls[network.top]
    shown = _parts(network, network.top) or [network.top]
    best, refused = _Folded(network.graph(shown)), set[str]()
    opened: list[ModulePath] = []
    while kinds := _openable(network, shown, refused):
        kind = kinds[0]
        wider = [
            inner
            for key in shown
            for inner in (_parts(network, key) if network.calls[key].kind == kind else [key])
        ]
        tried = _Folded(network.graph(wider))
        more = len(tried.graph.nodes) > len(best.graph.nodes)
        room = max(ENOUGH, best.boxes), max(_ROWS, len(best.members))
        if more and tried.exact and tried.boxes <= room[0] and len(tried.members) <= room[1]:
            opened += [key for key in shown if network.calls[key].kind == kind]
            shown, best = wider, tried
        else:
            refused.add(kind)
    frames = _frames(network, best, opened)
    drawn, members = best.drawn(), best.members
    items = [Item(node, members[node.key]) for node in drawn.ordered()]
    frames = [replace(f, items=tuple(k for k in f.items if k in drawn.nodes)) for f in frames]
    frames = [frame for frame in frames if len(frame.items) > 1]
    return NetworkFigure(
        network.top[0],
        top.kind,
        top.parameters,
        items,
        drawn.edges,
        drawn.back,
        frames,
        {item.key: _kinds(network, item.key) for item in items if item.key in network.calls},
    )


def _kinds(network: TracedNetwork, key: ModulePath) -> list[str]:
    """The class of a module, then those of the modules without parts in it, the largest first."""
    calls = network.calls
    if key[-1].endswith("()"):
        return []
    within = [k for k in calls if k[: len(key)] == key and k != key]
    within.sort(key=lambda k: (bool(network.children[k]), -calls[k].parameters))
    leaves = [k for k in within if not network.children[k]] or [key]
    found = [calls[key].kind, *(calls[k].kind for k in within)]
    return found + ["Conv"] * any(f in calls[k].fields for k in leaves for f in CONVOLVES)


def _parts(network: TracedNetwork, key: ModulePath) -> list[ModulePath]:
    """The modules in a module; of one that has nothing but another in it, those of that."""
    inner = network.children[key]
    while len(inner) == 1 and len(network.children[inner[0]]) > 1:
        inner = network.children[inner[0]]
    return inner


def _openable(network: TracedNetwork, shown: Sequence[ModulePath], refused: set[str]) -> list[str]:
    """Classes of shown modules that have parts, those with the most parameters first."""
    sizes: dict[str, int] = {}
    for key in shown:
        call = network.calls[key]
        own = call.own <= HIDDEN * call.parameters
        if len(_parts(network, key)) > 1 and own and call.kind not in refused:
            sizes[call.kind] = sizes.get(call.kind, 0) + call.parameters
    return sorted(sizes, key=lambda kind: -sizes[kind])


class _Folded:
    """A graph of which what follows itself in kind is shown once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._fold(exact=True)
        self.exact = self.boxes <= _MOST
        if not self.exact:
            self._fold(exact=False)

    @property
    def boxes(self) -> int:
        return sum(self.graph.nodes[key].form == BOX for key in self.members)

    def _fold(self, exact: bool) -> None:
        nodes = self.graph.ordered()
        marks = [node_signature(node, exact) for node in nodes]
        loose = [node_signature(node, False) for node in nodes]
        if not exact:
            loose = [mark[1:] if n.form == BOX else mark for mark, n in zip(loose, nodes)]
        above: dict[ModulePath, set[ModulePath]] = {}
        for node in nodes:
            near = self.graph.before(node.key)
            above[node.key] = near.union(*(above.get(key, set()) for key in near))
        self.members: dict[ModulePath, tuple[Node, ...]] = {}
        self.repeats: list[Frame] = []
        copies: dict[
            ModulePath, tuple[ModulePath, int]
        ] = {}  # to the first copy's, and which copy it is
        at = 0
        while at < len(nodes):
            size, times = 1, 1
            if nodes[at].form == BOX:  # what is repeated ends with joins
                found = _repeated(marks, at), _beside(nodes, loose, above, at)
                size, times = max(found, key=math.prod)
            last = self._last(nodes, marks, at, size, times)
            for place in range(size):
                alike = [nodes[at + place + size * n] for n in range(times)]
                alike += [nodes[last[place]]] if place in last else []
                self.members[alike[0].key] = tuple(alike)
                copies |= {node.key: (alike[0].key, n) for n, node in enumerate(alike)}
            if times > 1 and size > 1:
                once = nodes[at : at + size]
                lacks = [n for place, n in enumerate(once) if last and place not in last]
                names = tuple(module_name(n) for n in lacks if n.form == BOX)
                runs = [nodes[at + n * size : at + (n + 1) * size] for n in range(times)]
                stems = dict.fromkeys(_stem([n.key for n in run]) for run in runs)
                keys, label = tuple(n.key for n in once), ", ".join(filter(None, stems))
                self.repeats.append(Frame(keys, label, times + bool(last), lacks=names))
            at += size * times + len(last)
        ends = [(copies[a], copies[b]) for a, b in self.graph.back]
        self.back = {(a, b) for (a, first), (b, second) in ends if a != b and first == second}
        order = {key: n for n, key in enumerate(self.members)}
        self.edges = set()
        for a, b in self.graph.edges:
            (one, first), (other, second) = copies[a], copies[b]
            if one != other and (first == second or order[one] < order[other]):
                same = any({one, other} <= set(frame.items) for frame in self.repeats)
                if first == second or not same:
                    self.edges.add((one, other))

    def _last(
        self, nodes: Sequence[Node], marks: Sequence[Hashable], at: int, size: int, times: int
    ) -> dict[int, int]:
        """Of a last, shorter repetition: place in the first one -> index."""
        found: dict[int, int] = {}
        if size < 2 or times < 3:
            return found
        begin = at + size * times
        first = {node.key: place for place, node in enumerate(nodes[at : at + size])}
        for place in range(size):
            index = begin + len(found)
            if index < len(marks) and marks[index] == marks[at + place]:
                own = {nodes[i].key: p for p, i in found.items()}
                read = {own[k] for k in self.graph.before(nodes[index].key) if k in own}
                same = {first[k] for k in self.graph.before(nodes[at + place].key) if k in first}
                if read == same:
                    found[place] = index
        return found if 2 * len(found) >= size else {}

    def drawn(self) -> Graph:
        """The folded graph; a join that a single box reads is a sign at that box."""
        nodes = {key: self.graph.nodes[key] for key in self.members}
        found = Graph(nodes, set(self.edges), set(self.back))
        for node in found.ordered():
            if node.form != JOIN or any(node.key == a for a, _ in found.back):
                continue
            after = found.after(node.key)
            if not after:  # it is read by the next repetition alone
                found.drop(node.key)
            if len(after) == 1:
                (key,) = after
                alike = len(self.members[key]) == len(self.members[node.key])
                if alike and found.before(key) == {node.key} and nodes[key].form != JOIN:
                    said = (*node.also, *found.nodes[key].also)
                    found.nodes[key] = replace(found.nodes[key], sign=node.kind, also=said)
                    found.bypass(node.key)
        return found


def _repeated(marks: Sequence[Hashable], at: int) -> tuple[int, int]:
    """(length, times) of what is repeated from here on; (1, 1) where nothing is."""
    best = (1, 1)
    for size in range(1, _LONGEST + 1):
        times = 1
        while marks[at + times * size : at + (times + 1) * size] == marks[at : at + size]:
            times += 1
        if times > (2 if size == 1 else 1) and size * times > best[0] * best[1]:
            best = (size, times)
    return best


def _beside(
    nodes: Sequence[Node],
    marks: Sequence[Hashable],
    above: Mapping[ModulePath, set[ModulePath]],
    at: int,
) -> tuple[int, int]:
    """As `_repeated`, of like branches, of which none reads another, whatever their lengths."""
    best = (1, 1)
    for size in range(1, _LONGEST + 1):
        first, times = marks[at : at + size], 1
        while marks[at + times * size : at + (times + 1) * size] == first:
            copy = nodes[at + times * size : at + (times + 1) * size]
            before = {node.key for node in nodes[at : at + times * size]}
            if any(above[node.key] & before for node in copy):
                break
            times += 1
        if times > 1 and size * times > math.prod(best):
            best = (size, times)
    return best


def _frames(network: TracedNetwork, folded: _Folded, opened: Sequence[ModulePath]) -> list[Frame]:
    """Around opened modules, what is repeated, and loops; none around everything."""
    found: dict[frozenset[ModulePath], Frame] = {}
    nodes = [folded.graph.nodes[key] for key in folded.members]
    inner = [node for node in nodes if node.form in (BOX, JOIN)]
    for frame in folded.repeats:
        found[frozenset(frame.items)] = frame
    for key in opened:
        own = tuple(n.key for n in inner if (n.within or n.key)[: len(key)] == key)
        if not 1 < len(own) < len(inner):
            continue
        kind = network.calls[key].kind
        boxes = {k for k in own if folded.graph.nodes[k].form == BOX}
        for whole, frame in found.items():  # what is repeated may have joins besides
            if {k for k in whole if folded.graph.nodes[k].form == BOX} == boxes:
                own = frame.items
        old = found.get(frozenset(own))
        label = kind if old and old.times > 1 else title(key, kind)
        found[frozenset(own)] = replace(old, label=label) if old else Frame(own, label)
    for loop in dict.fromkeys(node.loop for node in inner if node.loop):
        own = tuple(node.key for node in inner if node.loop == loop)
        if len(own) > 1:
            steps = f"each of {loop[1]:,} steps" if loop[1] else "each step"
            old = found.get(frozenset(own), Frame(own, ""))
            label = f"{old.label}: {steps}" if old.label else steps
            found[frozenset(own)] = replace(old, label=label, loop=True)
    return list(found.values())


def _stem(keys: Sequence[ModulePath]) -> str:
    """'block' of block_0_in and block_0_out."""
    names = [key[-1] for key in keys if key[0]]
    if len(names) < 2:
        return ""
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*names))
    return "".join(letters[0] for letters in alike).rstrip("_0123456789")
