"""Learning rates that fall when validation stops improving."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Plateau:
    """The rule: after `patience` evaluations without a better score, go to the next stage.

    factors: the learning rate of each stage, relative to the first. The run ends with the last.
    from_best: a stage starts from the best weights so far (SampleCNN), else from the last
    (Wave-U-Net).
    afresh: a stage is judged by its own scores alone (SampleCNN), else by the best of all stages.
    cumulative: a better score does not begin the count anew (musicnn).
    keep_memory: the optimiser's memory lasts through the stages (musicnn, Wave-U-Net).
    """

    patience: int
    factors: tuple[float, ...] = (1.0,)
    from_best: bool = True
    afresh: bool = False
    cumulative: bool = False
    keep_memory: bool = False


@dataclass(frozen=True)
class PlateauState:
    """Where a run stands on its plateau; saved with every checkpoint."""

    best: float | None = None
    since: int = 0
    stage: int = 0


def update(
    rule: Plateau, standing: PlateauState, score: float, mode: str
) -> tuple[PlateauState, bool]:
    """(new standing, whether a new stage begins)."""
    better = standing.best is None or (
        score > standing.best if mode == "max" else score < standing.best
    )
    if better:
        since = standing.since if rule.cumulative else 0
        return replace(standing, best=score, since=since), False
    if standing.since + 1 < rule.patience:
        return replace(standing, since=standing.since + 1), False
    best = None if rule.afresh else standing.best
    return PlateauState(best, since=0, stage=standing.stage + 1), True
