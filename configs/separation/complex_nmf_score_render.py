"""Complex NMF (Kameoka et al., ICASSP 2009) of the embedded music: phases for each component.

Components are grouped by timbre, without references; `sample.py --config complex_nmf_score_render
--input song.mp3` separates a song. turn=0 keeps the phases of the mixture. Not trained;
nothing outside agrees with it. Ten times slower than NMF.
On the test split SDR 2.1 and SI-SDR -1.9 dB, of the mixture in equal shares 1.0 and -5.2. Grouping
is what limits it: three validation tracks had 1.4 so, 4.9 with components that stems assign.
"""

from zoo.experiment import Experiment
from zoo.models.separation.complex_nmf import ComplexNMF
from zoo.recipes import blind

ROWS = {"default": {"parameters": 0}}
AGREES = {}
SMOKE = {"size": "tiny", "samples": 8_192, "rank": 6, "iterations": 4}


def config(
    size: str = "small",
    sources: int = 4,
    rank: int = 32,
    iterations: int = 20,
    sparsity: float = 0.03,
    power: float = 1.2,
    turn: float = 1.0,
    n_fft: int = 2048,
    hop: int = 512,
    samples: int = 262_144,
    seed: int = 0,
) -> Experiment:
    model = ComplexNMF(sources, rank, iterations, sparsity, power, turn, n_fft, hop, blind.RATE)
    return blind.score_render_blind_separation(
        model, samples, size=size, sources=sources, seed=seed
    )
