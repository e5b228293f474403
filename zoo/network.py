"""What objectives and samplers ask of a network: the pure half of a linen module."""

from __future__ import annotations

from typing import Any, Protocol


class Network(Protocol):
    """A linen module as a function of its variables; all of its other attributes are its own.

    Flax declares that `apply` returns an output or a pair, by `mutable`: here it is what it is.
    """

    def init(self, rngs: Any, *args: Any, **given: Any) -> Any:
        """Variables: {'params': ..., collection: ...}."""

    def apply(self, variables: Any, *args: Any, **given: Any) -> Any:
        """The output; with `mutable`, (output, the collections that changed)."""

    def __getattr__(self, name: str) -> Any: ...
