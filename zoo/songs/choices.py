"""What a user asks of `sample.py`, whichever way the words came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo.evaluation.capabilities import Separates, require_capability
from zoo.runs import estimate, networks
from zoo.runs.trained import Trained
from zoo.songs.segments import Segments, regroup_blocks


@dataclass(frozen=True)
class Choices:
    """Where files go, what to make them of, and how.

    input, labels, stems, two_stems, residual, keep_sum, segment, overlap, shifts, ensemble,
    checkpoints, form: of a user's own songs; None is what the run itself has. holes: seconds of
    them that are filled. seconds, num, temperature, top_k, top_p, seed, pitches, text, vocoder,
    prompt, prompt_seconds, keep, domain, engine: of new audio. The rest: of streams without end.
    """

    out: Path
    force: bool = False
    input: list[str] = field(default_factory=list)
    labels: str | None = None
    stems: str | None = None
    two_stems: str | None = None
    residual: bool = False
    keep_sum: bool = False
    segment: float | None = None
    overlap: float | None = None
    shifts: int | None = None
    ensemble: int | None = None
    checkpoints: int = 1
    form: str = "wav"
    seconds: float = 5.0
    num: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    keep: int | None = None
    engine: str = "auto"
    seed: int = 0
    pitches: str = ""
    domain: str = ""
    holes: str = ""
    text: str | None = None
    vocoder: str | None = None
    prompt: str | None = None
    prompt_seconds: float = 2.0
    endless: bool = False
    resume: bool = False
    minutes_per_file: float = 5.0
    raw: bool = False
    noise_flatness: float = 0.4


def _check_segments(trained: Trained, cut: Segments, channels: int, seconds: float) -> None:
    """Raises BadInput where the memory has no room for segments of that length."""
    experiment = trained.experiment
    audio = jax.ShapeDtypeStruct((cut.batch, cut.input, channels), np.float32)
    batch: Any = {**experiment.data.spec(cut.batch), cut.key: audio}
    asked = f"segments of {seconds:g} s"
    estimate.check_call(asked, experiment.objective, trained.variables, batch)


def chosen_segments(trained: Trained, seconds: float | None, overlap: float | None) -> Segments:
    """The segments in which a run separates, of other lengths where they are asked for."""
    how = require_capability(Separates, trained.experiment.evaluation).how
    if seconds is None and overlap is None:
        return how.segments
    model = networks.find_network(trained.experiment.objective, trained.variables)[0]
    cut = regroup_blocks(
        how.segments, how.rate, seconds, overlap, getattr(model, "input_length", None)
    )
    if seconds is not None and cut.input > how.segments.input:
        _check_segments(trained, cut, how.channels, seconds)
    return cut
