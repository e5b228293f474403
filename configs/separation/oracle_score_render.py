"""Oracle masks on the embedded music: the best that masking the mixture could reach.

kind=ibm, irm or wiener masks with the known stems; kind=mixture does nothing (each stem is a
quarter of the mixture). Nothing is trained: evaluate.py --config oracle_score_render. A minute.
"""

from typing import Literal

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Group, Keep, Mixture, ToFloat
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.masks import IdealMask
from zoo.objectives.closed_form import ClosedForm
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

ROWS = {
    "default": {"parameters": 0},
    "mixture": {"parameters": 0, "arguments": {"kind": "mixture"}},
}
AGREES = {"tests/models/test_masks.py": "SciPy", "tests/metrics/test_bss_eval.py": "museval"}
SMOKE = {"size": "tiny", "samples": 16_384}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    size: str = "small",
    kind: Literal["ibm", "irm", "wiener", "mixture"] = "irm",
    power: float = 2.0,
    n_fft: int = 2048,
    hop: int = 1024,
    samples: int = 65_536,
    seed: int = 0,
) -> Experiment:
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    # Frames at the edges of a segment see zeros: they are not kept.
    segments = Segments(samples, samples - 2 * n_fft, key="mixture")
    crop = min(samples, data.blank()["stems"].shape[1])
    return Experiment(
        data=Data(
            data, (Crop(crop), ToFloat(), Group(groups), Mixture(), Keep("mixture", "stems"))
        ),
        objective=ClosedForm(IdealMask(kind, power, n_fft, hop)),
        optimizers={},
        evaluation=Separation(Separator(segments, 16_000, 1, SOURCES), oracle=True),
        batch=1,
        steps=0,
        seed=seed,
    )
