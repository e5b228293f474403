"""Fits an objective without gradient steps to the whole training split at once.

Nothing is saved before it is fitted, so what a signal or a kill costs is the fitting.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import count

import jax
import numpy as np
from tqdm import tqdm

from zoo.objectives.base import FittedAtOnce
from zoo.training.log import Log
from zoo.training.loop import Hooks
from zoo.training.stages import StageState
from zoo.training.state import TrainState

_HostBatch = dict[str, np.ndarray]
Describe = Callable[[_HostBatch], _HostBatch]
_Progress = Callable[[int, int], None]
IN_FLIGHT = 2  # batches at once: Fourier transforms on a CPU keep one core busy, not all


class _Stopped(Exception):
    """A signal asked to end before everything was fitted."""


def fit_once(
    objective: FittedAtOnce,
    describe: Describe,
    state: TrainState,
    splits: tuple[Iterable[_HostBatch], Iterable[_HostBatch]],
    hooks: Hooks,
    log: Log,
) -> tuple[TrainState, bool]:
    """(state, whether it is fitted): step 1 of a run that has no other. splits: train, validation.

    `describe` gives what `objective.fit` wants to know of a batch; it comes beside the labels.
    """
    if int(state.step):
        return state, True
    began = time.perf_counter()
    try:
        found, asked = [], count(1)
        for name, split in zip(("training", "validation"), splits):
            with _Bar(f"{name} features", "batch", hooks.stop, asked, log) as bar:
                found.append(gather(describe, split, bar))
        with _Bar("classifier", "fit", hooks.stop, asked, log) as bar:
            train, held = found
            fitted = objective.fit(state.variables, train, held, bar)
    except _Stopped:
        return state, False
    place = lambda new, old: jax.device_put(new, old.sharding)  # noqa: E731
    variables = jax.tree.map(place, fitted, state.variables)
    state = state.replace(step=state.step + 1, variables=variables)
    elapsed = time.perf_counter() - began
    scores = hooks.evaluate(variables, 1)
    speed = {"steps_per_second": 1 / elapsed, "examples": len(next(iter(found[0].values())))}
    log.scalars(1, {**speed, **{f"validation/{k}": v for k, v in scores.items()}})
    log.advance()
    hooks.save(1, state, asdict(StageState()), scores, force=True)
    return state, True


class _Bar:
    """A progress bar that raises Stopped when a signal came: bar(done, of how many, or 0)."""

    def __init__(
        self, name: str, unit: str, stop: Callable[[int], bool], asked: Iterator[int], log: Log
    ):
        self.stop, self.asked = stop, asked  # several processes agree on the number, over all bars
        self.bar = tqdm(
            desc=name,
            unit=unit,
            dynamic_ncols=True,
            file=sys.stderr,
            disable=not log.active,
            mininterval=0.5 if sys.stderr.isatty() else 10.0,
        )

    def __call__(self, done: int, total: int) -> None:
        self.bar.total = total or None
        self.bar.update(done - self.bar.n)
        if self.stop(next(self.asked)):
            raise _Stopped

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()


def gather(describe: Describe, batches: Iterable[_HostBatch], bar: _Progress) -> _HostBatch:
    """What `describe` gives, and the labels, of all batches: [N ...]; the audio is let go."""
    found: list[_HostBatch] = []
    for number, (batch, described) in enumerate(_ahead(describe, batches)):
        found.append({**{k: v for k, v in batch.items() if v.ndim == 2}, **described})
        bar(number + 1, 0)
    return {key: np.concatenate([part[key] for part in found]) for key in found[0]}


def _ahead(
    describe: Describe, batches: Iterable[_HostBatch]
) -> Iterator[tuple[_HostBatch, _HostBatch]]:
    """(batch, its description) in order, a few computed at a time."""
    # Several processes must start their programs in one order, which one thread keeps.
    with ThreadPoolExecutor(IN_FLIGHT if jax.process_count() == 1 else 1) as pool:
        waiting: deque = deque()
        for batch in batches:
            waiting.append((batch, pool.submit(describe, batch)))
            if len(waiting) > IN_FLIGHT:
                batch, future = waiting.popleft()
                yield batch, future.result()
        for batch, future in waiting:
            yield batch, future.result()
