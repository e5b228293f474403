"""SpecGAN (Donahue et al., ICLR 2019, table 1) on SC09: spoken digits of a second at 16 kHz.

SC09 is the digits zero to nine of Speech Commands 0.01, the reader's own download: path=FOLDER of
all 30 words with subset=digits, or as WaveGAN's authors publish it, with train, valid and test; any
folder of one-shot sounds will do (one_shots=false: of longer recordings). The recipe is WaveGAN's
(`wavegan_sc09`), on spectrograms of 128 frames of 128 bins.
classifier=RUN adds the Inception score of clips=50000 by a run of inception_sc09 (not by the
authors' weights), embedding=musicnn_mtt the distances of its embeddings.
"""

import jax.numpy as jnp

from zoo.experiment import Experiment
from zoo.models.generation.specgan import Discriminator, Generator
from zoo.objectives.spectrogram_gan import SpectrogramGAN
from zoo.recipes.clips import clip_evaluation, sc09
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 36_493_314,
        "reported": {
            "inception_score": 6.03,
        },
        "source": "table 1, SpecGAN on SC09 (reported, unchecked)",
        "protocol": "Inception score by the classifier named in classifier=, not the authors' own",
    },
}
AGREES = {"tests/models/test_specgan.py": "own twin"}
SMOKE = {"dim": 2, "bins": 32, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/sc09",
    subset: str = "",
    one_shots: bool = True,
    bins: int = 128,
    dim: int = 64,
    discriminator_turns: int = 5,
    classifier: str = "",
    clips: int = 50_000,
    embedding: str = "",
    batch: int = 64,
    steps: int = 200_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    objective = SpectrogramGAN(
        Generator(dim, (bins, bins), dtype=dtype),
        Discriminator(dim, (bins, bins), dtype=dtype),
        discriminator_turns=discriminator_turns,
        n_fft=2 * bins,
        hop=bins,
    )
    samples = objective.samples
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    return Experiment(
        data=sc09(path, subset, one_shots, samples),
        objective=objective,
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=clip_evaluation(samples, classifier, embedding, clips),
        batch=batch,
        steps=steps,
        evaluate_every=2000,
        evaluate_limit=2048,
        save_every=1000,
        seed=seed,
    )
