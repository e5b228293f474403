"""How parts of a network are called, and what like ones have in common."""

from __future__ import annotations

import re
from typing import Any

from zoo.architecture.graph import BOX, JOIN, Node
from zoo.architecture.tracing import ModulePath

_SIZES = {  # fields of modules that say how they compute, and how that is said
    "kernel_size": "{} taps",
    "kernel": "{} taps",
    "taps": "{} taps",
    "stride": "stride {}",
    "strides": "stride {}",
    "groups": "{} groups",
    "heads": "{} heads",
    "dilation": "dilation {}",
    "bidirectional": "both ways",
}
VARIES = ("dilation",)  # from one like box to the next


def node_signature(node: Node, exact: bool) -> tuple[Any, ...]:
    """What like nodes have in common. exact: also the shape that they give."""
    if node.form != BOX:
        return (node.form, node.kind, *node.also) if node.form == JOIN else node.key
    how = tuple(text for name, text in sizes(node).items() if name not in VARIES)
    made = node.made if exact else len(node.made)
    return (module_name(node), node.kind, node.also, node.parameters, how, made)


def module_name(node: Node) -> str:
    """The name of its module, without the number that it has among others."""
    return re.sub(r"_?\d+", "", node.key[-1]).replace("_", " ").strip()


def sizes(node: Node) -> dict[str, str]:
    """How a module computes, by its field: '15 taps', 'stride 4'."""
    fields = node.call.fields if node.call and node.kind == node.call.kind else {}
    said = {}
    for name, text in _SIZES.items():
        value = fields.get(name)
        if isinstance(value, tuple | list) and value and all(isinstance(v, int) for v in value):
            value = value[0] if len(value) == 1 else "×".join(map(str, value))
        if isinstance(value, int | str) and value not in (1, False, 0, "1×1", "1×1×1"):
            said[name] = text.format(value)
    return said


def title(key: ModulePath, kind: str) -> str:
    """A module by its name and class: 'down 1, Filters'; by the class where Flax named it."""
    name = key[-1]
    if not key[0] or name.endswith("()") or name.rpartition("_")[0] == kind:
        return kind.replace("_", " ")
    return f"{name.replace('_', ' ')}, {kind}"
