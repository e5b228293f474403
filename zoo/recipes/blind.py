"""Blind systems on the embedded music: not trained, their sources matched to stems afterwards."""

from __future__ import annotations

from typing import Literal

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Group, Keep, Mixture, ToFloat
from zoo.evaluation.blind_separation import BlindSeparation
from zoo.experiment import Experiment
from zoo.network import Network
from zoo.objectives.blind import Blind
from zoo.recipes.separation import RATE, SOURCES
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

Match = Literal["permutation", "components"]


def _names(sources: int) -> tuple[str, ...]:
    """'source_1', 'source_2', ...: what blind systems call what they find."""
    return tuple(f"source_{number + 1}" for number in range(sources))


def score_render_blind_separation(
    model: Network,
    samples: int,
    *,
    size: str,
    sources: int,
    match: Match = "permutation",
    edge: int = 0,
    microphones: int = 0,
    spill: float = 0.5,
    seed: int = 0,
) -> Experiment:
    """Fitted to windows of `samples` that overlap by a quarter, where their sources are matched.

    match='components': windows side by side, of whose ends `edge` samples are read but not kept.
    """
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    crop = min(samples, data.blank()["stems"].shape[1])
    segments = Segments(samples, hop=3 * samples // 4, window="fade", unordered=True)
    if match == "components":
        segments = Segments(samples, samples - 2 * edge)
    how = Separator(segments, RATE, 1, _names(sources), stereo="joint")
    if microphones:
        how = Separator(segments, RATE, microphones, _names(sources), stereo="exact")
    return Experiment(
        data=Data(
            data, (Crop(crop), ToFloat(), Group(groups), Mixture(), Keep("mixture", "stems"))
        ),
        objective=Blind(model),
        optimizers={},
        evaluation=BlindSeparation(how, SOURCES, match, microphones, spill),
        batch=1,
        steps=0,
        seed=seed,
    )
