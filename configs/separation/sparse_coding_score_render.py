"""Shift-invariant sparse coding (Blumensath and Davies, 2004) of the embedded music's waveforms.

16 atoms of 64 ms are learnt from each window and grouped by their bands, without references;
`sample.py --config sparse_coding_score_render --input song.mp3` separates a song. Not trained.
On the test split SDR 1.58 and SI-SDR -2.9 dB, of the mixture in equal shares 1.04 and -5.2. Few
atoms are its limit beside grouping: on the validation split 2.5 dB where the stems assign them.
"""

from zoo.experiment import Experiment
from zoo.models.separation.sparse_coding import SparseCoding
from zoo.recipes import blind

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/models/test_sparse_coding.py": "scikit-learn"}
SMOKE = {"size": "tiny", "samples": 8_192, "atoms": 6, "taps": 256, "iterations": 4}


def config(
    size: str = "small",
    sources: int = 4,
    atoms: int = 16,
    taps: int = 1024,
    iterations: int = 60,
    sparsity: float = 0.2,
    samples: int = 262_144,
    seed: int = 0,
) -> Experiment:
    model = SparseCoding(sources, atoms, taps, iterations, sparsity, blind.RATE)
    return blind.score_render_blind_separation(
        model, samples, size=size, sources=sources, seed=seed
    )
