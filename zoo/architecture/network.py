"""The network of a player as a graph of boxes, out of traced operations."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from zoo.architecture.graph import BOX, GIVEN, JOIN, RESULT, Graph, Node, simplify_graph, turning
from zoo.architecture.tracing import CARRY, Call, ModulePath, Operation, Traced, roots

_NOISE: ModulePath = ("", "noise")  # that the objective draws
_SIGNS = {  # of what joins values that come from several boxes
    "add": "+",
    "add_any": "+",
    "sub": "−",
    "mul": "×",
    "div": "÷",
    "dot_general": "×",
    "concatenate": "‖",
    "select_n": "|",
}


class TracedNetwork:
    """The calls of one player: its modules as a tree, of which any level can be drawn."""

    def __init__(self, traced: Traced, player: str) -> None:
        self.traced = traced
        own = [(n, call) for n, call in roots(traced.calls) if call.path[0] == player]
        whole = [pair for pair in own if pair[1].method == "__call__"][:1]
        self.chosen = whole or own
        self.roots = {call.root for _, call in self.chosen}
        self.top: ModulePath = (player,)
        self.keys = self._keys()
        self.calls: dict[ModulePath, Call] = {}
        for number, key in self.keys.items():
            self.calls.setdefault(key, traced.calls[number])
        self.children: dict[ModulePath, list[ModulePath]] = defaultdict(list)
        for key in self.calls:
            if key != self.top:
                self.children[self._parent(key)].append(key)

    def _keys(self) -> dict[int, ModulePath]:
        """The node of the tree that each call belongs to.

        A module is one; so is a method of the player's own module that calls no module itself and
        is called once.
        """
        calls = self.traced.calls
        inner = {c.outer for c in calls if c.outer is not None}
        often = Counter((c.path, c.method) for c in calls if c.root in self.roots)
        keys: dict[int, ModulePath] = {}
        for number, call in enumerate(calls):
            if call.root not in self.roots:
                continue
            again = call.outer is not None and calls[call.outer].path == call.path
            alone = number not in inner and often[call.path, call.method] == 1
            if again and len(call.path) == 1 and alone and call.made:
                keys[number] = (*call.path, call.method + "()")
            elif again:
                keys[number] = keys[call.outer]  # type: ignore[index]
            else:
                keys[number] = call.path
        return keys

    def _parent(self, key: ModulePath) -> ModulePath:
        return next(key[:n] for n in range(len(key) - 1, 0, -1) if key[:n] in self.calls)

    def graph(self, shown: Iterable[ModulePath]) -> Graph:
        """With a box for each node of `shown`, none of which lies within another."""
        shown = set(shown)
        found = _Flow(self, shown).graph()
        # Modules that call others in between, and have no parameters, are what joins these.
        if between := {key for key in turning(found) if not found.nodes[key].parameters}:
            found = _Flow(self, shown - between).graph()
        return simplify_graph(found)

    def live(self) -> set[int]:
        """The operations, by number, that what the player gives is made of."""
        traced = self.traced
        outputs = [v for n, _ in self.chosen[-1:] for v in traced.outputs.get(n, ())]
        wanted, found, before = set(outputs), set[int](), -1
        while len(wanted) != before:
            before = len(wanted)
            for number in reversed(range(len(traced.operations))):
                operation = traced.operations[number]
                if number not in found and wanted.intersection(operation.makes):
                    found.add(number)
                    wanted.update(operation.reads)
            wanted |= {traced.carried[value] for value in wanted & traced.carried.keys()}
        return found


class _Flow:
    """Follows values: which node each one comes from."""

    def __init__(self, network: TracedNetwork, shown: set[ModulePath]) -> None:
        self.network, self.shown, self.found = network, shown, Graph()
        self.source: dict[int, ModulePath | None] = {}
        self.owners = {number: self._shown(key) for number, key in network.keys.items()}

    def _shown(self, key: ModulePath) -> ModulePath | None:
        return next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.shown), None)

    def graph(self) -> Graph:
        traced, network = self.network.traced, self.network
        for name, value in traced.inputs.items():
            if not name.endswith("known"):  # where examples are filled up
                key = ("", name)
                self.found.nodes[key] = Node(key, GIVEN, name, traced.shapes[name], order=-1)
                self.source[value] = key
        for order in sorted(network.live()):
            operation = traced.operations[order]
            call = operation.call
            owner = None if call is None else self.owners.get(call) or self._other(call, order)
            sources = {s for value in operation.reads if (s := self.source.get(value))}
            if operation.name == CARRY and not sources:
                made: ModulePath | None = ("", CARRY, str(operation.makes[0]))
            elif operation.name == "random_bits" and call is None:
                made = _NOISE
                self.found.nodes[_NOISE] = Node(_NOISE, GIVEN, "noise", order=-1)
            else:
                made = self._made(owner, operation, sources, order)
            self.source.update(dict.fromkeys(operation.makes, made))
        for number, root in network.chosen[-1:]:
            key = ("", "result")
            sources = {s for v in traced.outputs.get(number, ()) if (s := self.source.get(v))}
            self.found.nodes[key] = Node(key, RESULT, "", root.made, order=1 << 60)
            self.found.edges |= {(s, key) for s in _last(self.found, sources)}
        self._return()
        return self.found

    def _other(self, number: int, order: int) -> ModulePath | None:
        """The box of another player, where this one works on what it gives."""
        calls = self.network.traced.calls
        call = calls[number]
        player = call.path[0]
        if player == self.network.top[0]:
            return None
        while call.outer is not None:
            call = calls[call.outer]
        key = ("", "player", player)
        kind = f"the {call.kind if player == 'model' else player}"
        self.found.nodes.setdefault(key, Node(key, BOX, kind, call.made, order=order))
        return key

    def _return(self) -> None:
        """What rounds of loops hand on comes from where the round before made it."""
        for begin, end in self.network.traced.carried.items():
            key, source = ("", CARRY, str(begin)), self.source.get(end)
            readers = self.found.after(key)
            self.found.edges -= {(key, reader) for reader in readers}
            if source in self.found.nodes:
                self.found.back |= {(source, reader) for reader in readers if reader != source}

    def _made(
        self, owner: ModulePath | None, operation: Operation, sources: set[ModulePath], order: int
    ) -> ModulePath | None:
        if owner is None and operation.name.startswith("fft ") and sources:
            kind = "inverse " if operation.name.endswith(("IFFT", "IRFFT")) else ""
            owner = ("", f"{kind}fft", *sorted(sources)[0])
            node = Node(owner, BOX, f"{kind}Fourier transform", order=order)
            self.found.nodes.setdefault(owner, node)
        if owner is None:
            if len(sources) < 2:
                return next(iter(sources), None)
            key = ("", "join", *("/".join(s) for s in sorted(sources)))
            sign = _SIGNS.get(operation.name, "")
            old = self.found.nodes.get(key)
            if old is None or (not old.kind and sign):
                order = old.order if old else order
                within = self.network.keys[operation.call] if operation.call is not None else ()
                self.found.nodes[key] = Node(
                    key, JOIN, sign, order=order, loop=operation.loop, within=within
                )
            self.found.edges |= {(s, key) for s in sources}
            return key
        read = {v for v in operation.reads if v in self.network.traced.parameters}
        if owner not in self.found.nodes:
            if not (sources or read):  # a constant
                return None
            call = self.network.calls[owner]
            kind = owner[-1].removesuffix("()").strip("_") if owner[-1].endswith("()") else ""
            sizes = call.made, 0 if kind else call.parameters
            self.found.nodes[owner] = Node(
                owner, BOX, kind or call.kind, *sizes, order, call, operation.loop
            )
        node = self.found.nodes[owner]
        if owner[-1].endswith("()"):
            more = sum(self.network.traced.parameters[v] for v in read)
            self.found.nodes[owner] = replace(node, parameters=node.parameters + more)
        self.found.edges |= {(s, owner) for s in sources if s != owner}
        return owner


def _last(graph: Graph, sources: set[ModulePath]) -> set[ModulePath]:
    """Of sources those that none of the others comes from."""
    above: set[ModulePath] = set()
    for one in sources:
        waiting = list(graph.before(one))
        while waiting:
            key = waiting.pop()
            if key not in above:
                above.add(key)
                waiting += graph.before(key)
    return (sources - above) or sources
