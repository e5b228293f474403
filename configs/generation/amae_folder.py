"""Argmax autoencoders in a hierarchy (Dieleman et al. 2018) on a folder of piano recordings.

Rows: default learns a code in 8 samples, top codes of these, one in 64, and prior a WaveNet over
the latter, which plays from the top down; codebook is the default with a VQ-VAE's bottleneck. Give
the same sizes to all three, and the run directories of the lower ones as below= and top=. The paper
has some 400 hours of solo piano at 16 kHz in 8-bit mu-law, which are not published, and plays 25 s:
6,250 codes of the top (reported, unchecked). Sizes are those of NSynth's decoder by the same group,
the optimiser's numbers those of public WaveNets: the paper's are not established; it bred the
codebook's commitment over a population of runs, which is .25 here. Its likelihoods and ratings are
not at hand. Weeks on one GPU.
"""

from typing import Literal

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.distributions import Tokens
from zoo.experiment import Experiment
from zoo.recipes.hierarchy import Bottleneck, Hierarchy
from zoo.training.optimizers import adam, halving

ROWS = {
    "default": {"parameters": 56_096_000},
    "codebook": {"arguments": {"bottleneck": "codebook"}, "parameters": 56_013_888},
    "top": {"arguments": {"level": "top", "samples": 98_304}, "parameters": 56_422_656},
    "prior": {"arguments": {"level": "prior", "samples": 393_216}, "parameters": 43_307_520},
}
AGREES = {"tests/models/test_ada_parity.py": "own twin"}
SMOKE = {
    "layers": 2,
    "stacks": 1,
    "width": 8,
    "skip": 8,
    "encoder": 8,
    "depth": 1,
    "codes": 16,
    "samples": 512,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/Music",
    level: Literal["bottom", "top", "prior"] = "bottom",
    below: str = "runs/amae_folder",
    top: str = "runs/amae_folder.top",
    layers: int = 30,
    stacks: int = 3,
    width: int = 512,
    skip: int = 256,
    encoder: int = 256,
    depth: int = 6,
    codes: int = 256,
    bottleneck: Bottleneck = "argmax",
    diversity: float = 0.01,
    normalise: bool = False,
    samples: int = 7680,
    batch: int = 8,
    steps: int = 500_000,
    learning_rate: float = 1e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    sizes = dict(layers=layers, stacks=stacks, width=width, skip=skip, encoder=encoder, depth=depth)
    plan = Hierarchy(
        **sizes,
        codes=codes,
        bottleneck=bottleneck,
        diversity=diversity,
        normalise=normalise,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    data = Data(
        Folder(path, 16_000), (Keep("audio"),), crop=TrackCrop(samples), on_device=(ToFloat(),)
    )
    optimizer = adam(halving(learning_rate, 200_000), clip_norm=1.0)
    how = dict(
        batch=batch,
        steps=steps,
        ema_decay=0.9999,
        evaluate_every=10_000,
        evaluate_limit=20,
        save_every=2000,
        seed=seed,
    )
    if level == "bottom":
        return plan.learn_bottom(data, samples, optimizer, **how)
    if level == "top":
        return plan.learn_top(data, samples, optimizer, below, **how)
    prior = plan.local_model(Tokens(codes))
    return plan.learn_prior(data, samples, optimizer, prior, below, top, **how)
