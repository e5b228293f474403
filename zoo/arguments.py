"""`name=value` words to the typed arguments of a config, each within the range of its field."""

from __future__ import annotations

import difflib
import inspect
import math
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from zoo import numerals
from zoo.errors import BadInput

# A seed: what JAX and NumPy both take.
_MOST = {"seed": 2**63 - 1, "samples": 2**31 - 1}
# As many networks lie upon each other: to lay out more takes minutes, to compile them days.
_MOST |= {
    name: 1024
    for name in (
        "depth",
        "ends",
        "flows",
        "layers",
        "levels",
        "lstm_layers",
        "prior_layers",
        "scales",
        "stacks",
        "teacher_layers",
        "tiers",
    )
}
TIMES = ("steps", "every", "warmup")  # parts of the names of what is done one after another
_SIZE = 2**20  # of anything else: beyond, to write its numbers down would fill the memory


@dataclass(frozen=True)
class _AtLeast:
    """The smallest value of an argument, where it is not what its default suggests."""

    least: float


# An integer whose default is above 0 must be so too, for nets of no layers or channels mean
# nothing. Where 0 leaves a part out, the config annotates its argument with this type.
OrNone = Annotated[int, _AtLeast(0)]


def parse_arguments(
    owner: str,
    parameters: Mapping[str, inspect.Parameter],
    words: Sequence[str],
    start: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments `start` of `owner`, a config's name, after `name=value` words. BadInput."""
    arguments = dict(start)
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise BadInput(f"'{word}' is not an argument: write name=value")
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=2)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise BadInput(
                f"{owner} has no argument '{name}': {hint}it has {', '.join(parameters)}"
            )
        arguments[name] = parse_value(name, text, parameters[name])
        in_range(name, arguments[name], parameters[name])
    return arguments


def in_range(name: str, value: Any, parameter: inspect.Parameter) -> None:
    """Refuses what no config can mean: NaN, infinity, numbers below the field's range."""
    default = parameter.default
    _, limit = _bare(parameter.annotation)
    if isinstance(value, tuple):
        if default and not value:
            raise BadInput(f"{name}= is empty: it takes some, like {format_value(default)}")
        smallest = min(default, default=None) if _all_numbers(default) else None
        for item in value:
            _check_number(name, item, _least(smallest, limit), default)
        return
    _check_number(name, value, _least(default, limit), default)


def _check_number(name: str, value: Any, smallest: float | None, default: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if not math.isfinite(value):
        raise BadInput(f"{name}={value} must be a finite number")
    if isinstance(value, int) and value > _most(name, default):
        raise BadInput(f"{name}={value} is too much: at most {_most(name, default)}")
    if smallest is not None and value < smallest:
        usual: dict[float, str] = {0: "0 or above", 1: "above 0"}
        wanted = usual.get(smallest, f"at least {smallest}")
        raise BadInput(f"{name}={value} must be {wanted}, like {format_value(default)}")


def _most(name: str, default: Any) -> int:
    """The largest value of an integer argument, also of one among several."""
    usual = max(default, default=0) if isinstance(default, tuple) else default
    small = not isinstance(usual, (int, float)) or usual <= _SIZE
    many = 2**31 - 1 if any(word in name for word in TIMES) or not small else _SIZE
    return _MOST.get(name, many)


def _least(default: Any, limit: _AtLeast | None) -> float | None:
    """The smallest value that goes with a default: 1 for counts, 0 for other numbers."""
    if limit:
        return limit.least
    if isinstance(default, bool) or not isinstance(default, (int, float)) or default < 0:
        return None
    return 1 if isinstance(default, int) and default > 0 else 0


def _bare(annotation: Any) -> tuple[Any, _AtLeast | None]:
    """(type, range) of an annotation that may be Annotated."""
    if typing.get_origin(annotation) is not Annotated:
        return annotation, None
    kind, *extra = typing.get_args(annotation)
    return kind, next((item for item in extra if isinstance(item, _AtLeast)), None)


def _all_numbers(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(v, (int, float)) for v in values)


def parse_value(name: str, text: str, parameter: inspect.Parameter) -> Any:
    """A value written as text, in the type of the parameter's default or annotation."""
    if typing.get_origin(parameter.annotation) is typing.Literal:
        return _one_of(name, text, typing.get_args(parameter.annotation))
    kinds = _kinds_of(parameter)
    if name == "path" and not text.strip():  # which would be the current folder
        raise BadInput("path= is empty: name the folder of the data, . for this one")
    if text.lower() == "none" and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            value = CONVERT[kind](text, parameter)
        except (KeyError, ValueError, OverflowError):
            continue
        if kind is not tuple or _fits(value, parameter.annotation):
            return value
    wanted = " or ".join(_WORDS.get(k, str(k)) for k in kinds if k is not type(None))
    nothing = parameter.default in (None, ())
    like = "" if nothing else f", like {format_value(parameter.default)}"
    raise BadInput(f"{name}={text} does not fit: it takes {wanted}{like}")


def _kinds_of(parameter: inspect.Parameter) -> tuple:
    """The types that an argument takes, by its annotation, else by its default."""
    annotation, _ = _bare(parameter.annotation)
    if annotation is inspect.Parameter.empty:
        return (type(parameter.default),)
    if typing.get_origin(annotation) is tuple:
        return (tuple,)
    return typing.get_args(annotation) or (annotation,)


def stored(name: str, value: Any, parameter: inspect.Parameter) -> Any:
    """An argument's value as a file has it (lists for tuples), refused where no text gives it."""
    if isinstance(value, list):
        value = tuple(value)
    kinds = _kinds_of(parameter)
    if value == parameter.default and type(value) is type(parameter.default):
        return value
    if typing.get_origin(parameter.annotation) is typing.Literal:
        return _one_of(name, str(value), kinds)
    if not any(_is(value, kind) for kind in kinds) or (
        isinstance(value, tuple) and not _alike(value, parameter)
    ):
        wanted = " or ".join(_WORDS.get(k, str(k)) for k in kinds if k is not type(None))
        raise BadInput(f"{name}={str(value)[:60]} does not fit: it takes {wanted}")
    in_range(name, value, parameter)
    return float(value) if float in kinds and int not in kinds and _is(value, float) else value


def _is(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is of that type: a number without fraction is a float, too."""
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind


def _alike(values: tuple, parameter: inspect.Parameter) -> bool:
    kind = _kind_of_items(parameter)
    return all(_is(item, kind) for item in values) and _fits(values, parameter.annotation)


def _kind_of_items(parameter: inspect.Parameter) -> type:
    """The type of a tuple's items: of its default's first, else by its annotation, else text."""
    if isinstance(parameter.default, tuple) and parameter.default:
        return type(parameter.default[0])
    named = [kind for kind in typing.get_args(parameter.annotation) if isinstance(kind, type)]
    return named[0] if named else str


def _fits(values: tuple, annotation: Any) -> bool:
    """Whether there are as many values as a tuple's annotation has, where it counts them."""
    counted = typing.get_args(annotation)
    return not counted or ... in counted or len(values) == len(counted)


def format_value(value: Any) -> str:
    """A value as it is written after `name=`."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _one_of(name: str, text: str, values: tuple) -> Any:
    """The member of `values` that is written like that."""
    for value in values:
        if str(value) == text:
            return value
    raise BadInput(f"{name}={text} is unknown: choose {', '.join(map(str, values))}")


def _boolean(text: str, _: Any) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
            text.lower()
        ]
    except KeyError:
        raise ValueError from None


def _whole(text: str, _: Any) -> int:
    """Integers may be written 5_000 or 2e5."""
    return numerals.integer(text)


def _several(text: str, parameter: inspect.Parameter) -> tuple:
    """A tuple written 1,2,3, or (1, 2, 3)."""
    convert = CONVERT[_kind_of_items(parameter)]
    return tuple(convert(t.strip(), parameter) for t in text.strip("()").split(",") if t.strip())


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: "values with commas between them",
}
CONVERT: dict[type, Callable[[str, Any], Any]] = {
    bool: _boolean,
    int: _whole,
    float: lambda text, _: numerals.real(text),
    str: lambda text, _: text,
    tuple: _several,
}
