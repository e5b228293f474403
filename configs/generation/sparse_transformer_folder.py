"""Sparse Transformer on a folder of piano at 12 kHz: 65,536 samples of context (Child et al. 2019).

Rows are those of the paper's table 4, which names lengths, counts and bits alone: default has 48
layers of 512 (those of its model of images of the same count), long 262,144 samples under 31 layers
of 256, longest 1,048,576 under 14 of 128; the stride is the root of the length. The paper's music
is that of Dieleman et al. 2018, which is not published: no figure compares. Adam with 5,000 steps
of warm-up, half a cosine, a clip of 1 and a weight decay of .01; the learning rate is that of its
other models (reported, unchecked); steps and batch are ours, a clip for each of its eight cards.
Bits per byte are `bits_per_sample`, each sample after at least half a context.
Audio is the reader's own: path=FOLDER of wav, flac, mp3 or ogg.
"""

import jax.numpy as jnp

from zoo.data.device_transforms import ToFloat
from zoo.data.pipeline import Data
from zoo.data.sets.folder import Folder
from zoo.data.track_crops import TrackCrop
from zoo.data.transforms import Keep
from zoo.evaluation.generation import Likelihood
from zoo.experiment import Experiment
from zoo.models.generation.sparse_transformer import SparseTransformer
from zoo.recipes import sparse_transformer

ROWS = {
    "default": {
        "reported": {"bits_per_sample": 1.97},
        "source": "table 4, 65,536 samples",
        "protocol": "other music; the paper does not say from how much context",
        "parameters": 151_839_744,
    },
    "long": {
        "arguments": {"context": 262_144, "stride": 512, "layers": 31, "width": 256, "heads": 8},
        "reported": {"bits_per_sample": 2.17},
        "source": "table 4, 262,144 samples",
        "protocol": "other music; the paper does not say from how much context",
        "parameters": 24_876_288,
    },
    "longest": {
        "arguments": {"context": 1_048_576, "stride": 1024, "layers": 14, "width": 128, "heads": 4},
        "reported": {"bits_per_sample": 2.99},
        "source": "table 4, 1,048,576 samples",
        "protocol": "other music; the paper does not say from how much context",
        "parameters": 3_103_744,
    },
}
AGREES = {
    "tests/models/test_sparse_transformer.py": "own twin with PyTorch's attention, parameter count"
}
SMOKE = {
    "context": 64,
    "stride": 8,
    "layers": 2,
    "width": 8,
    "heads": 2,
    "batch": 2,
    "steps": 2,
}


def config(
    path: str = "~/Music",
    sample_rate: int = 12_000,
    context: int = 65_536,
    stride: int = 256,
    layers: int = 48,
    width: int = 512,
    heads: int = 16,
    pattern: sparse_transformer.PatternName = "strided",
    combine: sparse_transformer.Combine = "interleaved",
    dropout: float = 0.0,
    batch: int = 8,
    steps: int = 200_000,
    learning_rate: float = 3.5e-4,
    fsdp: int = 1,
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
        dropout=dropout,
        dtype=jnp.bfloat16 if bfloat16 else jnp.float32,
    )
    return sparse_transformer.sparse_transformer_experiment(
        Data(
            Folder(path, sample_rate, chunk_seconds=2 * context / sample_rate),
            (Keep("audio"),),
            crop=TrackCrop(context, draw="window"),
            on_device=(ToFloat(),),
        ),
        model,
        Likelihood(context, context // 2, batch=1),
        learning_rate=learning_rate,
        warmup=5000,
        weight_decay=0.01,
        steps=steps,
        batch=batch,
        fsdp=fsdp,
        evaluate_every=5000,
        evaluate_limit=20,
        save_every=1000,
        log_every=50,
        seed=seed,
    )
