"""The loop: for each turn, draw a batch and run that turn's compiled function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from zoo import mesh as meshes
from zoo.errors import BadInput
from zoo.objectives.base import Objective, Turn, Variables
from zoo.training import plateau, step
from zoo.training.log import Log
from zoo.training.state import Optimizers, TrainState

PATIENCE = 10  # non-finite turns, or rounds with one, in a row that end a run
GUARD = ("streak", "rejected")  # measured for the loop, not for the log


class Diverged(BadInput):
    """Ten non-finite turns in a row; the last good state is on the disk."""


@dataclass(frozen=True)
class Schedule:
    """How long, how often, and with which numerics a run goes."""

    steps: int
    seed: int = 0
    ema_decay: float = 0.0
    accumulate: int = 1
    log_every: int = 10
    evaluate_every: int = 1000
    plateau: plateau.Plateau | None = None


@dataclass(frozen=True)
class Hooks:
    """What the loop calls but does not know: data, validation, checkpoints, signals.

    batches(first) yields host batches from the `first`-th draw on; names(draw) lists the tracks of
    a draw; evaluate(variables, step) gives validation scores; save(step, state, standing, scores,
    force); best() gives the best variables so far; stop(step) is true once a signal asks to end.
    """

    batches: Callable[[int], Iterator[dict[str, np.ndarray]]]
    names: Callable[[int], list[str]]
    evaluate: Callable[[Variables, int], dict[str, float]]
    save: Callable[..., None]
    best: Callable[[], Variables | None]
    stop: Callable[[int], bool]
    monitor: tuple[str, str]


def compile_turns(
    mesh: Mesh, objective: Objective, optimizers: Optimizers, schedule: Schedule, shardings: Any
) -> list[tuple[Turn, Callable]]:
    """The turns of one round with their compiled functions; equal turns share one."""
    turns = [turn for turn in objective.turns for _ in range(turn.repeat)]
    if turns and turns[-1].begin:
        raise BadInput(
            f"the last turn, of '{turns[-1].player}', begins at round {turns[-1].begin}: let it "
            "begin at 0, since it counts the rounds"
        )
    compiled: dict[tuple, Callable] = {}
    rounds = []
    for number, turn in enumerate(turns):
        last = number == len(turns) - 1
        key = (turn.player, turn.loss, last)
        if key not in compiled:
            function = step.make(
                turn, optimizers[turn.player], seed=schedule.seed, last=last,
                ema_decay=schedule.ema_decay, accumulate=schedule.accumulate,
            )  # fmt: skip
            out = (shardings, meshes.replicated(mesh))
            compiled[key] = jax.jit(function, donate_argnums=0, out_shardings=out)
        rounds.append((turn, compiled[key]))
    return rounds


def fit(
    mesh: Mesh,
    objective: Objective,
    optimizers: Optimizers,
    schedule: Schedule,
    state: TrainState,
    shardings: TrainState,
    standing: plateau.PlateauState,
    hooks: Hooks,
    log: Log,
) -> tuple[TrainState, bool]:
    """(state, whether the run is complete). Raises Diverged after ten non-finite turns in a row."""
    rounds = compile_turns(mesh, objective, optimizers, schedule, shardings)
    done = int(state.step)
    begins = tuple(turn.begin for turn, _ in rounds)
    batches = hooks.batches(drawn(begins, done))
    watch = Watch(hooks, log, int(state.rejected), begins)
    while done < schedule.steps and not hooks.stop(done):
        metrics = {}
        for number, (turn, run) in enumerate(rounds):
            if done < turn.begin:
                continue
            waited = time.perf_counter()
            batch = meshes.global_batch(mesh, next(batches))
            watch.waited += time.perf_counter() - waited
            state, measured = run(state, batch, jnp.asarray(number))
            metrics[turn.player] = measured
        done += 1
        watch.see(done, metrics, record=done % schedule.log_every == 0 or done == schedule.steps)
        log.advance()
        scores = None
        if done % schedule.evaluate_every == 0 or done == schedule.steps:
            scores = hooks.evaluate(state.ema_variables(), done)
            log.scalars(done, {f"validation/{k}": v for k, v in scores.items()})
            if (name := hooks.monitor[0]) not in scores:
                log.say(f"no '{name}', the monitor, among {', '.join(scores)}: none is best so far")
            state, standing, end = next_stage(schedule, standing, state, scores, optimizers, hooks)
            if end:
                watch.flush()
                hooks.save(done, state, asdict(standing), scores, force=True)
                log.say(f"no better validation score in the last stage: ends at step {done}")
                return state, True
        # A scored state is always kept, or the best one might never reach the disk.
        force = scores is not None or done == schedule.steps
        hooks.save(done, state, asdict(standing), scores, force=force)
    watch.flush()
    complete = done >= schedule.steps
    if not complete:
        hooks.save(done, state, asdict(standing), None, force=True)
    return state, complete


def drawn(begins: Sequence[int], rounds: int) -> int:
    """Batches that so many rounds draw, of turns that begin at the rounds `begins`."""
    return sum(max(rounds - begin, 0) for begin in begins)


class Watch:
    """Reads metrics one step late, so that the host never waits for the device's latest step."""

    def __init__(self, hooks: Hooks, log: Log, rejected: int, begins: Sequence[int]):
        self.hooks, self.log, self.rejected, self.begins = hooks, log, rejected, begins
        self.row = 0  # rounds in a row that lost a turn; another player's good turn ends no row
        self.pending: tuple[int, dict, bool] | None = None
        self.since, self.steps, self.waited = time.perf_counter(), 0, 0.0

    def see(self, done: int, metrics: dict, *, record: bool) -> None:
        self.flush()
        self.pending = (done, metrics, record)

    def flush(self) -> None:
        if self.pending is None:
            return
        (done, metrics, record), self.pending = self.pending, None
        self.steps += 1
        rejected = max(int(m["rejected"]) for m in metrics.values())
        self.row = self.row + 1 if rejected > self.rejected else 0
        if self.row:
            self.rejected = rejected
            self.complain(done, {p: int(m["streak"]) for p, m in metrics.items()})
        if record:
            self.record(done, metrics)

    def complain(self, done: int, streaks: dict[str, int]) -> None:
        player, streak = max(streaks.items(), key=lambda item: item[1])
        who, streak = f" of '{player}'" if streak else "", max(streak, self.row)
        draws = range(drawn(self.begins, done - 1), drawn(self.begins, done))
        tracks = sorted({track for draw in draws for track in self.hooks.names(draw)})
        self.log.say(
            f"step {done}: non-finite turn{who}, state left as it was "
            f"({self.rejected} so far, {streak} in a row); its examples: {', '.join(tracks[:8])}"
        )
        if streak >= PATIENCE:
            raise Diverged(
                f"{streak} non-finite turns in a row, the last at step {done}: lower the learning "
                "rate or look at the examples named above"
            )

    def record(self, done: int, metrics: dict) -> None:
        elapsed = time.perf_counter() - self.since
        values = {"steps_per_second": self.steps / elapsed, "waiting": self.waited / elapsed}
        self.since, self.steps, self.waited = time.perf_counter(), 0, 0.0
        for player, measured in jax.device_get(metrics).items():
            prefix = "" if len(metrics) == 1 else f"{player}/"
            values |= {prefix + k: float(v) for k, v in measured.items() if k not in GUARD}
        self.log.scalars(done, {**values, "rejected": self.rejected})


def next_stage(
    schedule: Schedule,
    standing: plateau.PlateauState,
    state: TrainState,
    scores: dict[str, float],
    optimizers: Optimizers,
    hooks: Hooks,
) -> tuple[TrainState, plateau.PlateauState, bool]:
    """(state, standing, whether the run ends) after a validation score."""
    rule, (name, mode) = schedule.plateau, hooks.monitor
    score = scores.get(name)
    if rule is None or score is None or not np.isfinite(score):
        return state, standing, False
    standing, falls = plateau.update(rule, standing, score, mode)
    if not falls:
        return state, standing, False
    if standing.stage >= len(rule.factors):
        return state, standing, True
    variables = (hooks.best() if rule.from_best else None) or state.variables
    memory = state.optimizers
    if not rule.keep_memory:
        memory = {p: optimizers[p].init(v) for p, v in variables.params.items()}
    scale = jnp.asarray(rule.factors[standing.stage], jnp.float32)
    state = state.replace(variables=variables, optimizers=memory, learning_rate_scale=scale)
    return state, standing, False
