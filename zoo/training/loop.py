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
from zoo.training import stages, step, transitions
from zoo.training.log import Log
from zoo.training.stages import Stage, StageState
from zoo.training.state import Optimizers, TrainState

_PATIENCE = 10  # non-finite turns, or rounds with one, in a row that end a run
GUARD = ("streak", "rejected")  # measured for the loop, not for the log


class Diverged(BadInput):
    """Ten non-finite turns in a row; the last good state is on the disk."""


@dataclass(frozen=True)
class Schedule:
    """Numbers of steps and intervals of a run, and its numerics.

    stages: what changes on the way, none for one that lasts to the end. early_stopping: evaluations
    without a better score, over all stages, that end the run. standing_batches: of which batch
    statistics are taken anew for the averaged weights before each evaluation. augment(rng, batch):
    what becomes of the host's batches inside the step.
    """

    steps: int
    seed: int = 0
    ema_decay: float = 0.0
    accumulate: int = 1
    log_every: int = 10
    evaluate_every: int = 1000
    stages: tuple[Stage, ...] = ()
    early_stopping: int | None = None
    standing_batches: int = 0
    remat: bool = False
    augment: Callable[[jax.Array, Any], Any] | None = None


@dataclass(frozen=True)
class Hooks:
    """Callbacks of the loop: data, validation, checkpoints, signals.

    batches(first) yields host batches from the `first`-th draw on; names(draw) lists the tracks of
    a draw; evaluate(variables, step) gives validation scores; save(step, state, stage_state,
    scores, force); best() gives the best variables so far; recalibrate(state, step) gives the
    averaged weights statistics of their own; stop(step) is true once a signal asks to end.
    """

    batches: Callable[[int], Iterator[dict[str, np.ndarray]]]
    names: Callable[[int], list[str]]
    evaluate: Callable[[Variables, int], dict[str, float]]
    save: Callable[..., None]
    best: Callable[[], Variables | None]
    recalibrate: Callable[[TrainState, int], TrainState]
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
            function = step.make_step(
                turn,
                optimizers[turn.player],
                seed=schedule.seed,
                last=last,
                ema_decay=schedule.ema_decay,
                accumulate=schedule.accumulate,
                remat=schedule.remat,
                augment=schedule.augment,
            )
            out = (shardings, meshes.replicated(mesh))
            compiled[key] = jax.jit(function, donate_argnums=0, out_shardings=out)
        rounds.append((turn, compiled[key]))
    return rounds


Rounds = list[tuple[Turn, Callable]]


def run_training_loop(
    mesh: Mesh,
    objective: Objective,
    optimizers: Optimizers,
    schedule: Schedule,
    now: TrainState,
    at: StageState,
    hooks: Hooks,
    log: Log,
) -> tuple[TrainState, bool]:
    """(state, whether the run is complete). Raises Diverged after ten non-finite turns in a row.

    objective and optimizers are those of the first stage; `now` is a state of stage `at.stage`.
    """
    rounds = _stage_rounds(mesh, objective, optimizers, schedule, now, at)
    done, begins = int(now.step), _begins_of(rounds)
    batches = hooks.batches(_drawn(begins, done))
    watch = _Watch(hooks, log, int(now.rejected), begins)
    while done < schedule.steps and not hooks.stop(done):
        metrics = {}
        for number, (turn, run) in enumerate(rounds):
            if done < turn.begin:
                continue
            waited = time.perf_counter()
            batch = meshes.global_batch(mesh, next(batches))
            watch.waited += time.perf_counter() - waited
            now, measured = run(now, batch, jnp.asarray(number))
            metrics[turn.player] = measured
        done += 1
        watch.see(done, metrics, record=done % schedule.log_every == 0 or done == schedule.steps)
        log.advance()
        scores = None
        if done % schedule.evaluate_every == 0 or done == schedule.steps:
            now = hooks.recalibrate(now, done)
            scores = _validate(now, done, hooks, log)
            at = _after_score(schedule, at, scores, hooks.monitor)
        following = transitions.state_after(schedule.stages, schedule.early_stopping, at, done)
        if following is None:
            watch.flush()
            hooks.save(done, now, asdict(at), scores, force=True)
            log.say(f"no better validation score in the last stage: ends at step {done}")
            return now, True
        if following.stage != at.stage:
            now = transitions.enter(schedule.stages, at, optimizers, now, hooks.best, mesh)
            at = following
            rounds = _stage_rounds(mesh, objective, optimizers, schedule, now, at)
            begins = watch.begins = _begins_of(rounds)
            batches = hooks.batches(_drawn(begins, done))
            log.say(f"stage {at.stage + 1} of {len(schedule.stages)} after step {done}")
        # A scored state is always kept, or the best one might never reach the disk.
        force = scores is not None or done == schedule.steps
        hooks.save(done, now, asdict(at), scores, force=force)
    watch.flush()
    complete = done >= schedule.steps
    if not complete:
        hooks.save(done, now, asdict(at), None, force=True)
    return now, complete


def _stage_rounds(
    mesh: Mesh,
    objective: Objective,
    optimizers: Optimizers,
    schedule: Schedule,
    now: TrainState,
    at: StageState,
) -> Rounds:
    """The compiled turns of a stage."""
    objective, optimizers = stages.current(schedule.stages, at.stage, objective, optimizers)
    shardings = meshes.state_shardings(mesh, jax.eval_shape(lambda: now))
    return compile_turns(mesh, objective, optimizers, schedule, shardings)


def _validate(now: TrainState, done: int, hooks: Hooks, log: Log) -> dict[str, float]:
    scores = hooks.evaluate(now.ema_variables(), done)
    log.scalars(done, {f"validation/{k}": v for k, v in scores.items()})
    if (name := hooks.monitor[0]) not in scores:
        log.say(f"no '{name}', the monitor, among {', '.join(scores)}: none is best so far")
    return scores


def _after_score(
    schedule: Schedule, at: StageState, scores: dict[str, float], monitor: tuple[str, str]
) -> StageState:
    """Where the run stands once it was validated; a score that is not finite does not count."""
    score = scores.get(monitor[0])
    if score is None or not np.isfinite(score):
        return at
    stage = schedule.stages[at.stage] if schedule.stages else Stage()
    return stages.record_score(stage, at, score, monitor[1])


def _begins_of(rounds: Rounds) -> tuple[int, ...]:
    return tuple(turn.begin for turn, _ in rounds)


def _drawn(begins: Sequence[int], rounds: int) -> int:
    """Batches that so many rounds draw, of turns that begin at the rounds `begins`."""
    return sum(max(rounds - begin, 0) for begin in begins)


class _Watch:
    """Reads metrics one step late, so that the host never waits for the device's latest step."""

    def __init__(self, hooks: Hooks, log: Log, rejected: int, begins: Sequence[int]):
        self.hooks, self.log, self.rejected, self.begins = hooks, log, rejected, begins
        self.row = 0  # rounds in a row that lost a turn; another player's good turn ends no row
        self.pending: tuple[int, dict, bool] | None = None
        self.still: dict[str, int] = {}  # records in a row of a player without a gradient
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
        draws = range(_drawn(self.begins, done - 1), _drawn(self.begins, done))
        tracks = sorted({track for draw in draws for track in self.hooks.names(draw)})
        self.log.say(
            f"step {done}: non-finite turn{who}, state left as it was "
            f"({self.rejected} so far, {streak} in a row); its examples: {', '.join(tracks[:8])}"
        )
        if streak >= _PATIENCE:
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
            self.doubt(done, player, measured["gradient_norm"])
            values |= {prefix + k: float(v) for k, v in measured.items() if k not in GUARD}
        self.log.scalars(done, {**values, "rejected": self.rejected})

    def doubt(self, done: int, player: str, norm: float) -> None:
        """A line, once, about a player that learns nothing any more."""
        self.still[player] = self.still.get(player, 0) + 1 if norm == 0 else 0
        if self.still[player] == _PATIENCE:
            self.log.say(
                f"step {done}: the gradient of '{player}' was 0 in the last {_PATIENCE} records; "
                "where its units are dead or its outputs saturated, no step will bring it back: "
                "begin anew with a lower learning rate"
            )
