"""What a config makes, as plain values that a table can state: `told(experiment)`."""

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from zoo import layers, models
from zoo.errors import BadInput
from zoo.experiment import Experiment
from zoo.training.stages import Stage

PLAIN = (
    "steps",
    "batch",
    "ema_decay",
    "accumulate",
    "fsdp",
    "early_stopping",
    "monitor",
    "standing_batches",
    "remat",
    "evaluate_every",
    "evaluate_limit",
)
USUAL = {f.name: f.default for f in dataclasses.fields(Experiment)}


def told(experiment: Experiment) -> dict[str, Any]:
    """Everything of an experiment that is a number or a name, but what is at its default."""
    found = {name: getattr(experiment, name) for name in PLAIN}
    found = {name: value for name, value in found.items() if value != USUAL[name]}
    found["objective"] = objective(experiment.objective)
    found["data"] = short(experiment.data)
    found["evaluation"] = short(experiment.evaluation)
    if experiment.test is not None:
        found["test"] = short(experiment.test)
    if experiment.stages:
        found["stages"] = tuple(stage(one) for one in experiment.stages)
    if experiment.initial:
        found["initial"] = dict(experiment.initial)
    return found


def stage(one: Stage) -> str:
    """Its fields that are not at their default, as 'patience=3 start=best'."""
    changed = [f for f in dataclasses.fields(one) if getattr(one, f.name) != usual(f)]
    told_of = {"objective": objective}
    named = (
        f"{f.name}={told_of.get(f.name, short)(getattr(one, f.name))}"
        for f in changed
        if f.name != "optimizers"
    )
    return " ".join([*named, *("optimizers" for f in changed if f.name == "optimizers")])


def usual(f: dataclasses.Field) -> Any:
    made = f.default_factory is not dataclasses.MISSING
    return f.default_factory() if made else f.default


def objective(it: Any) -> str:
    """Name and settings, without the modules: 'Vocoder(feature_matching=2.0, ...)'."""
    parts = []
    for f in dataclasses.fields(it):
        value = getattr(it, f.name)
        if isinstance(value, nn.Module) or (value == usual(f) and not number(value)):
            continue
        if f.name == "objective":
            parts.append(objective(value))
        elif f.name == "loss":
            parts.append(f"loss={loss(value)}")
        else:
            parts.append(f"{f.name}={short(value)}")
    return f"{type(it).__name__}({', '.join(parts)})"


SPEED = ("batch", "workers", "read_threads", "seed", "time_axis")  # what changes no number


def defaults(value: Any) -> dict[str, str]:
    """The numbers that records have where a config says none, by class: {'levels.Peak': 'level=1'}.

    Of all records that a value holds, but for modules and sources.
    """
    found: dict[str, str] = {}
    if isinstance(value, tuple):
        inside = list(value)
    elif hasattr(value, "func"):  # partial
        inside = list(value.keywords.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type | nn.Module):
        every = [f for f in dataclasses.fields(value) if f.init and f.name not in SPEED]
        numbers = [f for f in every if all(map(number, many(usual(f))))]
        if numbers:
            words = (f"{f.name}={short(usual(f))}" for f in numbers)
            found[f"{type(value).__module__.rpartition('.')[2]}.{type(value).__name__}"] = (
                ", ".join(words)
            )
        inside = [getattr(value, f.name) for f in every if f.name != "source"]
    else:
        return {}
    for part in inside:
        found |= defaults(part)
    return found


def defaults_of(experiment: Experiment) -> dict[str, str]:
    """`defaults` of all but the objective itself, of which `told` says every number."""
    of_objective = [
        getattr(experiment.objective, f.name) for f in dataclasses.fields(experiment.objective)
    ]
    return defaults((*of_objective, experiment.data, experiment.evaluation, experiment.test))


def fractions_of_modules() -> dict[str, str]:
    """The defaults of all linen modules of the zoo that are fractions: {'todd.Todd': 'decay=0.8'}.

    But for those of dropout, and of norms, which have tables of their own.
    """
    found = {}
    for room in (layers, models):
        for path in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            module = importlib.import_module(path.name)
            kinds = [x for x in vars(module).values() if isinstance(x, type)]
            for kind in kinds:
                if not issubclass(kind, nn.Module) or kind.__module__ != path.name:
                    continue
                every = {f.name: f.default for f in dataclasses.fields(kind)}
                norm = {"momentum", "epsilon"} if "momentum" in every else set()
                words = [
                    f"{name}={short(value)}"
                    for name, value in every.items()
                    if isinstance(value, float) and "dropout" not in name and name not in norm
                ]
                if words:
                    found[f"{path.name.rpartition('.')[2]}.{kind.__name__}"] = ", ".join(words)
    return found


def many(value: Any) -> tuple[Any, ...]:
    """Its parts, or what is no number where it has none."""
    return (value or (None,)) if isinstance(value, tuple) else (value,)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def short(value: Any) -> str:
    """repr of records without names and places that say nothing."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [
            f for f in dataclasses.fields(value) if f.name not in ("source", "name", "parent")
        ]
        shown = (f for f in fields if getattr(value, f.name) != usual(f))
        inner = ", ".join(f"{f.name}={short(getattr(value, f.name))}" for f in shown)
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple):
        return f"({', '.join(map(short, value))})"
    if callable(value) and hasattr(value, "func"):  # partial
        how = "".join(f", {k}={short(v)}" for k, v in value.keywords.items())
        return f"{short(value.func)}{how}"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return re.sub(r" at 0x[0-9a-f]+", "", f"{value:.6g}" if number(value) else repr(value))


RNG = np.random.default_rng(0)
OURS, THEIRS = RNG.normal(size=(2, 2, 6, 3, 2)).astype(np.float32)
LOGITS, LABELS = OURS[:, 0, :, 0], (THEIRS[:, 0, :, 0] > 0).astype(np.float32)
LONG = RNG.normal(size=(2, 1, 600, 1, 1)).astype(np.float32)
EVEN = RNG.normal(size=(2, 2, 3, 4, 1, 1)).astype(np.float32)
APART = np.abs(OURS[:, :, :1] - THEIRS).mean((0, 1, 3))
A, B, _ = np.square(OURS[:, :, :, None] - THEIRS[:, :, None]).sum((1, 4)).swapaxes(0, 1)
OTHERS = np.abs(A @ (1, -0.001, -0.03) + B @ (-0.001, 1, -0.01)).mean()


def penalised(of: Callable) -> float:
    """A mean over samples, and 0.02 of the L1 of magnitudes under two Hann windows."""
    apart = of(LONG[0] - LONG[1]).mean()
    for size in (2048, 512):
        window, hop = np.hanning(size + 1)[:size], size // 4
        filled = np.pad(LONG[:, 0, :, 0, 0], ((0, 0), (0, size)))
        starts = range(0, 600, hop)
        spectra = [np.abs(np.fft.rfft(filled[:, s : s + size] * window)) for s in starts]
        apart += 0.02 / 2 * np.abs(np.diff(spectra, axis=1)).mean()
    return apart


WET, MADE = RNG.normal(size=(2, 1, 1400, 1)).astype(np.float32)


def emphasised(x: np.ndarray, by: float) -> np.ndarray:
    return x[:, 1:] - by * x[:, :-1]


def amplified(lstm: bool) -> float:
    """Squares, and 2e-4 of the two distances of pre-emphasised spectra at three resolutions."""
    own, other = emphasised(MADE, 0.85)[0, :, 0], emphasised(WET, 0.85)[0, :, 0]
    total = np.square(MADE - WET).mean() + lstm * np.square(own - other).mean()
    for n_fft, hop, win in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        window = np.pad(np.hanning(win + 1)[:win], (n_fft - win) // 2)
        a, b = (np.pad(x, n_fft // 2, mode="reflect") for x in (own, other))
        frames = range(0, len(a) - n_fft + 1, hop)
        a, b = (np.abs([np.fft.rfft(x[s : s + n_fft] * window) for s in frames]) for x in (a, b))
        total += (
            2e-4 / 3 * (np.linalg.norm(a - b) / np.linalg.norm(b) + np.abs(np.log(a / b)).mean())
        )
    return total


ERROR, ENERGY = (np.square(emphasised(x, 0.95)).mean() for x in (MADE - WET, WET))
ESR = ERROR / (ENERGY + 1e-5) + np.square((MADE - WET).mean()) / (np.square(WET).mean() + 1e-5)
BCE = np.mean(np.logaddexp(0, LOGITS) - LOGITS * LABELS)
SHARES = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
LOSSES: dict[str, tuple[tuple[Any, Any], float]] = {
    "L1 and 0.02 magnitudes": (LONG, penalised(np.abs)),  # which a short signal has not
    "L2 and 0.02 magnitudes": (LONG, penalised(np.square)),
    "L1": ((OURS, THEIRS), np.abs(OURS - THEIRS).mean()),
    "L2": ((OURS, THEIRS), np.square(OURS - THEIRS).mean()),
    "sum of squares": ((OURS, THEIRS), np.square(OURS - THEIRS).sum() / len(OURS)),
    "modulus of complex differences": (
        (EVEN[0], EVEN[1]),
        np.hypot(*np.split(EVEN[0] - EVEN[1], 2, 2)).mean(),
    ),
    "3 sources x L1": ((OURS, THEIRS), 3 * np.abs(OURS - THEIRS).mean()),
    "3 sources x L2": ((OURS, THEIRS), 3 * np.square(OURS - THEIRS).mean()),
    "L1 - 0.05 L1 of others": ((OURS, THEIRS), APART[0] - 0.05 * APART[1:].sum()),
    "squares - 0.001, 0.01, 0.03 of those of others": ((OURS, THEIRS), OTHERS),
    "ESR and offset": ((MADE, WET), ESR),
    "L2 and 0.0002 spectra": ((MADE, WET), amplified(False)),
    "L2, emphasised L2 and 0.0002 spectra": ((MADE, WET), amplified(True)),
    "binary cross-entropy": ((LOGITS, LABELS), BCE),
    "cross-entropy of the class": ((LOGITS, LABELS), -(SHARES * LABELS).sum(-1).mean()),
    "cross-entropy of the largest": (
        (LOGITS, LABELS),
        -SHARES[np.arange(2), LABELS.argmax(-1)].mean(),
    ),
}


def loss(function: Callable) -> str:
    """The name of the loss that this function computes, by computing it."""
    for name, (given, wanted) in LOSSES.items():
        try:
            found = np.mean(np.asarray(function(*given)))
        except (TypeError, ValueError, IndexError, BadInput):
            continue
        if np.isclose(found, wanted, rtol=1e-4):
            return name
    return f"unknown: {short(function)}"


def drops(experiment: Experiment) -> bool:
    """Whether a module of the objective has a field with 'drop' in its name, or one within it.

    Fields that are zero drop nothing.
    """
    shown = repr(experiment.objective)
    return re.search(r"drop(?!out = 0\.0\n)", shown) is not None or "Vgg" in shown


def rates_of(experiment: Experiment) -> str:
    """The rates of all dropouts of a round of turns, in the order in which they are taken.

    By shapes alone: what Flax asks `jax.random.bernoulli` to keep is written down.
    """
    rates, real = [], jax.random.bernoulli

    def noted(key: jax.Array, p: Any = 0.5, shape: Any = None, **how: Any) -> jax.Array:
        rates.append(round(1 - float(p), 6))
        return real(key, p, shape, **how)

    objective, batch = experiment.objective, experiment.data.spec(experiment.batch)
    variables = jax.eval_shape(objective.init, jax.random.key(0), batch)
    jax.random.bernoulli = noted
    try:
        for turn in objective.turns:
            jax.eval_shape(turn.loss, variables, batch, jax.random.key(0), jnp.zeros((), int))
    finally:
        jax.random.bernoulli = real
    return " ".join(f"{rate:g}" for rate in rates)
