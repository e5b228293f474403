"""Sparse Transformer on the embedded piano music, 8-bit mu-law codes (Child et al. 2019).

Strided attention over 1,024 samples in rows of 32, 4 layers of 64; the row fixed has blocks of 32
whose last 4 positions are for all, in one softmax. To be worth anything it must get below 5.6 bits
per sample, what an order-1 model of such codes needs.
"""

import jax.numpy as jnp

from zoo.data.pipeline import Data
from zoo.data.score_render.source import ScoreRender
from zoo.data.transforms import Crop, Keep, ToFloat
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.sparse_transformer import SparseTransformer
from zoo.recipes import sparse_transformer

ROWS = {
    "default": {"parameters": 236_928},
    "fixed": {"arguments": {"pattern": "fixed", "combine": "merged"}, "parameters": 236_928},
}
AGREES = {"tests/models/test_sparse_transformer.py": "own twin with PyTorch's attention"}
SMOKE = {
    "size": "tiny",
    "context": 1024,
    "stride": 32,
    "layers": 2,
    "width": 4,
    "heads": 1,
    "batch": 2,
    "steps": 2,
}


def config(
    size: str = "small",
    context: int = 1024,
    stride: int = 32,
    layers: int = 4,
    width: int = 64,
    heads: int = 4,
    pattern: sparse_transformer.PatternName = "strided",
    combine: sparse_transformer.Combine = "interleaved",
    summary: int = 4,
    batch: int = 2,
    steps: int = 2000,
    learning_rate: float = 2e-3,
    bfloat16: bool = False,
    seed: int = 0,
) -> Experiment:
    model = SparseTransformer(
        context,
        stride,
        layers,
        width,
        heads,
        pattern,
        combine,
        summary,
        remat=False,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return sparse_transformer.sparse_transformer_experiment(
        Data(ScoreRender("piano", size), (Crop(context), ToFloat(), Keep("audio"))),
        model,
        Likelihood(context, context // 4),
        learning_rate=learning_rate,
        warmup=50,
        steps=steps,
        batch=batch,
        ema_decay=0.99,
        evaluate_every=500,
        evaluate_limit=4,
        save_every=200,
        seed=seed,
    )
