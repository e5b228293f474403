"""Independent subspace analysis (Dubnov, 2002) of the embedded music: spectral ICA and clustering.

20 independent spectra are found in the magnitudes of each window and grouped by timbre, without
references; `sample.py --config isa_score_render --input song.mp3` separates a song. Not trained.
On the test split its SDR is below that of the mixture (0.8 against 1.0 dB), its SI-SDR above
(-4.4 against -5.2).
"""

from zoo.experiment import Experiment
from zoo.models.separation.isa import ISA
from zoo.recipes import blind

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/models/test_isa.py": "scikit-learn"}
SMOKE = {"size": "tiny", "samples": 16_384, "rank": 6, "iterations": 20}


def config(
    size: str = "small",
    sources: int = 4,
    rank: int = 32,
    iterations: int = 200,
    n_fft: int = 2048,
    hop: int = 512,
    samples: int = 262_144,
    seed: int = 0,
) -> Experiment:
    model = ISA(sources, rank, iterations, n_fft, hop, blind.RATE)
    return blind.score_render_blind_separation(
        model, samples, size=size, sources=sources, seed=seed
    )
