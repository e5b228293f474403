"""NMF (Lee and Seung, 2000) of the embedded music: spectra that come and go, grouped by timbre.

32 spectra and their gains are fitted to the mixture alone and clustered into sources, without
references: `sample.py --config nmf_score_render --input song.mp3` separates a song, sources=2 into
two. divergence=euclid, kullback_leibler or itakura_saito. match=components has the known stems say
which component belongs to which source: the bound of any clustering. Nothing is trained.
"""

from typing import Literal

from zoo.experiment import Experiment
from zoo.models.separation.nmf import BETAS, NMF
from zoo.recipes import blind

ROWS = {
    "default": {"parameters": 0},
    "assigned": {"parameters": 0, "arguments": {"match": "components", "samples": 65_536}},
    "euclid": {"parameters": 0, "arguments": {"divergence": "euclid"}},
    "itakura_saito": {"parameters": 0, "arguments": {"divergence": "itakura_saito"}},
}
AGREES = {"tests/models/test_nmf.py": "scikit-learn"}
SMOKE = {"size": "tiny", "samples": 16_384, "rank": 8, "iterations": 20}


def config(
    size: str = "small",
    sources: int = 4,
    divergence: Literal["euclid", "kullback_leibler", "itakura_saito"] = "kullback_leibler",
    rank: int = 32,
    iterations: int = 100,
    n_fft: int = 2048,
    hop: int = 512,
    samples: int = 262_144,
    match: blind.Match = "permutation",
    seed: int = 0,
) -> Experiment:
    grouped = 0 if match == "components" else sources
    model = NMF(grouped, rank, BETAS[divergence], iterations, n_fft, hop, blind.RATE)
    return blind.score_render_blind_separation(
        model, samples, size=size, sources=sources, match=match, edge=n_fft, seed=seed
    )
