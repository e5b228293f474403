"""The four taggers of Pons and Serra 2019, as TensorFlow bundles inside their package's wheel."""

from __future__ import annotations

import numpy as np

from zoo.pretrained import tf_bundle
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import Rule, Skip, batch_norm

_DATA = ".data-00000-of-00001"
UNUSED = Skip(r".*/Adam(_\d)?|beta[12]_power")


def _narrow(x: np.ndarray) -> np.ndarray:
    """[k C 1 features] -> [k C features], where C may be 1 too."""
    return x.squeeze(2)


def _layer(foreign: str, own: str) -> Rule:
    return Rule(rf"{foreign}/(kernel|bias)", rf"params/{own}/\1")


def _pair(conv: str, norm: str, own: str) -> tuple[Rule, ...]:
    """A convolution of the library with its batch norm, to our block."""
    return (
        Rule(f"{conv}/kernel", f"params/{own}/conv/kernel", _narrow),
        Rule(f"{conv}/bias", f"params/{own}/conv/bias"),
        batch_norm(norm, f"{own}/norm", "/"),
    )


_BLOCKS = (
    "timbral_1/block",
    "timbral_2/block",
    "temporal_1/block",
    "temporal_2/block",
    "temporal_3/block",
    "middle_1",
    "middle_2",
    "middle_3",
)
_MUSICNN: tuple[Rule | Skip, ...] = (
    *(
        rule
        for i, own in enumerate(_BLOCKS)
        for rule in _pair(f"conv2d_{i}" if i else "conv2d", f"batch_normalization_{i + 1}", own)
    ),
    batch_norm("batch_normalization", "norm", "/"),
    batch_norm("batch_normalization_9", "norm_pooled", "/"),
    batch_norm("batch_normalization_10", "norm_hidden", "/"),
    _layer("dense", "hidden"),
    _layer("dense_1", "top"),
    UNUSED,
)
VGG: tuple[Rule | Skip, ...] = (
    Rule(r"(\d)CNN/(kernel|bias)", r"params/block_\1/conv/\2"),
    batch_norm(r"batch_normalization_(\d)", r"block_\1/norm", "/"),
    batch_norm("batch_normalization", "norm", "/"),
    _layer("dense", "top"),
    UNUSED,
)


def _published(
    model: str, corpus: str, scores: tuple[float, float], index: str, data: str
) -> Published:
    folder = f"musicnn/{'MTT' if corpus == 'mtt' else 'MSD'}_{model}"
    sizes = (4948, 9_465_596) if model == "musicnn" else (2994, 7_274_112)
    trained_on = "MagnaTagATune" if corpus == "mtt" else "the Million Song Dataset"
    return Published(
        name=f"{model}_{corpus}",
        title=f"Pons and Serra 2019, 50 tags, trained on {trained_on}",
        config=f"{model}_magnatagatune",
        arguments={"labels": "magnatagatune" if corpus == "mtt" else "million_song"},
        files=(
            File(f"{folder}/.index", sizes[0], index),
            File(f"{folder}/{_DATA}", sizes[1], data),
        ),
        read=tf_bundle.read_tf_bundle,
        rules=_MUSICNN if model == "musicnn" else VGG,
        licence="ISC",
        source="https://github.com/jordipons/musicnn",
        score=dict(zip(("roc_auc", "pr_auc"), scores)),
        package="musicnn==0.1.0",
        wheel="musicnn-0.1.0-py3-none-any.whl",
        wheel_size=29_292_476,
        wheel_sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
    )


PUBLISHED = (
    _published(
        "musicnn",
        "mtt",
        (0.90668, 0.38311),
        "da2d7bb670b2b31e9bc441bb1bd75eca31b5b061f963cc1f9630c1aff3238f57",
        "041f3935e981a65cea739842d30c188d3a7d2adf4410955c8668eb3de4a5acab",
    ),
    _published(
        "musicnn",
        "msd",
        (0.88019, 0.28906),
        "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
        "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
    ),
    _published(
        "vgg",
        "mtt",
        (0.90303, 0.38227),
        "4b0d3d2d02bbe0919c063c1fb74bfa9018ac3517e362d681b07444d4207a5f5f",
        "458f5c8bcecc086a3bba3dce83809df6da6e0a3560a59ddd84711bf3d5fd8303",
    ),
    _published(
        "vgg",
        "msd",
        (0.87676, 0.28192),
        "50e499238457558bba9f34f8b84d4afb8279afd43520cdf0a4fdf805a49c9ca3",
        "9683d756b8311146534f333502ebf4a2a78a3e320c54ab0411dff6186d8375fc",
    ),
)
