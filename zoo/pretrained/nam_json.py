"""The sizes of a network out of the JSON of a .nam file, checked field by field.

Names and meaning of the fields are those that NeuralAmpModeler's trainer writes, older names too.
Every fault is a BadInput that names the field; who reads a file puts its name before it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoo import vocabulary
from zoo.errors import BadInput
from zoo.layers.amp_layouts import (
    NAMED,
    Activation,
    AmpLayout,
    Film,
    Head,
    LayerArray,
    LstmLayout,
    WaveNetLayer,
    WaveNetLayout,
)

_WIDEST = 4096  # channels, taps or groups of anything
_DEEPEST = 512  # layers
_FARTHEST = 1 << 22  # samples of the receptive field: 87 s at 48 kHz
_NUMBERS: dict[str, tuple[tuple[str, float], ...]] = {  # of activations: their fields and defaults
    "Tanh": (),
    "Fasttanh": (),
    "Hardtanh": (("min_val", -1.0), ("max_val", 1.0)),
    "ReLU": (),
    "LeakyReLU": (("negative_slope", 0.01),),
    "PReLU": (("negative_slope", 0.01),),
    "Sigmoid": (),
    "SiLU": (),
    "Hardswish": (),
    "LeakyHardtanh": (
        ("min_val", -1.0),
        ("max_val", 1.0),
        ("min_slope", 0.01),
        ("max_slope", 0.01),
    ),
    "Softsign": (),
    "Softsigmoid": (),
}
GATES = ("none", "gated", "blended")
FILMS = (
    "conv_pre_film",
    "conv_post_film",
    "input_mixin_pre_film",
    "input_mixin_post_film",
    "activation_pre_film",
    "activation_post_film",
    "layer1x1_post_film",
    "head1x1_post_film",
)


def layout(text: str) -> AmpLayout:
    """A name of NAMED, or the JSON {"architecture", "config"} of a .nam file. Raises BadInput."""
    if not text.lstrip().startswith("{"):
        return NAMED[vocabulary.choose_name(text, tuple(NAMED), "architecture")]
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"architecture={text[:40]}...: no JSON ({error})") from None
    return of_json(given)


def architecture_name(text: str) -> str:
    """The name of NAMED that describes the same network, or the text."""
    wanted = layout(text)
    return next((name for name, known in NAMED.items() if known == wanted), text)


def of_json(given: Mapping[str, Any]) -> AmpLayout:
    """The network of {"architecture", "config"}, checked. Raises BadInput."""
    kind, config = given.get("architecture"), given.get("config")
    if kind not in ("WaveNet", "LSTM"):
        raise BadInput(
            f"its architecture is {kind!r:.40}: WaveNet, LSTM and SlimmableContainer are read"
        )
    if not isinstance(config, dict):
        raise BadInput("it has no 'config', which says the sizes of the network")
    if kind == "LSTM":
        if _whole(config, "input_size", 1) != 1:
            raise BadInput("an LSTM of several inputs, knobs among them, is not read")
        return LstmLayout(_whole(config, "hidden_size"), _whole(config, "num_layers", 1))
    return wavenet_layout(config, 1)


def wavenet_layout(config: Mapping[str, Any], outputs: int | None) -> WaveNetLayout:
    """A WaveNet of `outputs` channels, None for any, as its 'config' has it."""
    before = config.get("condition_dsp")
    condition = None
    if before is not None:
        if not isinstance(before, dict) or before.get("architecture") != "WaveNet":
            raise BadInput("its 'condition_dsp' is no WaveNet")
        inner = before.get("config")
        if not isinstance(inner, dict) or inner.get("condition_dsp") is not None:
            raise BadInput("its 'condition_dsp' has no 'config', or a condition_dsp of its own")
        condition = wavenet_layout(inner, None)
    arrays = tuple(_array(one) for one in _several(config, "layers"))
    head = None if config.get("head") is None else _head(config["head"])
    found = WaveNetLayout(arrays, _real(config, "head_scale", 1.0), head, condition)
    _check(found, _whole(config, "in_channels", 1), outputs)
    return found


def _check(found: WaveNetLayout, inputs: int, outputs: int | None) -> None:
    """Raises BadInput where one part does not take what another gives, or all is too large."""
    condition = found.condition.outputs if found.condition else 1
    before, given = 1, None
    for number, one in enumerate(found.arrays):
        if inputs != 1 or one.inputs != before or one.condition != condition:
            raise BadInput(f"array {number} of its 'layers' takes other inputs than it gets")
        if not one.residual and one.inner != one.channels:
            raise BadInput(f"array {number} of its 'layers' adds what has other channels")
        if given not in (None, one.summed):
            raise BadInput(
                f"array {number} of its 'layers' gets sums of another width than its own"
            )
        before, given = one.channels, one.outputs
    if outputs not in (None, found.outputs):
        raise BadInput(f"it has {found.outputs} outputs, not one")
    if sum(len(one.layers) for one in found.arrays) > _DEEPEST or found.reach > _FARTHEST:
        raise BadInput(
            f"it has more than {_DEEPEST} layers, or reaches {found.reach:,} samples back"
        )


def _array(config: Any) -> LayerArray:
    """One entry of 'layers'."""
    if not isinstance(config, dict):
        raise BadInput("its 'layers' are no objects")
    dilations = _wholes(config, "dilations")
    count = len(dilations)
    key = "kernel_sizes" if "kernel_sizes" in config else "kernel_size"
    taps = _wholes(config, key) if isinstance(config.get(key), list) else (_whole(config, key),)
    acts = [_activation(one) for one in _spread(config.get("activation"), count, "activation")]
    gates, seconds = _gates(config, count)
    channels = _whole(config, "channels")
    one = _part(config, "layer1x1") or {"active": True}
    skip = _part(config, "head1x1") or {"active": False}
    skips = skip.get("active") is True
    rest = zip(
        _spread(list(taps) if len(taps) > 1 else taps[0], count, key), dilations, strict=True
    )
    layers = tuple(
        WaveNetLayer(int(tap), dilation, act, gate, second)
        for (tap, dilation), act, gate, second in zip(rest, acts, gates, seconds, strict=True)
    )
    outputs, output_taps, bias = _output(config)
    found = LayerArray(
        _whole(config, "input_size"),
        channels,
        layers,
        outputs,
        output_taps,
        bias,
        _whole(config, "condition_size"),
        _whole(config, "bottleneck", channels),
        _whole(config, "groups_input", 1),
        _whole(config, "groups_input_mixin", 1),
        _whole(one, "groups", 1) if one.get("active") is True else 0,
        _whole(skip, "groups", 1) if skips else 0,
        _whole(skip, "out_channels", channels) if skips else 0,
        _films(config),
    )
    return replace(found, bottleneck=0) if found.bottleneck == channels else found


def _output(config: Mapping[str, Any]) -> tuple[int, int, bool]:
    """(channels, taps, whether a bias) of the convolution of an array's sum."""
    head = _part(config, "head")
    if head is None:
        return _whole(config, "head_size"), 1, config.get("head_bias") is True
    if _whole(head, "head_dilation", 1) != 1:
        raise BadInput("its 'head' is dilated, which is not read")
    return _whole(head, "out_channels"), _whole(head, "kernel_size"), head.get("bias") is True


def _gates(config: Mapping[str, Any], count: int) -> tuple[list[str], list[Activation]]:
    mode = config.get("gating_mode", "gated" if config.get("gated") is True else "none")
    gates = _spread(mode, count, "gating_mode")
    given = config.get("secondary_activation") or "Sigmoid"
    seconds = [
        _activation(one or "Sigmoid") for one in _spread(given, count, "secondary_activation")
    ]
    if odd := [gate for gate in gates if gate not in GATES]:
        raise BadInput(f"its 'gating_mode' is {odd[0]!r:.40}, not {', '.join(GATES)}")
    plain = Activation("Sigmoid")
    return gates, [plain if gate == "none" else one for gate, one in zip(gates, seconds)]


def _films(config: Mapping[str, Any]) -> tuple[Film, ...]:
    found = []
    for place in FILMS:
        given = config.get(place) or {"active": False}
        if not isinstance(given, dict):
            raise BadInput(f"its '{place}' is no object")
        if given.get("active", True) is True:
            found.append(Film(place, given.get("shift", True) is True, _whole(given, "groups", 1)))
    for place, wanted in (("layer1x1_post_film", "layer1x1"), ("head1x1_post_film", "head1x1")):
        there = _part(config, wanted) or {"active": wanted == "layer1x1"}
        if there.get("active") is not True and any(film.place == place for film in found):
            raise BadInput(f"it has a '{place}' and no '{wanted}'")
    return tuple(found)


def _head(given: Any) -> Head:
    if not isinstance(given, dict):
        raise BadInput("its 'head' is no object")
    taps = _wholes(given, "kernel_sizes")
    act = _activation(given.get("activation"))
    return Head(_whole(given, "channels"), _whole(given, "out_channels"), taps, act)


def _activation(given: Any) -> Activation:
    """A name, or an object with 'type' and its constants."""
    config = {"type": given} if isinstance(given, str) else given
    name = config.get("type") if isinstance(config, dict) else None
    name = "LeakyHardtanh" if name == "LeakyHardTanh" else name
    if not isinstance(name, str) or name not in _NUMBERS:
        raise BadInput(f"its activation is {given!r:.40}, not {', '.join(_NUMBERS)}")
    slopes = config.get("negative_slopes")
    if name == "PReLU" and slopes is not None:
        if not isinstance(slopes, list) or not 0 < len(slopes) <= _WIDEST:
            raise BadInput("its 'negative_slopes' are no list of numbers")
        return Activation(name, tuple(_real({"slope": one}, "slope", 0.0) for one in slopes))
    return Activation(name, tuple(_real(config, key, start) for key, start in _NUMBERS[name]))


def _spread(given: Any, count: int, key: str) -> list[Any]:
    """A list of `count`, or one thing so many times."""
    if not isinstance(given, list):
        return [given] * count
    if len(given) != count:
        raise BadInput(f"its '{key}' has {len(given)} entries for {count} layers")
    return given


def _part(config: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """An object inside of another, or None."""
    found = config.get(key)
    if found is not None and not isinstance(found, dict):
        raise BadInput(f"its '{key}' is no object")
    return found


def _several(config: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = config.get(key)
    if not isinstance(found, list) or not 0 < len(found) <= _DEEPEST:
        raise BadInput(f"its '{key}' is no list of 1 to {_DEEPEST} entries")
    return found


def _wholes(config: Mapping[str, Any], key: str) -> tuple[int, ...]:
    most = _FARTHEST if key == "dilations" else _WIDEST
    return tuple(_whole({key: one}, key, most=most) for one in _several(config, key))


def _whole(config: Mapping[str, Any], key: str, start: int = 0, most: int = _WIDEST) -> int:
    """A whole number from 1 to `most`; start: where there is none, 0 if there must be."""
    found = config.get(key) if config.get(key) is not None else start or None
    if type(found) is not int or not 0 < found <= most:
        raise BadInput(f"its '{key}' is {found!r:.40}, not a whole number from 1 to {most:,}")
    return found


def _real(config: Mapping[str, Any], key: str, start: float) -> float:
    found: Any = config.get(key) if config.get(key) is not None else start
    if type(found) not in (int, float) or not abs(found) < 1e30 or not math.isfinite(found):
        raise BadInput(f"its '{key}' is {found!r:.40}, not a number")
    return float(found)
