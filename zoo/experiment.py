"""An experiment of real objects, and how a config file becomes one."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import optax

from zoo import arguments, catalog
from zoo.commands import command_name
from zoo.data.completeness import allowing
from zoo.data.pipeline import Data, Feed
from zoo.data.source import Source
from zoo.errors import BadInput
from zoo.evaluation.base import Evaluation, Monitor
from zoo.objectives.base import Objective
from zoo.training.optimizers import clipped
from zoo.training.stages import Stage


@dataclass(frozen=True)
class Experiment:
    """Everything a row of a paper needs; the return value of a config.

    batch: examples of the global batch, over all devices and hosts. ema_decay: of the exponential
    moving average (EMA) of the weights, 0 for none. accumulate: pieces of a batch whose gradients
    are averaged. stages: what changes on the way (zoo/training/stages.py). early_stopping:
    evaluations without a better score that end the run. standing_batches: training batches from
    which the averaged weights get batch statistics of their own. remat: compute cheap activations
    again on the way back. monitor: what "best" means, if not the evaluation's own; ("loss", "min")
    is the loss of the objective on the validation split. test: the protocol of the final test,
    where validation has a cheaper one; test_source: its records, where a paper scores in another
    domain than the model's, as separators at the rate and channels of the songs. initial: for a
    player or frozen network, a run directory or published weights to start from.
    """

    data: Feed
    objective: Objective
    optimizers: dict[str, optax.GradientTransformation]
    evaluation: Evaluation
    batch: int
    steps: int
    seed: int = 0
    ema_decay: float = 0.0
    accumulate: int = 1
    fsdp: int = 1
    stages: tuple[Stage, ...] = ()
    early_stopping: int | None = None
    standing_batches: int = 0
    remat: bool = False
    monitor: Monitor | None = None
    test: Evaluation | None = None
    test_source: Source | None = None
    log_every: int = 10
    evaluate_every: int = 1000
    evaluate_limit: int | None = None  # records of the validation split that are scored; None: all
    save_every: int = 500
    initial: Mapping[str, str] = field(default_factory=dict)

    @property
    def monitored(self) -> Monitor:
        """The validation score that chooses the best weights, and 'max' or 'min'."""
        return self.monitor or self.evaluation.monitor

    def scored_on(self, split: str) -> tuple[Evaluation, Source]:
        """The protocol of a split, and the source whose records it scores."""
        if split != "test":
            return self.evaluation, self.data.source
        return self.test or self.evaluation, self.test_source or self.data.source


# How the data are read, which changes no batch: fields of Data.
FEED = {"workers": arguments.OrNone, "read_threads": arguments.OrNone}
# The share of a data set in a folder that need not be there: a field of its source.
ALLOWED = {
    "allow_missing": inspect.Parameter(
        "allow_missing", inspect.Parameter.KEYWORD_ONLY, default=0.0, annotation=float
    )
}
# The largest global norm of a player's gradient, in every stage; 0: whatever the recipe says.
CLIP_NORM = {
    "clip_norm": inspect.Parameter(
        "clip_norm", inspect.Parameter.KEYWORD_ONLY, default=0.0, annotation=float
    )
}
# What any run may need and no paper prescribes: arguments of every config, whatever it takes.
EVERYWHERE = {
    f.name: inspect.Parameter(
        f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=FEED.get(f.name, int)
    )
    for f in (*fields(Experiment), *fields(Data))
    if f.name in ("seed", "accumulate", "fsdp", *FEED)
}


@dataclass(frozen=True)
class Config:
    """A config file: its name, wing and documentation, and the function that makes experiments."""

    name: str
    path: Path
    task: str
    module: ModuleType
    entry: catalog.Entry
    row: catalog.PaperRow  # whose arguments are the defaults

    @property
    def title(self) -> str:
        return self.entry.title

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The config's arguments, and those of every config that it does not take itself."""
        taken = inspect.signature(self.module.config, eval_str=True).parameters
        own = {k: p.replace(default=self.row.arguments.get(k, p.default)) for k, p in taken.items()}
        return {**own, **self._shared(own)}

    def _shared(self, own: Mapping[str, Any]) -> dict[str, inspect.Parameter]:
        """What it need not take itself: `allow_missing` where it reads the folder `path`."""
        shared = EVERYWHERE | CLIP_NORM | (ALLOWED if "path" in own else {})
        return {k: v for k, v in shared.items() if k not in own}

    @property
    def defaults(self) -> dict[str, Any]:
        return {name: p.default for name, p in self.parameters.items()}

    def parse(self, words: Sequence[str], start: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All arguments: the defaults, or those of `start`, after `name=value` words. BadInput."""
        begin = self.defaults if start is None else start
        return arguments.parse_arguments(self.name, self.parameters, words, begin)

    def row_of(self, given: Mapping[str, Any]) -> catalog.PaperRow | None:
        """The row of the paper that these arguments make, if any."""
        own = inspect.signature(self.module.config).parameters
        return self.entry.row_of(given, {name: p.default for name, p in own.items()})

    def experiment(self, **given: Any) -> Experiment:
        given = {**self.row.arguments, **given}
        taken = inspect.signature(self.module.config).parameters
        free = self._shared(taken)
        shared = {k: v for k, v in given.items() if k in free}
        own = {k: v for k, v in given.items() if k not in shared}
        try:
            made = self.module.config(**own)
        except ArithmeticError as error:
            defaults = self.defaults
            words = ", ".join(
                f"{k}={arguments.format_value(v)}" for k, v in own.items() if v != defaults[k]
            )
            if not words:
                raise
            raise BadInput(f"{self.name} cannot be built with {words}: {error}") from error
        changed = {k: v for k, v in shared.items() if v != free[k].default}
        feed = {k: changed.pop(k) for k in FEED if k in changed}
        if feed:
            changed["data"] = replace(made.data, **feed)
        allowed, norm = changed.pop("allow_missing", 0.0), changed.pop("clip_norm", 0.0)
        made = replace(made, **changed) if changed else made
        made = with_clipping(made, norm) if norm else made
        return _with_a_part(made, allowed) if allowed else made


def with_clipping(made: Experiment, norm: float) -> Experiment:
    """The experiment with the gradients of every player clipped, before what its recipe does."""
    if not 0 < norm < math.inf:
        raise BadInput(f"clip_norm={norm:g}: give a norm above 0, or 0 to clip nothing more")

    def clip(optimizers: Mapping[str, Any]) -> dict[str, Any]:
        return {player: clipped(optimizer, norm) for player, optimizer in optimizers.items()}

    stages = tuple(replace(stage, optimizers=clip(stage.optimizers)) for stage in made.stages)
    return replace(made, optimizers=clip(made.optimizers), stages=stages)


def _with_a_part(made: Experiment, allowed: float) -> Experiment:
    """The experiment on data sets of which the share `allowed` need not be there."""
    other = made.test_source and allowing(made.test_source, allowed)
    source = allowing(made.data.source, allowed)
    data: Any = made.data
    return replace(made, data=replace(data, source=source), test_source=other)


def shipped(name: str) -> Config:
    """The zoo's own config of that name, or CONFIG.ROW. BadInput with similar names.

    For names that come from a file, which is no path to code.
    """
    known = catalog.config_files()
    stem, _, row = name.partition(".")
    if stem not in known:
        begun = [other for other in known if other.startswith(name)]
        near = begun[:3] or difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "none has a similar name;"
        raise BadInput(f"no config named '{name}': {hint} `{command_name('list')}` shows all")
    return _load(known[stem], row)


def find_config(name: str) -> Config:
    """The config of that name, CONFIG or CONFIG.ROW, or of a file, which is executed.

    For what the user typed only. BadInput with similar names.
    """
    stem, _, row = name.partition(".")
    own = stem in catalog.config_files() and row != "py"
    if own or not (name.endswith(".py") or os.sep in name):
        return shipped(name)
    path = Path(name).expanduser()
    if path.suffix != ".py":
        raise BadInput(f"--config {name}: give the name of a config, or a .py file")
    if not path.is_file():
        raise BadInput(f"no config file {name}; `{command_name('list')}` shows the names")
    return _load(path)


def _load(path: Path, row: str = "") -> Config:
    """The config in a file, which is executed, with the arguments of one of its rows."""
    entry = catalog.read_entry(path)
    chosen = entry.row(row) if row else entry.rows[0]
    spec = importlib.util.spec_from_file_location(f"zoo_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, "config", None)):
        raise BadInput(f"{path} has no function `config(...)` that returns an Experiment")
    for argument, parameter in inspect.signature(module.config).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            raise BadInput(f"{path}: the argument '{argument}' of config(...) needs a default")
    return Config(path.stem, path.resolve(), entry.task, module, entry, chosen)
