"""NeuralAmpModeler (Atkinson 2021-26): a network of your own amplifier, from one recording.

Give `path` a folder with dry.wav, the sound that went in, and wet.wav, what came out: three minutes
of varied playing; `python sample.py --checkpoint RUN --input guitar.wav` plays anything through it.
architecture: standard, lite, feather, nano, a2, a2_lite or lstm, or the JSON of a .nam file's
architecture and config. The trainer's recipe: squared error and 2e-4 of pre-emphasised spectra,
Adam at 0.004 times 0.993 an epoch, 16 windows of 8,192 samples, 100 epochs. loss=esr is that of
Wright et al. 2020. Captures of others load by their file: zoo.load("amp.nam"). Deviations: the last
9 s are the test and those before them validation, where the trainer's one held-out piece is both;
an epoch counts 68 steps, as of three minutes; no gradient of an LSTM is cut.
"""

import jax.numpy as jnp

from zoo.data.sets.amp_pair import AmpPair
from zoo.experiment import Experiment
from zoo.models.generation.amp import of_layout
from zoo.pretrained import nam_json
from zoo.recipes.amps import AmpLoss, amp

ROWS = {
    "default": {"parameters": 13_801},
    "a2": {"parameters": 12_145, "arguments": {"architecture": "a2"}},
    "lstm": {
        "parameters": 2_665,
        "arguments": {"architecture": "lstm", "learning_rate": 0.01, "decay": 0.995},
    },
}
AGREES = {
    "tests/models/test_amp.py": "own twin",
    "tests/pretrained/test_nam_files.py": "the authors' module, published weights",
}
SMOKE = {
    "architecture": '{"architecture": "WaveNet", "config": {"head_scale": 0.1, "layers": [{'
    '"input_size": 1, "condition_size": 1, "channels": 2, "kernel_size": 2, "dilations": [1, 4], '
    '"head_size": 1, "head_bias": true, "activation": "Tanh"}]}}',
    "loss": "esr",
    "window": 256,
    "batch": 2,
    "steps": 2,
    "scored": 6_000,
}


def config(
    path: str = "~/amp",
    architecture: str = "standard",
    loss: AmpLoss = "nam",
    rate: int = 48_000,
    delay: int | None = None,
    window: int = 8192,
    scored: int = 144_000,
    batch: int = 16,
    steps: int = 6_800,
    epoch: int = 68,
    learning_rate: float = 4e-3,
    decay: float = 0.993,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    dtype = jnp.bfloat16 if bfloat16 else jnp.float32
    return amp(
        AmpPair(path, rate, delay),
        of_layout(nam_json.layout(architecture), dtype),
        loss,
        window,
        learning_rate,
        decay,
        epoch,
        batch,
        steps,
        tracks=True,
        scored=scored,
        evaluate_every=10 * epoch,
        seed=seed,
    )
