"""An experiment of real objects, and how a config file and `name=value` arguments become one."""

from __future__ import annotations

import difflib
import importlib.resources
import importlib.util
import inspect
import math
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import optax

from zoo.data.pipeline import Data
from zoo.errors import BadInput
from zoo.evaluation.base import Evaluation
from zoo.objectives.base import Objective
from zoo.training.plateau import Plateau

TASKS = ("classification", "separation", "generation")


@dataclass(frozen=True)
class Experiment:
    """Everything a row of a paper needs; the return value of a config.

    batch: examples of the global batch, over all devices and hosts. ema_decay: of the exponential
    moving average (EMA) of the weights, 0 for none. accumulate: pieces of a batch whose gradients
    are averaged.
    initial: for a player or frozen network, a run directory or published weights to start from.
    """

    data: Data
    objective: Objective
    optimizers: dict[str, optax.GradientTransformation]
    evaluation: Evaluation
    batch: int
    steps: int
    seed: int = 0
    ema_decay: float = 0.0
    accumulate: int = 1
    fsdp: int = 1
    plateau: Plateau | None = None
    log_every: int = 10
    evaluate_every: int = 1000
    evaluate_limit: int | None = None  # records of the validation split that are scored; None: all
    save_every: int = 500
    initial: Mapping[str, str] = field(default_factory=dict)


# What any run may need and no paper prescribes: arguments of every config, whatever it takes.
EVERYWHERE = {
    f.name: inspect.Parameter(
        f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=int
    )
    for f in fields(Experiment)
    if f.name in ("seed", "accumulate", "fsdp")
}


@dataclass(frozen=True)
class Config:
    """A config file: its name, wing and documentation, and the function that makes experiments."""

    name: str
    path: Path
    task: str
    module: ModuleType

    @property
    def paper(self) -> dict[str, Any]:
        return getattr(self.module, "PAPER", {})

    @property
    def agrees(self) -> dict[str, str]:
        """What outside this project agrees with the system, by the test that shows it."""
        return getattr(self.module, "AGREES", {})

    @property
    def smoke(self) -> dict[str, Any]:
        return getattr(self.module, "SMOKE", {})

    @property
    def title(self) -> str:
        return (self.module.__doc__ or "").strip().splitlines()[0]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The config's arguments, and those of EVERYWHERE that it does not take itself."""
        own = inspect.signature(self.module.config, eval_str=True).parameters
        return {**own, **{k: v for k, v in EVERYWHERE.items() if k not in own}}

    @property
    def defaults(self) -> dict[str, Any]:
        return {name: p.default for name, p in self.parameters.items()}

    def experiment(self, **arguments: Any) -> Experiment:
        own = inspect.signature(self.module.config).parameters
        shared = {k: v for k, v in arguments.items() if k in EVERYWHERE and k not in own}
        own = {k: v for k, v in arguments.items() if k not in shared}
        try:
            made = self.module.config(**own)
        except ArithmeticError as error:
            defaults = self.defaults
            given = ", ".join(f"{k}={written(v)}" for k, v in own.items() if v != defaults[k])
            if not given:
                raise
            raise BadInput(f"{self.name} cannot be built with {given}: {error}") from error
        changed = {k: v for k, v in shared.items() if v != EVERYWHERE[k].default}
        return replace(made, **changed) if changed else made


def folder() -> Path:
    """Where the configs stand: inside the installed package, or beside it in a clone."""
    beside = Path(__file__).parent.parent / "configs"
    if (beside / "classification").is_dir():
        return beside
    return Path(str(importlib.resources.files("zoo"))) / "configs"


def names() -> dict[str, Path]:
    """Every config of the zoo: its name and its file."""
    files = sorted(p for task in TASKS for p in (folder() / task).glob("*.py"))
    return {p.stem: p for p in files if p.stem != "__init__"}


def find(name: str) -> Config:
    """The config of that name or file. Raises BadInput with the nearest names."""
    known = names()
    path = known.get(name)
    if path is None and (name.endswith(".py") or os.sep in name):
        path = Path(name).expanduser()
        if path.suffix != ".py":
            raise BadInput(f"--config {name}: give the name of a config, or a .py file")
        if not path.is_file():
            raise BadInput(f"no config file {name}; `python -m zoo list` shows the names")
    if path is None:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "none has a similar name;"
        raise BadInput(f"no config named '{name}': {hint} `python -m zoo list` shows all")
    spec = importlib.util.spec_from_file_location(f"zoo_config_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, "config", None)):
        raise BadInput(f"{path} has no function `config(...)` that returns an Experiment")
    for argument, parameter in inspect.signature(module.config).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            raise BadInput(f"{path}: the argument '{argument}' of config(...) needs a default")
    task = path.parent.name if path.parent.name in TASKS else "own"
    return Config(path.stem, path.resolve(), task, module)


def parse(
    config: Config, words: Sequence[str], start: dict[str, Any] | None = None
) -> dict[str, Any]:
    """All arguments of a config, or those of `start`, after `name=value` words."""
    parameters = config.parameters
    arguments = dict(config.defaults if start is None else start)
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise BadInput(f"'{word}' is not an argument: write name=value")
        if name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=2)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise BadInput(
                f"{config.name} has no argument '{name}': {hint}it has {', '.join(parameters)}"
            )
        arguments[name] = typed(name, text, parameters[name])
        in_range(name, arguments[name], parameters[name].default)
    return arguments


# None of these makes nothing; of others, as `lstm_layers` or `shuffle`, 0 may leave a part out.
COUNTS = (
    "accumulate", "batch", "bins", "code_width", "codes", "discriminator_turns",
    "discriminator_width", "depth", "dim", "embedding", "encoder", "features", "filters", "flows",
    "frames", "fsdp", "gate", "gru", "harmonics", "hidden", "hop", "iterations", "layers", "most",
    "n_fft", "prior_layers", "prior_width", "rank", "recurrent", "samples", "scales", "skip",
    "stacks", "steps", "taps", "teacher_gate", "teacher_layers", "teacher_skip", "teacher_width",
    "tiers", "width", "window",
)  # fmt: skip
# A seed: what JAX and NumPy both take; of anything else less makes sense.
MOST = {"seed": 2**63 - 1, "batch": 2**20}


def in_range(name: str, value: Any, default: Any) -> None:
    """Refuses what no config can mean: NaN, infinity, a number below zero, a batch of nothing."""
    if isinstance(value, tuple):
        if default and not value:
            raise BadInput(f"{name}= is empty: it takes some, like {written(default)}")
        for item in value:
            in_range(name, item, max(default, default=None))
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    if not math.isfinite(value):
        raise BadInput(f"{name}={value} must be a finite number")
    if isinstance(value, int) and value > MOST.get(name, 2**31 - 1):
        raise BadInput(f"{name}={value} is too much: at most {MOST.get(name, 2**31 - 1)}")
    if not isinstance(default, (int, float)) or default < 0:
        return
    if value < 0 or (value == 0 and name in COUNTS and default):
        least = "above 0" if name in COUNTS and default else "0 or above"
        raise BadInput(f"{name}={value} must be {least}, like {written(default)}")


def typed(name: str, text: str, parameter: inspect.Parameter) -> Any:
    """A value written as text, in the type of the parameter's default or annotation."""
    if typing.get_origin(parameter.annotation) is typing.Literal:
        return one_of(name, text, typing.get_args(parameter.annotation))
    kinds: tuple = (type(parameter.default),)
    if parameter.annotation is not inspect.Parameter.empty:
        annotation = parameter.annotation
        kinds = typing.get_args(annotation) or (annotation,)
        if typing.get_origin(annotation) is tuple:
            kinds = (tuple,)
    if text.lower() == "none" and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            value = CONVERT[kind](text, parameter.default)
        except (KeyError, ValueError, OverflowError):
            continue
        if kind is not tuple or fits(value, parameter.annotation):
            return value
    wanted = " or ".join(WORDS.get(k, str(k)) for k in kinds if k is not type(None))
    like = "" if parameter.default is None else f", like {written(parameter.default)}"
    raise BadInput(f"{name}={text} does not fit: it takes {wanted}{like}")


def fits(values: tuple, annotation: Any) -> bool:
    """Whether there are as many values as a tuple's annotation has, where it counts them."""
    counted = typing.get_args(annotation)
    return not counted or ... in counted or len(values) == len(counted)


def written(value: Any) -> str:
    """A value as it is written after `name=`."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_of(name: str, text: str, values: tuple) -> Any:
    """The member of `values` that is written like that."""
    for value in values:
        if str(value) == text:
            return value
    raise BadInput(f"{name}={text} is unknown: choose {', '.join(map(str, values))}")


def boolean(text: str, _: Any) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
            text.lower()
        ]
    except KeyError:
        raise ValueError from None


def whole(text: str, _: Any) -> int:
    """Integers may be written 5_000 or 2e5."""
    number = float(text) if "e" in text.lower() else int(text)
    if number != int(number):
        raise ValueError
    return int(number)


def several(text: str, default: Any) -> tuple:
    """A tuple written 1,2,3; its items in the type of the default's first."""
    kind = type(default[0]) if default else str
    return tuple(CONVERT[kind](t.strip(), None) for t in text.strip("()").split(",") if t.strip())


WORDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text",
    tuple: "values with commas between them",
}  # fmt: skip
CONVERT: dict[type, Callable[[str, Any], Any]] = {
    bool: boolean,
    int: whole,
    float: lambda text, _: float(text),
    str: lambda text, _: text,
    tuple: several,
}
