"""Oracle masks on MUSDB18-HQ, as the IRM2, IBM and MWF entries of SiSEC 2018 (Stöter et al.).

The default is IRM2, ratios of powers; kind=irm power=1 is IRM1; kind=ibm (power 1 or 2) and
kind=wiener the others; kind=mixture a quarter of the mixture. Nothing is trained, so this checks a
copy of the data set: evaluate.py --config oracle_musdb18 path=FOLDER.
Deviations: HQ audio instead of the compressed stems; masks of segments of 12 s.
"""

from typing import Literal

from zoo.data.device_transforms import Group, Mixture, ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.musdb18 import RATE, Musdb18HQ
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.separation import Separation
from zoo.experiment import Experiment
from zoo.models.separation.masks import IdealMask
from zoo.objectives.closed_form import ClosedForm
from zoo.songs.segments import Segments
from zoo.songs.separating import Separator

ROWS = {
    "irm2": {
        "parameters": 0,
        "reported": {
            "sdr_median_of_track_medians/drums": 8.45,
            "sdr_median_of_track_medians/bass": 7.12,
            "sdr_median_of_track_medians/other": 7.85,
            "sdr_median_of_track_medians/vocals": 9.43,
        },
        "source": "IRM2 of SiSEC 2018, re-aggregated from its published frames (checked)",
    },
    "irm1": {
        "arguments": {"power": 1.0},
        "parameters": 0,
        "reported": {
            "sdr_median_of_track_medians/drums": 7.33,
            "sdr_median_of_track_medians/bass": 6.18,
            "sdr_median_of_track_medians/other": 6.92,
            "sdr_median_of_track_medians/vocals": 8.52,
        },
        "source": "IRM1 of SiSEC 2018, re-aggregated from its published frames (checked)",
    },
    "ibm1": {
        "arguments": {"kind": "ibm", "power": 1.0},
        "parameters": 0,
        "reported": {
            "sdr_median_of_track_medians/drums": 7.09,
            "sdr_median_of_track_medians/bass": 5.19,
            "sdr_median_of_track_medians/other": 5.89,
            "sdr_median_of_track_medians/vocals": 7.67,
        },
        "source": "IBM1 of SiSEC 2018, re-aggregated from its published frames (checked)",
    },
    "ibm2": {
        "arguments": {"kind": "ibm"},
        "parameters": 0,
        "reported": {
            "sdr_median_of_track_medians/drums": 7.26,
            "sdr_median_of_track_medians/bass": 5.4,
            "sdr_median_of_track_medians/other": 6.01,
            "sdr_median_of_track_medians/vocals": 7.74,
        },
        "source": "IBM2 of SiSEC 2018, re-aggregated from its published frames (checked)",
    },
    "mwf": {
        "arguments": {"kind": "wiener"},
        "parameters": 0,
        "reported": {
            "sdr_median_of_track_medians/drums": 8.09,
            "sdr_median_of_track_medians/bass": 6.75,
            "sdr_median_of_track_medians/other": 7.56,
            "sdr_median_of_track_medians/vocals": 9.13,
        },
        "source": "MWF of SiSEC 2018, re-aggregated from its published frames (checked)",
    },
    "mixture": {
        "arguments": {"kind": "mixture"},
        "parameters": 0,
        "reported": {
            "sdr_median_of_track_medians/drums": 1.33,
            "sdr_median_of_track_medians/bass": 0.67,
            "sdr_median_of_track_medians/other": 1.16,
            "sdr_median_of_track_medians/vocals": 1.12,
        },
        "source": "MIX of SiSEC 2018, re-aggregated from its published frames (checked)",
    },
}
AGREES = {"tests/models/test_masks.py": "SciPy", "tests/metrics/test_bss_eval.py": "museval"}
SMOKE = {"samples": 16_384}

SOURCES = ("bass", "drums", "other", "vocals")


def config(
    path: str = "~/data/musdb18hq",
    kind: Literal["ibm", "irm", "wiener", "mixture"] = "irm",
    power: float = 2.0,
    n_fft: int = 2048,
    hop: int = 1024,
    samples: int = 524_288,
    ratios: Literal["sdr", "full"] = "sdr",
    seed: int = 0,
) -> Experiment:
    data = Musdb18HQ(path)
    groups = tuple((data.info.labels.index(name),) for name in SOURCES)
    segments = Segments(samples, samples - 2 * n_fft, key="mixture")
    return Experiment(
        data=Data(
            data,
            (Keep("stems"),),
            crop=TrackCrop(samples),
            on_device=(ToFloat(), Group(groups), Mixture()),
        ),
        objective=ClosedForm(IdealMask(kind, power, n_fft, hop)),
        optimizers={},
        evaluation=Separation(Separator(segments, RATE, 2, SOURCES), ratios=ratios, oracle=True),
        batch=1,
        steps=0,
        seed=seed,
    )
