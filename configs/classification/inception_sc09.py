"""WaveGAN's classifier (Donahue et al., ICLR 2019) on SC09, for inception scores of digits.

The published code's recipe: SGD 1e-4 without momentum, batch 64; its evaluation keeps the step that
is most accurate on the validation split, ours the one of the best PR-AUC. Steps are ours: the
published weights are those of step 103,005. Then `wavegan_sc09 classifier=RUN` takes it.
Audio is the reader's own download of Speech Commands: path=FOLDER of all words. Cost: not measured.
"""

import optax

from zoo.data.sets.speech_commands import SpeechCommands
from zoo.experiment import Experiment
from zoo.models.classification.inception import SAMPLES
from zoo.recipes.inception import classifier

ROWS = {
    "default": {
        "parameters": 1_331_850,
    },
}
AGREES = {"tests/models/test_inception.py": "own twin"}
SMOKE = {"width": 2, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/speech_commands",
    subset: str = "digits",
    width: int = 128,
    batch: int = 64,
    steps: int = 200_000,
    learning_rate: float = 1e-4,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    return classifier(
        SpeechCommands(path, subset, chunk_seconds=SAMPLES / 16_000),
        optax.sgd(learning_rate),
        width=width,
        batch=batch,
        steps=steps,
        every=2000,
        bfloat16=bfloat16,
        seed=seed,
    )
