"""A network in place of a known amplifier, on the embedded piano music: NeuralAmpModeler's, small.

The wet sound is made from the dry one by a filter, a biased tanh and a filter
(zoo/data/amplified.py), so that what is learnt can be held to it: floor/linear_filter is the best
any filter does, floor/dry the sound as it was. Learning rate and steps are for minutes of a CPU.
"""

import jax.numpy as jnp

from zoo.data.amplified import Amplified
from zoo.data.score_render.source import ScoreRender
from zoo.experiment import Experiment
from zoo.models.generation.amp import of_layout
from zoo.pretrained import nam_json
from zoo.recipes.amps import AmpLoss, amp

ROWS = {"default": {"parameters": 841}}
AGREES = {
    "tests/models/test_amp.py": "own twin",
    "tests/pretrained/test_nam_files.py": "the authors' module, published weights",
}
SMOKE = {
    "size": "tiny",
    "architecture": '{"architecture": "WaveNet", "config": {"head_scale": 0.1, "layers": [{'
    '"input_size": 1, "condition_size": 1, "channels": 2, "kernel_size": 2, "dilations": [1, 4], '
    '"head_size": 1, "head_bias": true, "activation": "Tanh"}]}}',
    "loss": "esr",
    "window": 256,
    "batch": 1,
    "steps": 2,
    "scored": 5_000,
}


def config(
    size: str = "small",
    architecture: str = "nano",
    loss: AmpLoss = "nam",
    window: int = 8192,
    scored: int = 65_536,
    drive: float = 12.0,
    batch: int = 4,
    steps: int = 200,
    epoch: int = 8,
    learning_rate: float = 8e-3,
    decay: float = 0.97,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    return amp(
        Amplified(ScoreRender("piano", size), drive),
        of_layout(nam_json.layout(architecture), dtype),
        loss,
        window,
        learning_rate,
        decay,
        epoch,
        batch,
        steps,
        tracks=False,
        scored=scored,
        evaluate_every=200,
        seed=seed,
    )
