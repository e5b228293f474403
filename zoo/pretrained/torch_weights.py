"""Weights that PyTorch code of others saved, in a user's own file, recognised by their names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.errors import BadInput
from zoo.pretrained import hifigan, onsets_frames, torch_file, wavenet_vocoder
from zoo.pretrained.index import Arrays, File, Published, Reader
from zoo.pretrained.rules import Rule, Skip


@dataclass(frozen=True)
class _Layout:
    """Whose names they are, by one that only they have; the row of a config that takes them."""

    mark: str
    title: str
    config: str
    arguments: Mapping[str, Any]
    rules: tuple[Rule | Skip, ...]
    player: str = "model"
    read: Reader = torch_file.read_torch


LAYOUTS = (
    _Layout(
        "onset_stack.0.cnn.0.weight",
        "Onsets and Frames by jongwook's port",
        "onsets_frames_maestro",
        {"layout": "port", "recurrent": 384},
        onsets_frames.RULES,
    ),
    _Layout(
        "generator.conv_pre.weight_v",
        "HiFi-GAN V1 by its authors' code",
        "hifigan_ljspeech",
        {},
        hifigan.RULES,
        "generator",
    ),
)


def record(path: Path) -> tuple[Published, Arrays]:
    """A user's own file as a publication, and its arrays; nothing of the file is executed."""
    found, arrays = _known(path, torch_file.read_torch([path]))
    published = Published(
        name=path.stem,
        title=found.title,
        config=found.config,
        arguments=found.arguments,
        files=(
            File(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()),
        ),
        read=found.read,
        rules=found.rules,
        licence="that of the file",
        source=str(path),
        player=found.player,
    )
    return published, arrays


def _known(path: Path, arrays: Arrays) -> tuple[_Layout, Arrays]:
    """The layout of a file, and its arrays by the names that its rules take."""
    for layout in LAYOUTS:
        if layout.mark in arrays:
            return layout, arrays
    if wavenet_vocoder.recognised(arrays):
        return _wavenet(path, wavenet_vocoder.strip_checkpoint(arrays))
    known = ", ".join([*(layout.title for layout in LAYOUTS), wavenet_vocoder.TITLE])
    raise BadInput(f"{path} holds weights of a net that is not known by its names: {known} are")


def _wavenet(path: Path, arrays: Arrays) -> tuple[_Layout, Arrays]:
    """A layout whose sizes, and so its arguments and rules, are those of the file."""
    arguments, rules = wavenet_vocoder.sized(path, arrays)
    title, config = wavenet_vocoder.TITLE, wavenet_vocoder.CONFIG
    layout = _Layout(
        wavenet_vocoder.MARK,
        title,
        config,
        arguments,
        rules,
        read=wavenet_vocoder.read_wavenet_vocoder,
    )
    return layout, arrays
