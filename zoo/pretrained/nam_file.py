"""NeuralAmpModeler's captures of amplifiers: .nam files, which are JSON, and two published ones.

A file says its architecture and has all weights as one list. Of a container of several sizes the
largest is taken. What is read is checked: nothing of a file is more than numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import escapes
from zoo.errors import BadInput
from zoo.layers import amp_layouts
from zoo.pretrained import nam_json
from zoo.pretrained.index import Arrays, File, Published
from zoo.pretrained.rules import Rule, conv, transpose

_LARGEST = 64 << 20  # bytes; the largest captures in use have less than one million
_RATE = 48_000  # of files that say none
_NEAR = 1e-5  # of two numbers for the scale of the output, one of which was rounded

RULES = (
    Rule(r"(.*)/weight", r"params/\1/kernel", conv),
    Rule(r"(.*)/bias", r"params/\1/bias"),
    Rule(r"(lstm_\d+)/recurrent_weight", r"params/\1/recurrent_kernel", transpose),
    Rule(r"(lstm_\d+)/recurrent_bias", r"params/\1/recurrent_bias"),
    Rule(r"((?:hidden|cell)_\d+)", r"params/\1"),
)


def _read(paths: Sequence[Path]) -> Arrays:
    """The arrays of one .nam file, by the places that `amp_layouts.parameter_shapes` names."""
    if len(paths) != 1:
        raise BadInput("a capture is one .nam file")
    return capture(paths[0])[1]


def capture(path: Path) -> tuple[dict[str, Any], Arrays]:
    """(arguments of the config: architecture and rate; the arrays) of a .nam file."""
    try:
        return _capture(path)
    except BadInput as error:
        raise BadInput(f"{path} is no .nam file that can be read: {error}") from None


def _capture(path: Path) -> tuple[dict[str, Any], Arrays]:
    given = _json(path)
    rate = given.get("sample_rate")
    while given.get("architecture") == "SlimmableContainer":
        given = _largest(given)
        rate = given.get("sample_rate") if rate is None else rate
    rate = _RATE if rate is None else rate
    if type(rate) not in (int, float) or rate != round(rate) or not 8_000 <= rate <= 768_000:
        raise BadInput(f"its 'sample_rate' is {rate!r:.40}, not a whole number of Hz")
    kept, arrays = _network(given, nam_json.of_json(given))
    text = json.dumps(kept, separators=(",", ":"))
    return {"architecture": nam_json.architecture_name(text), "rate": int(rate)}, arrays


def _network(given: dict[str, Any], layout: amp_layouts.AmpLayout) -> tuple[dict[str, Any], Arrays]:
    """(architecture and config without weights, the arrays) of a network that is laid out so."""
    arrays, rest = _cut(_numbers(given.get("weights")), layout)
    config = dict(given["config"])
    if isinstance(layout, amp_layouts.LstmLayout):
        return {"architecture": "LSTM", "config": config}, _as_torch(arrays, layout)
    if abs(float(rest[0]) - layout.scale) > _NEAR:  # the last weight is the scale
        config["head_scale"] = float(rest[0])
    if layout.condition is not None:
        config["condition_dsp"], inner = _network(config["condition_dsp"], layout.condition)
        arrays |= {f"condition/{name}": array for name, array in inner.items()}
    return {"architecture": "WaveNet", "config": config}, arrays


def _numbers(weights: Any) -> np.ndarray:
    """The list of all weights, float32. Raises BadInput for anything else."""
    if not isinstance(weights, list) or not all(type(one) in (int, float) for one in weights):
        raise BadInput("its 'weights' are no list of numbers")
    try:
        found = np.asarray(weights, np.float32)
    except OverflowError:
        found = np.full(1, np.inf, np.float32)
    if not np.isfinite(found).all():
        raise BadInput("its 'weights' are not all finite")
    return found


def _cut(weights: np.ndarray, layout: amp_layouts.AmpLayout) -> tuple[Arrays, np.ndarray]:
    """(the arrays in order, what is left). Raises BadInput unless their number is right."""
    spare = 0 if isinstance(layout, amp_layouts.LstmLayout) else 1
    wanted = list(amp_layouts.parameter_shapes(layout))
    sizes = [math.prod(shape) for _, shape in wanted]
    if sum(sizes) + spare != len(weights):
        raise BadInput(f"it has {len(weights):,} weights, its sizes ask for {sum(sizes) + spare:,}")
    *parts, rest = np.split(weights, np.cumsum(sizes))
    return {name: part.reshape(shape) for (name, shape), part in zip(wanted, parts)}, rest


def _as_torch(arrays: Arrays, layout: amp_layouts.LstmLayout) -> Arrays:
    """Each LSTM's one matrix [4D I+D] as torch's two, and a second bias of zeros."""
    for number in range(layout.layers):
        name = f"lstm_{number}"
        both = arrays.pop(f"{name}/both")
        arrays[f"{name}/weight"], arrays[f"{name}/recurrent_weight"] = np.split(
            both, [both.shape[1] - layout.width], 1
        )
        arrays[f"{name}/recurrent_bias"] = np.zeros_like(arrays[f"{name}/bias"])
    return arrays


def _json(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise BadInput(f"it has {size:,} bytes, more than {_LARGEST:,}")
        found = json.loads(path.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as error:
        reason = type(error).__name__ if isinstance(error, RecursionError) else error
        raise BadInput(escapes.terminal_line(f"no JSON ({reason})")[:200]) from None
    if not isinstance(found, dict):
        raise BadInput("it is no JSON object")
    return found


def _largest(given: dict[str, Any]) -> dict[str, Any]:
    """The last network of a container, which has the most channels."""
    config = given.get("config")
    parts = config.get("submodels") if isinstance(config, dict) else None
    last = parts[-1].get("model") if isinstance(parts, list) and _objects(parts) else None
    if not isinstance(last, dict):
        raise BadInput("its container holds no 'submodels'")
    return last


def _objects(parts: list[Any]) -> bool:
    return bool(parts) and all(isinstance(one, dict) for one in parts)


def record(path: Path) -> tuple[Published, Arrays]:
    """A user's own file as a publication, and its arrays."""
    arguments, arrays = capture(path)
    size, digest = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    found = Published(
        name=path.stem,
        title="a capture of NeuralAmpModeler, by its file",
        config="amp_folder",
        arguments=arguments,
        files=(File(path.name, size, digest),),
        read=_read,
        rules=RULES,
        licence="that of the file",
        source=str(path),
    )
    return found, arrays


_COMMIT = "daae2d0b482a5fe876258caf3fdfe177044b6295"
_SOURCE = "https://github.com/sdatkinson/NeuralAmpModelerCore"
_EXAMPLES = (
    f"https://raw.githubusercontent.com/sdatkinson/NeuralAmpModelerCore/{_COMMIT}/example_models/"
)


def _example(name: str, shape: str, file: str, size: int, sha256: str) -> Published:
    """One of the captures that lie beside the player; whose amplifiers they are is not stated."""
    return Published(
        name=name,
        title=f"a guitar amplifier by NeuralAmpModeler, shape {shape}; which is not stated",
        config="amp_folder",
        arguments={"architecture": shape},
        files=(File(file, size, sha256),),
        read=_read,
        rules=RULES,
        licence="MIT",
        source=_SOURCE,
        url=_EXAMPLES,
    )


PUBLISHED = (
    _example(
        "nam_a1_standard",
        "standard",
        "wavenet_a1_standard.nam",
        407_452,
        "ceb53469a19ce278e2235da982ae676cb8d5451a8de22a7ecc7a2617d07224d1",
    ),
    _example(
        "nam_a2",
        "a2",
        "A2.nam",
        665_758,
        "2d2d744516dc0197737a2c5001010429692d4cb20d72b08264781de626fcf4ca",
    ),
)
