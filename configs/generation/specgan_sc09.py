"""SpecGAN (Donahue et al., ICLR 2019, table 1) on SC09: spoken digits of a second at 16 kHz.

SC09 is the digits zero to nine of Speech Commands 0.01, the reader's own download: path=FOLDER as
its authors publish it, with train, valid and test; any folder of one-shot sounds will do
(one_shots=false: of longer recordings). The recipe is WaveGAN's (`wavegan_sc09`), on spectrograms
of 128 frames of 128 bins.
Deviation: the Inception score needs a digit classifier, so the Fréchet distance of mel embeddings
stands instead.
"""

import jax.numpy as jnp

from zoo.data.levels import Peak
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.sampled import Sampled
from zoo.experiment import Experiment
from zoo.models.generation.specgan import Discriminator, Generator
from zoo.objectives.spectrogram_gan import SpectrogramGAN
from zoo.recipes.recordings import recordings
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 36_493_314,
        "reported": {
            "inception_score": 6.03,
        },
        "source": "table 1, SpecGAN on SC09 (reported, unchecked)",
    },
}
AGREES = {"tests/models/test_specgan.py": "own twin"}
SMOKE = {"dim": 2, "bins": 32, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/sc09",
    one_shots: bool = True,
    bins: int = 128,
    dim: int = 64,
    discriminator_turns: int = 5,
    batch: int = 64,
    steps: int = 200_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    objective = SpectrogramGAN(
        Generator(dim, bins, dtype=dtype),
        Discriminator(dim, bins, dtype=dtype),
        discriminator_turns=discriminator_turns,
        n_fft=2 * bins,
        hop=bins,
    )
    samples = objective.samples
    # A one-shot is scaled by the peak of its file, which may lie behind its first second.
    scaled = (ToFloat(),) if one_shots else (ToFloat(), Peak())
    source = Folder(path, 16_000, chunk_seconds=samples / 16_000, one_shots=one_shots)
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    if one_shots:
        data = Data(source, (*scaled, Crop(samples), Keep("audio")))
    else:
        data = recordings(source, samples)
    return Experiment(
        data=data,
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=Sampled(samples),
        batch=batch,
        steps=steps,
        evaluate_every=2000,
        evaluate_limit=2048,
        save_every=1000,
        seed=seed,
    )
