"""WaveGAN (Donahue et al., ICLR 2019, table 1) on SC09: spoken digits of a second at 16 kHz.

SC09 is the digits zero to nine of Speech Commands 0.01, the reader's own download: path=FOLDER of
all 30 words with subset=digits, or as WaveGAN's authors publish it, with train, valid and test; any
folder of one-shot sounds will do: of each file its first second, after its peak was brought to full
scale (one_shots=false: all of longer recordings), and samples=65536 makes 4 s. The paper trains
about 200,000 generator steps, four days on a P100 (reported, unchecked).
classifier=RUN adds the Inception score of clips=50000 by a run of inception_sc09 (not by the
authors' weights), embedding=musicnn_mtt the distances of its embeddings.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.arguments import OrNone
from zoo.experiment import Experiment
from zoo.models.generation.wavegan import Discriminator, Generator, strides_for
from zoo.objectives.adversarial import Wasserstein
from zoo.recipes.clips import clip_evaluation, sc09
from zoo.training.optimizers import adam

ROWS = {
    "default": {
        "parameters": 36_493_314,
        "reported": {
            "inception_score": 4.67,
        },
        "source": "table 1, WaveGAN with phase shuffle n=2 on SC09 (reported, unchecked)",
        "protocol": "Inception score by the classifier named in classifier=, not the authors' own",
    },
}
AGREES = {"tests/models/test_wavegan_parity.py": "own twin"}
SMOKE = {"samples": 1024, "dim": 2, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/sc09",
    subset: str = "",
    one_shots: bool = True,
    samples: int = 16_384,
    dim: int = 64,
    shuffle: OrNone = 2,
    post_filter: OrNone = 0,
    upsampling: Literal["zeros", "nearest"] = "zeros",
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
    strides = strides_for(samples)
    generator = Generator(dim, strides, upsampling=upsampling, post_filter=post_filter, dtype=dtype)
    discriminator = Discriminator(dim, strides, shuffle=shuffle, dtype=dtype)
    optimizer = adam(learning_rate, b1=0.5, b2=0.9)
    return Experiment(
        data=sc09(path, subset, one_shots, samples),
        objective=Wasserstein(generator, discriminator, discriminator_turns=discriminator_turns),
        optimizers={"discriminator": optimizer, "generator": optimizer},
        evaluation=clip_evaluation(samples, classifier, embedding, clips),
        batch=batch,
        steps=steps,
        evaluate_every=2000,
        evaluate_limit=2048,
        save_every=1000,
        seed=seed,
    )
