"""Independent subspace analysis (Dubnov, 2002) of the embedded music: spectral ICA and clustering.

32 independent spectra are found in the magnitudes of each window and grouped by timbre, without
references; `sample.py --config isa_score_render --input song.mp3` separates a song. Not trained.
On the test split SDR 1.8 and SI-SDR -2.3 dB, of the mixture in equal shares 1.0 and -5.2. Grouping
is what limits it: five validation tracks had 2.1 so, 3.7 with components that stems assign.
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
