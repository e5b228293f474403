"""Magenta's tone-transfer decoders, as its demo of 2020 shipped them for browsers: four entries.

The graphs name their arrays by number alone, in the order in which the layers use them.
"""

from __future__ import annotations

import re

import numpy as np

from zoo.pretrained import tfjs
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import Rule, Skip

_COMMIT = "96e34aa429764974fea63dcd522b0bf10e4f5795"  # the last one that holds the models
_FOLDER = f"https://raw.githubusercontent.com/magenta/magenta-js/{_COMMIT}/music/demos/ddsp/models/"
NUMBERED = r".*/input/_"
_FIRST = 75
_BLOCKS = 16
_FIELDS = ("conv_{}/kernel", "conv_{}/bias", "norm_{}/scale", "norm_{}/bias")
ENDS = ("dense/kernel", "dense/bias")


def _path(match: re.Match) -> str:
    """Where the array of that number belongs: two of the input, four a block, two of the output."""
    number = int(match["number"]) - _FIRST
    if number < 2:
        return f"params/decoder/input/{('kernel', 'bias')[number]}"
    block, field = divmod(number - 2, len(_FIELDS))
    if block < _BLOCKS:
        return f"params/decoder/{_FIELDS[field].format(block + 1)}"
    return f"params/decoder/{ENDS[number - 2 - _BLOCKS * len(_FIELDS)]}"


def _squeezed(x: np.ndarray) -> np.ndarray:
    """Columns as a line: [W 1 I O] -> [W I O] and [1 1 1 C] -> [C]; others as they are."""
    return x.reshape(x.shape[:1] + x.shape[2:]) if x.ndim == 4 and x.shape[0] > 1 else _vector(x)


def _vector(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1) if x.ndim == 4 else x


_RULES = (
    Rule(rf"{NUMBERED}(?P<number>7[5-9]|[89]\d|1[0-3]\d|14[0-2])", _path, _squeezed),
    Skip(rf"(?!{NUMBERED}\d+$).*"),  # constants of the graph
)
SHARD = 3_888_160  # bytes
MANIFEST = 381_158
_HASHES = {  # of the shard and of model.json
    "violin": (
        "e2df331d82cf56ed58c202c7af545b305f6794c655897dfc45535620a0d2fc12",
        "4c4cc99e186fb101442c38fd0ed869c7911feb81a03113c092f48a7f07f89888",
    ),
    "flute": (
        "1ce83914040927c5713ad80131c9bfa7eed960b696ca8f17176392b7287ad745",
        "81a2187d58ca5d02e30b755aaa9abed171b0269a7cf2207f445a177af9add434",
    ),
    "trumpet": (
        "4785eff16aef6d5e620f70866b865e3cb6462f0670edeeb9711603a354170538",
        "20cf69198fc87decefce850fc5315562f2d72c01da89cd16581dc868f1daa5b5",
    ),
    "tenor_saxophone": (
        "e4f9c5703a80cb874bca35818b22eb86d7f02ade3098974b47c6d248e6e57f0d",
        "1b334b0639c2dd7f19e904a977339c7e4b53fe7fde4f56cc7c9797c99789787e",
    ),
}


def _entry(instrument: str) -> Published:
    """The publication of one instrument."""
    shard, manifest = _HASHES[instrument]
    return Published(
        name=f"ddsp_{instrument}",
        title=f"DDSP tone transfer to {instrument.replace('_', ' ')}, Magenta 2020",
        config="ddsp_solo",
        arguments={"decoder": "conv", "instrument": instrument, "reverb": 0},
        files=(
            File(f"{instrument}/model.json", MANIFEST, manifest),
            File(f"{instrument}/group1-shard1of1.bin", SHARD, shard),
        ),
        read=tfjs.read_tfjs,
        rules=_RULES,
        licence="Apache-2.0",
        source="https://github.com/magenta/magenta-js",
        url=_FOLDER,
    )


PUBLISHED = tuple(map(_entry, _HASHES))
