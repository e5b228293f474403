"""MelGAN of a well-known port, a pickled module inside the wheel of a Mandarin synthesiser."""

from __future__ import annotations

from zoo.pretrained import torch_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.rules import ArrayTransform, Rule, conv, flat, transposed_conv


def normed(foreign: str, own: str, layout: ArrayTransform = conv) -> tuple[Rule, ...]:
    """The three arrays of a torch layer under weight norm, to ours."""
    return (
        Rule(rf"{foreign}\.weight_v", f"params/{own}/kernel", layout),
        Rule(rf"{foreign}\.weight_g", f"params/{own}/scale", flat),
        Rule(rf"{foreign}\.bias", f"params/{own}/bias"),
    )


def _stage(stage: int) -> tuple[Rule, ...]:
    """Layers follow each other in threes: leaky ReLU, transposed convolution, residual stack."""
    rules = normed(rf"generator\.{3 * stage}", f"up_{stage}", transposed_conv)
    stack = rf"generator\.{3 * stage + 1}"
    for block in range(3):
        own = f"residual_{stage}_{block + 1}"
        for foreign, layer in (
            (r"blocks\.{}\.2", "dilated"),
            (r"blocks\.{}\.4", "mix"),
            (r"shortcuts\.{}", "shortcut"),
        ):
            rules += normed(rf"{stack}\.{foreign.format(block)}", f"{own}/{layer}")
    return rules


RULES = (
    *normed(r"generator\.1", "first"),
    *(rule for stage in (1, 2, 3, 4) for rule in _stage(stage)),
    *normed(r"generator\.16", "last"),
)

PUBLISHED = (
    Published(
        name="melgan",
        title="generator of the port by Seungwon Park, trained on Mandarin speech by kuangdd",
        config="melgan_ljspeech",
        arguments={"front": "port"},
        files=(
            File(
                "ttskit/resource/model/melgan.kuangdd.pt",
                34_162_007,
                "4a8cf7774077b82cb48ac0a414f0993a5b904f8c5a2e1a92ae901d506b854da0",
            ),
        ),
        read=torch_file.read_torch,
        rules=RULES,
        licence="MIT (speech data undeclared)",
        source="ttskit 0.3.8 on PyPI",
        package="ttskit==0.3.8",
        wheel="ttskit-0.3.8-py3-none-any.whl",
        wheel_size=59_430_399,
        wheel_sha256="edb0610f0ca27198a6eadc6788b16c28203ae0951c4fc456077026805382e373",
        player="generator",
    ),
)
