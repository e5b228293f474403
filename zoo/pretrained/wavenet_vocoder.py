"""Checkpoints of r9y9/wavenet_vocoder 0.1 (MIT), of a user's own: WaveNets that follow mel frames.

Sizes are read from the shapes. What these do not tell stands in the package's preset, a .json of
the same name beside the file, or hparams.json in its folder; without one it is as in the preset
ljspeech_mixture.json, which the published net of LJSpeech has, and skips are as in code before
`legacy`. Neither can be had here: which preset a published file has is reported, unchecked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo import escapes
from zoo.errors import BadInput
from zoo.pretrained import torch_file
from zoo.pretrained.index import Arrays
from zoo.pretrained.rules import Rule, Skip, conv, fuse_weight_norm, identity, sum_arrays

MARK = "conv_layers.0.conv1x1c."
TITLE = "WaveNet vocoders by r9y9's wavenet_vocoder 0.1"
CONFIG = "wavenet_ljspeech"
STACKS = {24: 4, 20: 2}  # by layers: the presets, the package's defaults
_LARGEST = 1 << 20  # bytes of a preset
_PREFIX = re.compile(r"^(?:(?:state_dict|module|model)\.)+")
_PARTS = ("first_conv.", "conv_layers.", "last_conv_layers.", "upsample_", "embed_speakers.")
_NORMS = ("weight_g", "parametrizations.weight.original0")
DIRECTION = re.compile(r"(.*)\.(?:weight_v|parametrizations\.weight\.original1)")
_FRONT = {  # of a preset: our argument, the smallest and the largest value
    "sample_rate": ("sample_rate", 1000, 768_000),
    "fft_size": ("n_fft", 16, 65_536),
    "fmin": ("low", 0, 384_000),
    "fmax": ("high", 1, 384_000),
    "ref_level_db": ("reference", -200, 200),
    "log_scale_min": ("floor", -100, 0),
}


def read_wavenet_vocoder(paths: Sequence[Path]) -> Arrays:
    """The net's arrays by the names of a bare state dict, weight norm worked in."""
    return strip_checkpoint(torch_file.read_torch(paths))


def recognised(arrays: Arrays) -> bool:
    """Whether a file holds a WaveNet of this package, of whatever version, under frames."""
    return any(_PREFIX.sub("", name).startswith(MARK) for name in arrays)


def strip_checkpoint(arrays: Arrays) -> Arrays:
    """Without what surrounds the net in a checkpoint, and without weight norm."""
    named = {_PREFIX.sub("", name): array for name, array in arrays.items()}
    result = {}
    for name, array in named.items():
        if not name.startswith(_PARTS) or name.endswith(_NORMS):
            continue
        normed = DIRECTION.fullmatch(name)
        if normed is None:
            result[name] = array
            continue
        norms = [named.get(f"{normed[1]}.{leaf}") for leaf in _NORMS]
        found = next((one for one in norms if one is not None and one.ndim == array.ndim), None)
        if found is None:
            raise BadInput(f"the norms of {name} are missing")
        result[f"{normed[1]}.weight"] = fuse_weight_norm(identity)(array, found)
    return result


def sized(path: Path, arrays: Arrays) -> tuple[dict[str, Any], tuple[Rule | Skip, ...]]:
    """(arguments of the config, rules) of bare arrays. BadInput where something is not stated."""
    try:
        return _sized(arrays, _preset(path))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _sized(
    arrays: Arrays, preset: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[Rule | Skip, ...]]:
    if f"{MARK}bias" not in arrays:
        raise BadInput(
            "a net of wavenet_vocoder after 0.1, which follows frames standardised by a file of "
            "its own, meanvar.joblib, and makes sound that is to be filtered; those of 0.1 are read"
        )
    if any("embed_speakers" in name or "conv1x1g" in name for name in arrays):
        raise BadInput("a net of several speakers; those of one speaker are read")
    layers = len({name.split(".")[1] for name in arrays if name.startswith("conv_layers.")})
    both, width, kernel = _shape(arrays, "conv_layers.0.conv.weight", 3)
    outputs, skip, _ = _shape(arrays, "last_conv_layers.3.weight", 3)
    entered = _shape(arrays, "first_conv.weight", 3)[1]
    found = {
        "layers": layers,
        "stacks": _stacks(layers, preset),
        "width": width,
        "gate": both // 2,
        "skip": skip,
        "kernel": kernel,
        "bins": _shape(arrays, "conv_layers.0.conv1x1c.weight", 3)[1],
        **_output(entered, outputs, preset),
        **_upsampling(arrays, preset),
        **_front(preset),
    }
    _same(preset, found)
    legacy = preset.get("legacy", True)
    if not isinstance(legacy, bool):
        raise BadInput(f"its preset has legacy={legacy!r:.40}; it is true or false")
    return found, _rules(layers, entered > 1, legacy)


def _shape(arrays: Arrays, name: str, axes: int) -> tuple[int, ...]:
    if name not in arrays or arrays[name].ndim != axes or not arrays[name].size:
        raise BadInput(f"no {name} of {axes} axes in it")
    return arrays[name].shape


def _stacks(layers: int, preset: Mapping[str, Any]) -> int:
    stacks = STACKS.get(layers, 0)
    if "stacks" in preset:
        stacks = _whole(preset, "stacks", 1, layers)
    if not stacks or layers % stacks:
        raise BadInput(
            f"how many stacks its {layers} layers make is not in it: lay the preset, a .json of "
            "the same name with 'stacks', beside it"
        )
    return stacks


def _output(entered: int, outputs: int, preset: Mapping[str, Any]) -> dict[str, Any]:
    """What its outputs mean."""
    kind = preset.get("input_type")
    if entered == outputs and entered > 1 and kind in (None, "mulaw-quantize"):
        return {"output": "codes", "parts": outputs}
    if entered == 1 and kind in (None, "raw"):
        if outputs == 2:
            return {"output": "gaussian", "floor": -7.0}
        if outputs % 3 == 0 and preset.get("output_distribution", "Logistic") == "Logistic":
            return {"output": "logistics", "parts": outputs // 3}
    raise BadInput(
        f"{outputs} outputs of {entered} inputs{f' by {kind!r:.30}' if kind else ''} are neither "
        "logistics (three each) nor a Gaussian (two) of raw sound, nor codes (as many)"
    )


def _upsampling(arrays: Arrays, preset: Mapping[str, Any]) -> dict[str, Any]:
    """By its layers, of which every second is a ReLU; else by repetition of a preset's hop."""
    names = [name for name in arrays if re.fullmatch(r"upsample_conv\.\d+\.weight", name)]
    if not names:
        if "hop_size" not in preset:
            raise BadInput(
                "it repeats its frames, and how often is not in it: lay the preset, a .json of "
                "the same name with 'hop_size', beside it"
            )
        hop = _whole(preset, "hop_size", 1, 65_536)
        return {"upsampling": "repeat", "factors": (hop,)}
    places = range(0, 2 * len(names), 2)
    shapes = [_shape(arrays, f"upsample_conv.{place}.weight", 4) for place in places]
    taps = {shape[2] for shape in shapes}
    if len(taps) != 1 or next(iter(taps)) % 2 == 0 or {s[:2] for s in shapes} != {(1, 1)}:
        raise BadInput("its upsampling layers are not of one odd number of bins")
    return {"factors": tuple(shape[3] for shape in shapes), "bin_taps": taps.pop()}


def _preset(path: Path) -> Mapping[str, Any]:
    """What the preset beside a checkpoint says; {} where there is none."""
    places = path.with_suffix(".json"), path.parent / "hparams.json"
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        return {}
    try:
        text = place.read_bytes()[: _LARGEST + 1]
        found = json.loads(text.decode()) if len(text) <= _LARGEST else None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(
            escapes.terminal_line(f"{place.name} beside it is no JSON ({error})")[:200]
        ) from None
    if not isinstance(found, dict):
        raise BadInput(f"{place.name} beside it is no preset, which is a JSON object")
    return found


def _front(preset: Mapping[str, Any]) -> dict[str, Any]:
    """The mel front end's arguments as far as a preset says them."""
    given: dict[str, Any] = {}
    for name, (own, least, most) in _FRONT.items():
        if preset.get(name) is not None:
            read = _whole if own in ("sample_rate", "n_fft") else _number
            given[own] = read(preset, name, least, most)
    if preset.get("min_level_db") is not None:
        given["span"] = -_number(preset, "min_level_db", -200, -1)
    if preset.get("preprocess") or preset.get("postprocess"):
        raise BadInput("its preset filters the sound before the net; only plain sound is read")
    return given


def _number(preset: Mapping[str, Any], name: str, least: float, most: float) -> float:
    value = preset[name]
    if type(value) not in (int, float) or not least <= value <= most:
        raise BadInput(f"its preset has {name}={value!r:.40}; it is a number, {least} to {most}")
    return float(value)


def _whole(preset: Mapping[str, Any], name: str, least: int, most: int) -> int:
    value = _number(preset, name, least, most)
    if value != int(value):
        raise BadInput(f"its preset has {name}={value}; it is a whole number")
    return int(value)


def _same(preset: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Raises BadInput where a preset is of another net."""
    hop = math.prod(found["factors"])
    sizes = {
        "layers": found["layers"],
        "residual_channels": found["width"],
        "gate_channels": 2 * found["gate"],
        "skip_out_channels": found["skip"],
        "kernel_size": found["kernel"],
        "cin_channels": found["bins"],
        "num_mels": found["bins"],
        "hop_size": hop,
    }
    for name, size in sizes.items():
        if preset.get(name) not in (None, size):
            raise BadInput(f"its preset has {name}={preset[name]!r:.40}, the file {size}")


def _rules(layers: int, codes: bool, legacy: bool) -> tuple[Rule | Skip, ...]:
    """The table for so many layers. codes: of its input. legacy: sums of skips are scaled."""
    first = r"first_conv\.weight"
    table: list[Rule | Skip] = [Skip(r"embed_speakers\..*")]
    if codes:
        bias = ("first_conv.bias",)
        table.append(Rule(first, "params/source/embedding", _embedded, bias))
    else:
        table.append(Rule(first, "params/source/kernel", _flat))
        table.append(Rule(r"first_conv\.bias", "params/source/bias"))
    for number in range(layers):
        after = max(number, 1) if legacy else layers
        table += _layer(number, math.sqrt(0.5) ** (layers - after), number == layers - 1)
    for place, own in ((1, "hidden"), (3, "output")):
        table += _plain(rf"last_conv_layers\.{place}", own)
    table += [
        Rule(r"upsample_conv\.(\d+)\.weight", partial(_layer_of_upsampler, "kernel"), _upright),
        Rule(r"upsample_conv\.(\d+)\.bias", partial(_layer_of_upsampler, "bias")),
    ]
    return tuple(table)


def _layer(number: int, scale: float, last: bool) -> tuple[Rule | Skip, ...]:
    place, own = rf"conv_layers\.{number}", f"blocks_{number}"
    joined = (f"conv_layers.{number}.conv1x1c.bias",)
    scaled = partial(_scaled, scale)
    residual = _plain(rf"{place}\.conv1x1_out", f"{own}/residual")
    return (
        Rule(rf"{place}\.conv\.weight", f"params/{own}/dilated/kernel", conv),
        Rule(rf"{place}\.conv\.bias", f"params/{own}/dilated/bias", sum_arrays, joined),
        Rule(rf"{place}\.conv1x1c\.weight", f"params/{own}/local/kernel", conv),
        Rule(rf"{place}\.conv1x1_skip\.weight", f"params/{own}/skip/kernel", scaled),
        Rule(rf"{place}\.conv1x1_skip\.bias", f"params/{own}/skip/bias", scaled),
        *((Skip(rf"{place}\.conv1x1_out\..*"),) if last else residual),  # has no effect
    )


def _plain(foreign: str, own: str) -> tuple[Rule, ...]:
    return (
        Rule(rf"{foreign}\.weight", f"params/{own}/kernel", conv),
        Rule(rf"{foreign}\.bias", f"params/{own}/bias"),
    )


def _layer_of_upsampler(leaf: str, match: re.Match) -> str:
    return f"params/context/layers_{int(match[1]) // 2}/{leaf}"


def _upright(x: np.ndarray) -> np.ndarray:
    """ConvTranspose2d of one channel [1 1 bins taps] -> [taps bins 1]."""
    return np.moveaxis(x[0, 0], 0, 1)[..., None]


def _scaled(scale: float, x: np.ndarray) -> np.ndarray:
    """Times a number; a kernel [O I 1] -> [1 I O] besides."""
    return np.float32(scale) * (conv(x) if x.ndim == 3 else x)


def _flat(x: np.ndarray) -> np.ndarray:
    """[O I 1] -> [I O]."""
    return x[..., 0].T


def _embedded(weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A map of one-hot codes [O I 1], [O] -> what each code becomes [I O]."""
    return weight[..., 0].T + bias
