"""What a test compares with that others made, and whether every claim of a config was shown.

A config's AGREES names files of tests and, in words, what they agree with. Whether that is so is
seen by running: a file shows a kind when a test of that kind in it has passed. Its kind is read off
the test itself: the fixture it asks for, the libraries that its code reaches, its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

# Words of a claim -> the kind of test that shows it. "module" runs code that others published.
WORDS = {
    "published weights": "published weights",
    "parameter count": "parameter count",
    "module": "module",
    "own twin": "torch",
    "librosa": "librosa",
    "SciPy": "scipy",
    "ONNX": "onnxruntime",
    "nnAudio": "nnAudio",
    "scikit-learn": "sklearn",
    "kymatio": "kymatio",
    "mir_eval": "mir_eval",
    "museval": "museval",
}
COUNTED = re.compile(r"parameter|size|count|large")


def claimed(what: str) -> set[str]:
    """The kinds that the words of a claim name; none where they name nothing known."""
    return {kind for word, kind in WORDS.items() if word in what}


def kinds(
    test: Callable, fixtures: Mapping[str, Callable] | None = None, values: Any = ()
) -> set[str]:
    """What a test shows if it passes. fixtures: it asks for, by name; values: of its parameters."""
    fixtures = fixtures or {}
    places = set().union(*(reached(code) for code in (test, *fixtures.values())))
    found = {place.partition(".")[0] for place in places} & set(WORDS.values())
    if test.__name__.startswith("test_published_"):
        found.add("published weights")
    if "published_modules" in fixtures:
        found.add("module")
    numbers = [*constants(test.__code__), *flat(values)]
    if COUNTED.search(test.__name__) and any(type(n) is int and n > 999 for n in numbers):
        found.add("parameter count")
    return found


def reached(function: Callable, seen: set[int] | None = None) -> set[str]:
    """Names of the modules that a function's code uses, by itself or through its own file's."""
    seen = set() if seen is None else seen
    place, found = getattr(function, "__globals__", {}), set()
    if id(function) in seen or not isinstance(function, FunctionType):
        return found
    seen.add(id(function))
    for name in names(function.__code__):
        value = place.get(name)
        if isinstance(value, ModuleType):
            found.add(value.__name__)
        elif isinstance(value, type) or callable(value):
            found.add(str(getattr(value, "__module__", "")))
        found |= reached(value, seen)
        if isinstance(value, dict | list | tuple):
            for inner in flat(value):
                found |= {str(getattr(inner, "__module__", ""))} if callable(inner) else set()
                found |= reached(inner, seen)
    return found | imported(function.__code__)


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


def names(code: CodeType) -> set[str]:
    return {name for one in codes(code) for name in one.co_names}


def constants(code: CodeType) -> Iterator[Any]:
    for one in codes(code):
        yield from flat(c for c in one.co_consts if not isinstance(c, CodeType))


def imported(code: CodeType) -> set[str]:
    """Modules that a function imports itself, by `import`, pytest.importorskip or its spec."""
    known = set(WORDS.values())
    texts = {c for c in constants(code) if isinstance(c, str)}
    skips = texts if {"importorskip", "find_spec"} & names(code) else set()
    return {name.partition(".")[0] for name in names(code) | skips} & known


def flat(values: Any) -> Iterator[Any]:
    if isinstance(values, Mapping):
        values = values.values()
    elif isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        yield values
        return
    try:
        parts = list(values)
    except TypeError:
        return
    for value in parts:
        if isinstance(value, Mapping | list | tuple):
            yield from flat(value)
        else:
            yield value


def unshown(
    claims: Mapping[str, set[str]], shown: Mapping[str, set[str]], ran: Iterable[str]
) -> dict[str, set[str]]:
    """File -> the kinds claimed of it that no passed test has shown, of the files that ran."""
    missing = {file: claims[file] - shown.get(file, set()) for file in ran if file in claims}
    return {file: kinds for file, kinds in missing.items() if kinds}
