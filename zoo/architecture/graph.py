"""Boxes and what flows between them: a graph, and what makes it plain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from zoo.architecture.tracing import Call, ModulePath

GIVEN, BOX, JOIN, RESULT = "given", "box", "join", "result"


@dataclass(frozen=True)
class Node:
    """order: when it first computes. loop: (which, how often), where it is part of one."""

    key: ModulePath
    form: str
    kind: str
    made: tuple[int, ...] = ()
    parameters: int = 0
    order: int = 0
    call: Call | None = None
    loop: tuple[int, int] | None = None
    also: tuple[str, ...] = ()  # kinds of what was drawn into it: norms
    within: ModulePath = ()  # of a join: the module that joins
    sign: str = ""  # how what it reads is joined


@dataclass
class Graph:
    """Nodes, and edges (from, to). back: from one round of a loop to the next."""

    nodes: dict[ModulePath, Node] = field(default_factory=dict)
    edges: set[tuple[ModulePath, ModulePath]] = field(default_factory=set)
    back: set[tuple[ModulePath, ModulePath]] = field(default_factory=set)

    def before(self, key: ModulePath) -> set[ModulePath]:
        return {a for a, b in self.edges if b == key}

    def after(self, key: ModulePath) -> set[ModulePath]:
        return {b for a, b in self.edges if a == key}

    def drop(self, key: ModulePath) -> None:
        del self.nodes[key]
        self.edges = {(a, b) for a, b in self.edges if key not in (a, b)}
        self.back = {(a, b) for a, b in self.back if key not in (a, b)}

    def bypass(self, key: ModulePath) -> None:
        """Without a node: what came into it goes where it went."""
        before, after = self.before(key), self.after(key)
        late = {(a, end) for a, b in self.back if b == key for end in after}
        late |= {(start, b) for a, b in self.back if a == key for start in before}
        past = {(a, b) for a in before for b in after if a != b}
        self.drop(key)
        self.edges |= past
        self.back |= {(a, b) for a, b in late if a != b}

    def ordered(self) -> list[Node]:
        """Each behind what it reads, else as they first compute."""
        left, done = dict(self.nodes), []
        while left:
            waiting = {b for a, b in self.edges if a in left}
            free = [node for key, node in left.items() if key not in waiting]
            done.append(min(free or left.values(), key=lambda node: node.order))
            del left[done[-1].key]
        return done


def simplify_graph(graph: Graph) -> Graph:
    """The same graph, changed in place: without what leads nowhere, one join for several."""
    _prune(graph)
    _join(graph)
    _absorb(graph)
    _turn_back(graph)
    return graph


def turning(graph: Graph) -> set[ModulePath]:
    """The nodes that read what is made of what they gave."""
    left = set(graph.nodes)
    while True:
        ends = {b for a, b in graph.edges if a in left and b in left}
        starts = {a for a, b in graph.edges if a in left and b in left}
        if left == ends & starts:
            return left
        left = ends & starts


def _prune(graph: Graph) -> None:
    """Leaves out what leads nowhere, and what neither reads anything nor has parameters."""
    while True:
        leads = {a for a, _ in graph.edges}
        fed = {b for _, b in graph.edges}
        idle = [
            key
            for key, node in graph.nodes.items()
            if node.form != RESULT
            if (key not in leads and not (node.form == BOX and node.parameters))
            or (node.form == BOX and key not in fed and not node.parameters)
            or (node.form == JOIN and key not in fed)
        ]
        if not idle:
            return
        for key in idle:
            graph.drop(key)


def _join(graph: Graph) -> None:
    """Joins whose only reader is a join become one with it, those of one input nothing."""
    changed = True
    while changed:
        changed = False
        for key, node in list(graph.nodes.items()):
            if node.form != JOIN:
                continue
            after = graph.after(key)
            if len(graph.before(key)) + sum(b == key for _, b in graph.back) < 2:
                graph.bypass(key)
                changed = True
            elif len(after) == 1 and not any(key == a for a, _ in graph.back):
                (other,) = after
                next_one = graph.nodes[other]
                if next_one.form == JOIN and (node.kind == "‖") == (next_one.kind == "‖"):
                    signs = next_one.kind or node.kind
                    graph.nodes[other] = replace(next_one, kind=signs)
                    graph.bypass(key)
                    changed = True


def _turn_back(graph: Graph) -> None:
    """What a module reads that is made of what it gave, where it is called again, is a way back."""
    place = {node.key: n for n, node in enumerate(graph.ordered())}
    late = {(a, b) for a, b in graph.edges if place[a] > place[b]}
    graph.edges -= late
    graph.back |= late


def _absorb(graph: Graph) -> None:
    """Norms become part of the box before or behind them, where that is the only one."""
    for node in graph.ordered():
        if not (node.form == BOX and "norm" in node.kind.lower() and node.call):
            continue
        before, after = graph.before(node.key), graph.after(node.key)
        near = [
            key
            for side, back in ((before, graph.after), (after, graph.before))
            if len(side) == 1
            for key in side
            if back(key) == {node.key} and (graph.nodes[key].call or graph.nodes[key].form == JOIN)
        ]
        if near:
            box = graph.nodes[near[0]]
            more = box.parameters + node.parameters
            graph.nodes[near[0]] = replace(box, parameters=more, also=(*box.also, node.kind))
            graph.bypass(node.key)
