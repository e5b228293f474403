"""WaveGAN's classifier (Donahue et al., ICLR 2019) on Free Spoken Digits, small, in minutes.

The official split, where all speakers are in all parts; an eighth of the width, Adam for SGD. Words
are filled up with zeros as a generator makes them, at 16 kHz. Then `wavegan_sc09
path=FOLDER/recordings classifier=RUN` has the inception score of that set's own classifier.
path=FOLDER is the clone of the data's repository. No paper on these data.
"""

from zoo.data.sets.free_spoken_digits import FreeSpokenDigits
from zoo.experiment import Experiment
from zoo.models.classification.inception import SAMPLES
from zoo.recipes.inception import classifier
from zoo.training.optimizers import adam

ROWS = {"default": {"parameters": 32_314}}
AGREES = {"tests/models/test_inception.py": "own twin"}
SMOKE = {"width": 2, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/free-spoken-digit-dataset",
    width: int = 16,
    batch: int = 32,
    steps: int = 300,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    return classifier(
        FreeSpokenDigits(path, 16_000, SAMPLES / 16_000, repeat=False),
        adam(learning_rate),
        width=width,
        batch=batch,
        steps=steps,
        every=100,
        bfloat16=bfloat16,
        seed=seed,
    )
