"""U-Net on magnitudes (Jansson et al., ISMIR 2017), a net for voice and one for the rest, MIR-1K.

The net and its training as on MUSDB18 (jansson_unet_musdb18): L1 of magnitudes, Adam at 1e-4,
batch 4; spectra of 1,024 samples at 16 kHz every 512, of which 128 frames are 4 s.
Row narrow, five levels of half the width at 1e-3, is what ten minutes of one core can train.
Deviations: the authors never scored MIR-1K, so there is no figure to reach; clips are separated in
overlapping pieces of 128 frames.
Data are the reader's own download: path=FOLDER.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.separation.spectrogram_unet import SpectrogramUNet
from zoo.objectives.masking import Masking
from zoo.recipes import separation
from zoo.songs.segments import Segments
from zoo.training.optimizers import adam

ROWS = {
    "default": {"parameters": 19_643_618},
    "narrow": {
        "arguments": {"widths": (8, 16, 32, 64, 128), "learning_rate": 1e-3},
        "parameters": 1_225_074,
    },
}
AGREES = {"tests/models/test_spectrogram_unet.py": "own twin"}
SMOKE = {"widths": (2, 3, 4), "frames": 16, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/MIR-1K",
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512),
    frames: int = 128,
    batch: int = 4,
    steps: int = 20_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    model = SpectrogramUNet(sources=2, hop=512, widths=widths, frames=frames, dtype=dtype)
    length = model.length()
    hop = frames * 3 // 4 * model.hop
    segments = Segments(length, length - 2 * model.hop, hop=hop, window="fade", batch=4)
    return separation.mir_1k(
        Masking(model),
        adam(learning_rate),
        segments,
        model.crop(),
        path=path,
        batch=batch,
        steps=steps,
        seed=seed,
    )
