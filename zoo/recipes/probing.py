"""A probe of a tagger as an experiment: the tagger's own data format, rate and segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo import experiment as experiments
from zoo.data import plans
from zoo.data.pipeline import Data
from zoo.data.source import Example, Info
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.tagging import Tagging
from zoo.experiment import Experiment
from zoo.objectives.base import Embedding
from zoo.objectives.probe import Probe

NONE = "none of these"


@dataclass(frozen=True)
class _ProbedFolder:
    """The user's labelled folder, as far as a probe's weights need to know it: no records."""

    about: Info
    samples: int

    @property
    def info(self) -> Info:
        return self.about

    def blank(self) -> Example:
        return plans.blank_record(self.samples, self.about.channels, tags=len(self.about.labels))

    def prepare(self) -> None:
        raise BadInput("a probe is fitted and scored by `python -m zoo probe WEIGHTS FOLDER`")

    def open(self, split: str) -> Sequence[Example]:
        raise BadInput("a probe is fitted and scored by `python -m zoo probe WEIGHTS FOLDER`")


def probe_experiment(
    body: str, words: Sequence[str], names: Sequence[str], source: str
) -> Experiment:
    """A probe of `names` and NONE on the embeddings of the config `body` with `words`."""
    config = experiments.shipped(body)
    made = config.experiment(**config.parse(words))
    evaluation = made.evaluation
    if not isinstance(evaluation, Tagging) or not isinstance(made.objective, Embedding):
        raise BadInput(f"{body} is no tagger with embeddings: choose another")
    info = Info(
        "probed-folder",
        made.data.source.info.sample_rate,
        made.data.source.info.channels,
        (*names, NONE),
        "the user's own",
        source,
    )
    # The rest of a song that fills no window is left out, as where the probe is fitted.
    samples = evaluation.samples
    return Experiment(
        data=Data(
            _ProbedFolder(info, samples), (Crop(samples), ToFloat(), Keep("audio", "tags", "known"))
        ),
        objective=Probe(made.objective),
        optimizers={},
        evaluation=replace(evaluation, segments=None, group="record"),
        batch=evaluation.batch,
        steps=1,
    )
