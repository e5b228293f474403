"""Floating-point operations of a function, counted without running it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax.extend import core


def count_flops(function: Callable[..., Any], *args: Any) -> tuple[float, bool]:
    """(FLOPs of one call with arguments of these shapes, whether all loops have a known length).

    XLA counts what is in a loop once. Here a loop of known length counts as often as it runs; one
    that runs until something is true, whose rounds are unknown, still once.
    """
    return count_jaxpr_flops(jax.make_jaxpr(function)(*args))


def count_jaxpr_flops(program: core.ClosedJaxpr) -> tuple[float, bool]:
    """As `count_flops`, of a program that was traced."""
    total, known = _once(program), True
    for loop in _loops(program.jaxpr):
        if loop.primitive.name == "while":
            known = False
            continue
        body = loop.params["jaxpr"]
        inside, certain = count_jaxpr_flops(body)
        total += loop.params["length"] * inside - _once(body)
        known = known and certain
    return total, known


def _once(program: core.ClosedJaxpr) -> float:
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in program.jaxpr.invars]
    lowered = jax.jit(core.jaxpr_as_fun(program)).lower(*shapes)
    return (lowered.cost_analysis() or {}).get("flops", 0.0)


def _loops(program: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """The outermost loops, however deep in calls of functions."""
    for equation in program.eqns:
        if equation.primitive.name in ("scan", "while"):
            yield equation
            continue
        for part in jax.tree.leaves(equation.params, is_leaf=_is_program):
            if _is_program(part):
                yield from _loops(part.jaxpr if isinstance(part, core.ClosedJaxpr) else part)


def _is_program(part: Any) -> bool:
    return isinstance(part, core.Jaxpr | core.ClosedJaxpr)
