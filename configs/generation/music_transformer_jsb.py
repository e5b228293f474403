"""Music Transformer on Bach's chorales at sixteenths, voice after voice (Huang et al. 2019).

229 + 76 + 77 chorales, a symbol a voice and step. Table 2 there: nats per note on the validation
split, of 5 layers of 256 with 8 heads and 1,024 hidden units; `transformer` is the baseline without
relative attention. Their best, .335, adds relative pitch and time in the first layer, which is not
here. Crops of 1,024 symbols ("most common sequence length"), not transposed; pieces are scored
whole. Their dropout and schedule are not known: .1 and Noam's with 2,000 steps of warm-up.
path=FOLDER holds Jsb16thSeparated.json of github.com/czhuang/JSB-Chorales-dataset.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.grids import Grid
from zoo.data.sets.jsb_sixteenths import LONGEST, JsbSixteenths
from zoo.experiment import Experiment
from zoo.recipes.events import music_transformer
from zoo.training.optimizers import adam, noam

ROWS = {
    "relative": {
        "parameters": 5_278_976,
        "reported": {"nats_per_note": 0.335},
        "source": "Table 2 of arXiv 1809.04281, unchecked",
        "protocol": "theirs is the validation split, with relative pitch and time as well",
    },
    "transformer": {
        "arguments": {"relative": "no"},
        "parameters": 3_968_256,
        "reported": {"nats_per_note": 0.417},
        "source": "Table 2 of arXiv 1809.04281, unchecked",
        "protocol": "theirs is the validation split",
    },
}
AGREES = {"tests/models/test_music_transformer.py": "own twin"}
SMOKE = {"layers": 1, "width": 8, "hidden": 8, "heads": 2, "length": 32, "batch": 2, "steps": 2}


def config(
    path: str = "~/data/jsb",
    relative: Literal["yes", "no"] = "yes",
    layers: int = 5,
    width: int = 256,
    hidden: int = 1024,
    heads: int = 8,
    length: int = 1024,
    dropout: float = 0.1,
    batch: int = 4,
    steps: int = 20_000,
    warmup: int = 2000,
    bfloat16: bool = False,
) -> Experiment:
    net = {
        "layers": layers,
        "width": width,
        "keys": width,
        "hidden": hidden,
        "heads": heads,
        "reach": length if relative == "yes" else 0,
        "memory": 4 * LONGEST,
        "dropout": dropout,
        "dtype": jnp.bfloat16 if bfloat16 else jnp.float32,
    }
    return music_transformer(
        JsbSixteenths(path),
        Grid(),
        net,
        length=length,
        moved=(),
        program=19,  # a church organ
        scored=4 * LONGEST,
        score_batch=1,
        optimizers={"model": adam(noam(width, warmup), b2=0.98, eps=1e-9)},
        batch=batch,
        steps=steps,
        evaluate_every=500,
        save_every=500,
        log_every=50,
    )
