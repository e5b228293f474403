"""Sinusoidal modelling (Virtanen and Klapuri, 2000) of the embedded music: partials made to notes.

Peaks of spectra are followed, made to notes by a perceptual distance and to sources by pitch, and
played again; what is left of the mixture is a source of its own. No references, nothing is trained:
`sample.py --config sinusoidal_score_render --input song.mp3` separates a song.
On the test split SDR 1.7 and SI-SDR -1.6 dB, of the mixture in equal shares 1.0 and -5.2. Grouping
is what limits it: validation tracks had 1.8 so (four), 4.3 with notes that stems assign (five).
"""

from zoo.experiment import Experiment
from zoo.models.separation.sinusoidal import Sinusoidal
from zoo.recipes import blind

ROWS = {"default": {"parameters": 0}}
AGREES = {"tests/signal/test_sinusoids.py": "SciPy"}
SMOKE = {"size": "tiny", "samples": 65_536, "peaks": 8, "tracks": 24, "hop": 1_024}


def config(
    size: str = "small",
    sources: int = 4,
    peaks: int = 60,
    tracks: int = 768,
    near: float = 0.3,
    n_fft: int = 1024,
    hop: int = 256,
    samples: int = 262_144,
    seed: int = 0,
) -> Experiment:
    model = Sinusoidal(sources, peaks, tracks, near, n_fft=n_fft, hop=hop, sample_rate=blind.RATE)
    return blind.score_render_blind_separation(
        model, samples, size=size, sources=sources, seed=seed
    )
