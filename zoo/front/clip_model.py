"""A trained classifier or tagger, or published weights, as a function of clips.

Evaluations take it as their classifier or embedding; `python -m zoo distance` reads files by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, paired_predictions
from zoo.evaluation.tagging import Tagging
from zoo.front import finding, sounds
from zoo.front.sounds import Sound
from zoo.front.system import System
from zoo.runs import inference
from zoo.songs.taggram import Listener, SongOutputs, song_mean

OUTPUTS = {"predict": "prediction", "embed": "embedding"}


@dataclass(frozen=True)
class _SegmentValues:
    """What a model gives for the segments of a clip: starts [n] s, rows [n D], durations in s."""

    starts: np.ndarray
    rows: np.ndarray
    seconds: float
    duration: float

    @property
    def mean(self) -> np.ndarray:
        """[D]; a rest that fills no segment counts only where it is all there is."""
        return song_mean(self.rows, self.starts, self.seconds, self.duration)

    @property
    def whole(self) -> np.ndarray:
        """The rows that `mean` is made of, [n D]."""
        inside = self.starts + self.seconds <= self.duration + 1e-6
        return self.rows[inside] if inside.any() else self.rows


@dataclass(frozen=True)
class ClipModel:
    """Class probabilities and embeddings of clips. checkpoint: as `zoo.load` takes it.

    The name is looked at now, the weights are read at the first use. Clips of another rate are
    resampled, those shorter than what the model reads are filled up with zeros.
    """

    checkpoint: str

    def __post_init__(self) -> None:
        self.system  # noqa: B018  # a name that is none ends here, not after days of training

    @property
    def system(self) -> System:
        return _loaded(self.checkpoint)

    @property
    def name(self) -> str:
        """As it was given, and its config."""
        return f"{self.checkpoint} ({self.system.trained.config.name})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in order."""
        return self.system.labels

    @property
    def how(self) -> Listener:
        """How clips are cut for it. raises BadInput: it does not tag audio."""
        evaluation = self.system.experiment.evaluation
        if not isinstance(evaluation, Tagging):
            raise BadInput(f"{self.checkpoint} is no classifier or tagger: give a run of one")
        return evaluation.listener(self.system.experiment.data.source.info)

    def probabilities(self, clips: Iterable[np.ndarray], rate: int) -> np.ndarray:
        """Clips [T C] at `rate` Hz -> [N K], each row divided by its sum, as sigmoids need it."""
        found = self.outputs((sounds.as_sound(clip, rate) for clip in clips), "predict")
        return normalise_scores(np.array([one.mean for one in found]))

    def embeddings(self, clips: Iterable[np.ndarray], rate: int) -> np.ndarray:
        """Clips [T C] at `rate` Hz -> means over their segments [N D]."""
        found = self.outputs((sounds.as_sound(clip, rate) for clip in clips), "embed")
        return np.array([one.mean for one in found], np.float64)

    def outputs(self, clips: Iterable[Sound], method: str) -> list[_SegmentValues]:
        """What 'predict' or 'embed' gives for the segments of every clip; clips share batches."""
        self.system.require("embed" if method == "embed" else "tags")
        how, trained = self.how, self.system.trained
        bound = inference.predictor(trained.experiment.objective, trained.mesh, method)
        songs: list[SongOutputs] = []

        def segments() -> Iterator[tuple[SongOutputs, HostBatch]]:
            for clip in clips:
                clip.require(how.rate)
                songs.append(SongOutputs(how))
                for segment in songs[-1].segments(clip.blocks(), clip.rate):
                    yield songs[-1], segment

        for song, output in paired_predictions(bound(trained.variables), segments(), how.batch):
            song.rows.append(output[OUTPUTS[method]])
        return [_finished(song) for song in songs]


def normalise_scores(scores: np.ndarray) -> np.ndarray:
    """Scores of classes [N K], 0 or more, as probabilities that sum to one."""
    scores = np.asarray(scores, np.float64)
    return scores / np.maximum(scores.sum(1, keepdims=True), np.finfo(np.float64).tiny)


def _finished(song: SongOutputs) -> _SegmentValues:
    how, count = song.how, len(song.rows)
    starts = np.arange(count) * (song.cut.step / how.rate)
    rows = np.asarray(song.rows, np.float32)
    return _SegmentValues(starts, rows, how.samples / how.rate, song.length / how.rate)


@cache
def _loaded(checkpoint: str) -> System:
    return finding.load_system(checkpoint)
