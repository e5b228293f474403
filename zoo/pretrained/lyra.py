"""WaveGRU as Lyra v0.0.2 shipped it: a gzip of float32 for the weights and bias of each layer."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zoo.errors import BadInput
from zoo.pretrained.index import Arrays, File, Published
from zoo.pretrained.rules import ArrayTransform, Rule, transpose

_COMMIT = "4d759efcd7c79f8f5aa25714e971b353ea21d3f4"  # tag v0.0.2
PREFIX, _WEIGHTS, BIAS = "lyra_16khz_", "_weights.raw.gz", "_bias.raw.gz"
_LARGEST = 64 << 20  # bytes of a file unpacked; the largest has 12.6 MB


def read_lyra(paths: Sequence[Path]) -> Arrays:
    """LAYER/weight [O I], rows as the matrix product has them, and LAYER/bias [O]."""
    parts = {_name_of(path): _numbers(path) for path in paths}
    found: Arrays = {}
    for name, numbers in parts.items():
        if not name.endswith(BIAS):
            continue
        layer = name.removesuffix(BIAS)
        weights = parts.get(layer + _WEIGHTS)
        if weights is None or len(weights) % max(len(numbers), 1):
            raise BadInput(f"{layer}{_WEIGHTS} does not belong to {name}: obtain both anew")
        found[f"{layer}/weight"] = weights.reshape(len(numbers), -1)
        found[f"{layer}/bias"] = numbers
    if 2 * len(parts) != 2 * len(found):
        raise BadInput("of each layer the weights and the bias are needed")
    return found


def _name_of(path: Path) -> str:
    """LAYER_weights.raw.gz, without what stands before the layer's name."""
    return path.name.rpartition(PREFIX)[2]


def _numbers(path: Path) -> np.ndarray:
    try:
        with gzip.open(path) as file:
            raw = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} is no gzip that can be read ({error}): obtain it anew") from None
    if len(raw) > _LARGEST or len(raw) % 4:
        raise BadInput(f"{path} holds no float32 of a layer: obtain it anew")
    return np.frombuffer(raw, "<f4").astype(np.float32)


def _taps(count: int) -> ArrayTransform:
    """Rows [O k I], the oldest of k inputs first -> [k I O]."""

    def layout(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), count, -1).transpose(1, 2, 0)

    return layout


RULES = (
    Rule(r"conv1d/weight", "params/first/kernel", _taps(3)),
    Rule(r"conv1d/bias", "params/first/bias"),
    Rule(r"conditioning_stack_(\d)/weight", r"params/stack_\1/kernel", _taps(2)),
    Rule(r"conditioning_stack_(\d)/bias", r"params/stack_\1/bias"),
    Rule(r"transpose_(\d)/weight", r"params/doubling_\1/kernel", transpose),
    Rule(r"transpose_(\d)/bias", r"params/doubling_\1/bias"),
    Rule(r"conv_cond/weight", "params/column/kernel", transpose),
    Rule(r"conv_cond/bias", "params/column/bias"),
    Rule(r"conv_to_gates/weight", "params/to_gates/kernel", transpose),
    Rule(r"conv_to_gates/bias", "params/to_gates/bias"),
    Rule(r"ar_to_gates/weight", "params/samples_kernel", transpose),
    Rule(r"ar_to_gates/bias", "params/samples_bias"),
    Rule(r"gru_layer/weight", "params/recurrent_kernel", transpose),
    Rule(r"gru_layer/bias", "params/recurrent_bias"),
    Rule(r"proj/weight", "params/projection/kernel", transpose),
    Rule(r"proj/bias", "params/projection/bias"),
    Rule(r"(mix|means|scales)/weight", r"params/\1/kernel", transpose),
    Rule(r"(mix|means|scales)/bias", r"params/\1/bias"),
)

_FILES = {  # of each layer: bytes and SHA-256 of its weights, then of its bias
    "ar_to_gates": (
        41_474,
        "1140e93d50d14855c3c145a5d7681f05ec6d1e06595d7c23a4eaed72f5501881",
        47,
        "5c8abb0d25cc904cb182051a166281eb361f77bd6e562f53382ea0dc63dce275",
    ),
    "conditioning_stack_0": (
        188_729,
        "8d27be697e90b80badabca20972d7ec54d9e15034fcb99cf8c4823cf766ee89a",
        1_955,
        "0636dde8b1afe1cd9e0481bbebd0dffaf42ec0eb70a87637bb4fdfb427b012cf",
    ),
    "conditioning_stack_1": (
        185_482,
        "2934a60a712e5974a0e19335cc42e6893a844d558a5a5cd63ce4e6ceab56e0c6",
        1_962,
        "3841f72b8bcad4854519fa6a5f691e476aac8a3f8cd903874f9ed0e35bad296c",
    ),
    "conditioning_stack_2": (
        186_099,
        "fb0a2be0f1890b7b03129747630ebdf785364bfe5f54fa48034d89f4b9ad41f5",
        1_923,
        "bb9e5865be5e2562c021ded9308c395da11af121fda23d5a0491e03afead04a9",
    ),
    "conv1d": (
        83_662,
        "c9d2fe33a993a8e850f6b515f26f02502978d19354cd81f1774009026ebccd56",
        1_967,
        "4a1eb4b894df7846d5861f4a752108097c9284f83dff80231183f38a9f615b54",
    ),
    "conv_cond": (
        188_015,
        "4142e874a56fa5e97a18b3a181b42e4090d46c86cc4578a8e31ff8b8f4fbf75b",
        38,
        "43fc690540e60b8987ad93df3dbaf2ee30de0e4deefcf3deac2de3f824302738",
    ),
    "conv_to_gates": (
        1_070_438,
        "e8f5cd47a7f77fcf74968a4c4a19f36136369368f89a5692367d0308aa30ea3d",
        11_455,
        "b9e2600253efd516a1d4499f6c003df95ba8fb4ec1ccd0ed9794420108efd943",
    ),
    "gru_layer": (
        783_037,
        "6e6499cd91b34dea29838b325f8141dcd63c8c5445f1ba7f78b378d94ff3a1a2",
        10_950,
        "1bb3b936c33e0187bcc814dc2a77ff776af177619f5aa2f70706edc773f8782e",
    ),
    "means": (
        62_795,
        "b8a8d77c4518670258edf9e4a46f15924077dd0f8b0c01ae39b058932542537b",
        151,
        "a514bc23210154c64a1d83d26861a5fbc4fa7d40af5cb41676d4934cfb6626cc",
    ),
    "mix": (
        61_730,
        "d758cd1c67e1c801e79f19a58de6da06efef97ab3aebb57bda693e626949f0c9",
        151,
        "bf8b4d46c7e90a7f8b74c2a3fa1d497c1c1380bb5eecd5cd828dff3579f4d7ff",
    ),
    "proj": (
        182_125,
        "b0115a87bf255ab6355ced705af7546b007628af3bb9cbad4dc39762c4c3b2e7",
        1_972,
        "058c9c4cea36c9d767aa29bbc6ed2d2bcc5ff109e1470df7c171d105cf2892e9",
    ),
    "scales": (
        61_718,
        "a928f7771318ca9c18f5addf53ab2d27901fd8ccffaccd9c3c1bcce9b5e41466",
        151,
        "d201c68c0a2b44bdb997df9e3b695a2d82d3ea230e9235c6289c6ffc1c0924b5",
    ),
    "transpose_0": (
        188_749,
        "d6335ad5e2dc750fb95248dc738e5210c12f4a358846eb6e564ba6a575104908",
        1_995,
        "4576a2049c2c1b7ba43162e411e976bc52ab4874d1ac38b7055a329286bbedf5",
    ),
    "transpose_1": (
        189_274,
        "69f38fb741fecb954bff3bb9cc983906ed261daadadc9dcf1bebb96b67b11532",
        1_991,
        "b4eba834d5e93ecbad927444cffc319656ac10557428d3f478bbc4e639985a0d",
    ),
    "transpose_2": (
        188_283,
        "53e6ad968cf9bf1b308a0ec972ca05f02d73da01bfc0a91e59c6dadc39409076",
        1_988,
        "0bbcc38c76c58141a71b68e05abc69de0b246772c1355b68d97e024072aea2b8",
    ),
}


def _files() -> tuple[File, ...]:
    """Weights and bias of every layer. The masks beside them are zero where the weights are."""
    found = []
    for layer, (size, sha256, bias_size, bias_sha256) in _FILES.items():
        found.append(File(f"{PREFIX}{layer}{_WEIGHTS}", size, sha256))
        found.append(File(f"{PREFIX}{layer}{BIAS}", bias_size, bias_sha256))
    return tuple(found)


PUBLISHED = (
    Published(
        name="lyra_wavegru",
        title="the decoder of Lyra v0.0.2, a speech codec: a vocoder of frames every 40 ms",
        config="wavegru_folder",
        arguments={},
        files=_files(),
        read=read_lyra,
        rules=RULES,
        licence="Apache-2.0",
        source="https://github.com/google/lyra",
        url=f"https://raw.githubusercontent.com/google/lyra/{_COMMIT}/wavegru/",
    ),
)
