"""NMF (Lee and Seung, 2000) of each four seconds of the embedded music, clustered by an oracle.

32 spectra and their gains are fitted blindly to the mixture; the known stems then say which
component belongs to which source, so the score bounds what blind clustering of them could reach.
divergence=euclid, kullback_leibler or itakura_saito. Nothing is trained beforehand: evaluate.py
--config nmf_score_render. Minutes on two cores.
"""

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Group, Keep, Mixture, ToFloat
from zoo.errors import BadInput
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.nmf import BETAS, NMF
from zoo.objectives.closed_form import ClosedForm
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/models/test_nmf.py": "scikit-learn"}
SMOKE = {"size": "tiny", "samples": 16_384, "rank": 8, "iterations": 20}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    size: str = "small",
    divergence: str = "kullback_leibler",
    rank: int = 32,
    iterations: int = 100,
    n_fft: int = 2048,
    hop: int = 512,
    samples: int = 65_536,
    seed: int = 0,
) -> Experiment:
    if divergence not in BETAS:
        raise BadInput(f"divergence={divergence} is unknown: choose {', '.join(BETAS)}")
    data = ScoreRender("stems", size)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    segments = Segments(samples, samples - 2 * n_fft, key="mixture")
    crop = min(samples, data.blank()["stems"].shape[1])
    return Experiment(
        data=Data(
            data, (Crop(crop), ToFloat(), Group(groups), Mixture(), Keep("mixture", "stems"))
        ),
        objective=ClosedForm(NMF(rank, BETAS[divergence], iterations, n_fft, hop)),
        optimizers={},
        evaluation=Separation(Separator(segments, 16_000, 1, SOURCES), oracle=True),
        batch=1,
        steps=0,
        seed=seed,
    )
