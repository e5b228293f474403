"""What is done to a training example on the host: NumPy functions (rng, record) -> example.

Before `Mixture` audio is [T C] and stems are [S T C], int16 until `ToFloat`; after it the model's
mixture [T C] and stems [T S C]. Each is a frozen dataclass, so that worker processes can have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zoo.data.records import TIME_AXIS
from zoo.data.source import Example
from zoo.errors import BadInput

Rng = np.random.Generator


def too_short(there: int, wanted: int, also: str = "") -> BadInput:
    """The error where records of `there` samples do not hold a crop; wanted: of any size."""
    if wanted >= 2**31:
        size = f"10^{math.floor(math.log10(wanted))}"
        return BadInput(
            f"an example would have more than {size} samples: ask for fewer layers or filters."
        )
    return BadInput(
        f"records of {there:,} samples are too short for crops of {wanted:,}: "
        f"give the data set a larger chunk_seconds{also}."
    )


@dataclass(frozen=True)
class Crop:
    """A random window of `samples`, the same in audio and stems.

    Where the record says its `length`, the window keeps out of the zeros that fill up a short file,
    as far as the file is long enough.
    """

    samples: int

    def __call__(self, rng: Rng, example: Example) -> Example:
        if not _pcm(example):
            raise BadInput(f"Crop finds neither 'audio' nor 'stems' in {', '.join(example)}.")
        there = min(example[key].shape[axis] for key, axis in _pcm(example).items())
        if there < self.samples:
            raise too_short(there, self.samples, ", or pad first")
        valid = min(there, int(example.get("length", there)))
        start = int(rng.integers(max(valid - self.samples, 0) + 1))
        window = slice(start, start + self.samples)
        return _mapped(example, lambda x, axis: x[(slice(None),) * axis + (window,)])


@dataclass(frozen=True)
class Pad:
    """Zeros at the end, where audio and stems are shorter than `samples`.

    mask: the key under which an example says what is no filling, 1 or 0 [T] float32, that of a
    short record's own included; losses of pieces of different lengths need it.
    """

    samples: int
    mask: str = ""

    def __call__(self, rng: Rng, example: Example) -> Example:
        padded = _mapped(example, self._padded)
        if not self.mask:
            return padded
        there = min(example[key].shape[axis] for key, axis in _pcm(example).items())
        whole = max(there, self.samples)
        counts = np.arange(whole) < min(there, int(example.get("length", there)))
        return {**padded, self.mask: counts.astype(np.float32)}

    def _padded(self, array: np.ndarray, axis: int) -> np.ndarray:
        missing = max(0, self.samples - array.shape[axis])
        return np.pad(array, [(0, missing if i == axis else 0) for i in range(array.ndim)])


@dataclass(frozen=True)
class ToFloat:
    """int16 audio and stems to float32 in [-1, 1); tags and known to float32."""

    def __call__(self, rng: Rng, example: Example) -> Example:
        scaled = _mapped(example, lambda x, axis: x.astype(np.float32) / np.float32(32768))
        names = ("tags", "known")
        labels: Example = {k: example[k].astype(np.float32) for k in names if k in example}
        return {**scaled, **labels}


@dataclass(frozen=True)
class Gain:
    """A uniform random factor in [low, high] for audio, and one of its own for each stem."""

    low: float
    high: float
    keys: tuple[str, ...] = ("stems",)

    def __call__(self, rng: Rng, example: Example) -> Example:
        return _scaled(example, self.keys, lambda n: rng.uniform(self.low, self.high, n))


@dataclass(frozen=True)
class PolarityFlip:
    """Turns the sign of audio, and of each stem by itself, with this probability."""

    probability: float = 0.5
    keys: tuple[str, ...] = ("stems",)

    def __call__(self, rng: Rng, example: Example) -> Example:
        return _scaled(
            example, self.keys, lambda n: np.where(rng.random(n) < self.probability, -1.0, 1.0)
        )


@dataclass(frozen=True)
class SwapChannels:
    """Mirrors left and right of audio, and of each stem by itself, with this probability."""

    probability: float = 0.5
    keys: tuple[str, ...] = ("stems",)

    def __call__(self, rng: Rng, example: Example) -> Example:
        changed = {}
        for key in (key for key in self.keys if key in example):
            array = example[key]
            mirrored = rng.random((len(array), 1, 1) if key == "stems" else ()) < self.probability
            changed[key] = np.where(mirrored, array[..., ::-1], array)
        return {**example, **changed}


@dataclass(frozen=True)
class Mixture:
    """float stems [S T C] -> mixture [T C], their sum, and stems [T S C] as models have them."""

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = example["stems"]
        if stems.dtype.kind != "f":
            raise ValueError("Mixture adds float stems: put ToFloat before it")
        turned = np.ascontiguousarray(np.moveaxis(stems, 0, 1))
        return {**example, "mixture": stems.sum(axis=0), "stems": turned}


@dataclass(frozen=True)
class Group:
    """float stems [S T C] -> [G T C]: each group, a tuple of indices, becomes the sum of its stems.

    Also reorders: Group(((0, 1, 2), (3,))) makes accompaniment and vocals. Of `present` [S], where
    a record has it, a group is present if one of its stems is.
    """

    groups: tuple[tuple[int, ...], ...]

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = [example["stems"][list(group)].sum(axis=0) for group in self.groups]
        changed = {**example, "stems": np.stack(stems)}
        if "present" in example:
            changed["present"] = np.stack([example["present"][list(g)].max() for g in self.groups])
        return changed


@dataclass(frozen=True)
class SumStems:
    """float stems [S T C] -> audio [T C], their sum: music without its parts."""

    def __call__(self, rng: Rng, example: Example) -> Example:
        rest = {key: value for key, value in example.items() if key != "stems"}
        return {**rest, "audio": example["stems"].sum(axis=0)}


@dataclass(frozen=True)
class Mono:
    """The mean over channels of float audio and stems, which keep a channel axis of length 1."""

    def __call__(self, rng: Rng, example: Example) -> Example:
        return _mapped(example, lambda x, axis: x.mean(axis=-1, keepdims=True, dtype=np.float32))


@dataclass(frozen=True, init=False)
class Keep:
    """Only the named keys, and `track` for the log: Keep("audio", "tags")."""

    keys: tuple[str, ...]

    def __init__(self, *keys: str) -> None:
        object.__setattr__(self, "keys", keys)

    def __call__(self, rng: Rng, example: Example) -> Example:
        absent = [key for key in self.keys if key not in example]
        if absent:
            raise BadInput(f"records have no '{absent[0]}': they have {', '.join(example)}.")
        return {key: value for key, value in example.items() if key in (*self.keys, "track")}


def _pcm(example: Example) -> dict[str, int]:
    return {key: axis for key, axis in TIME_AXIS.items() if key in example}


def _mapped(example: Example, function: Callable[[np.ndarray, int], np.ndarray]) -> Example:
    """function(array, time axis) over audio and stems."""
    return {**example, **{key: function(example[key], a) for key, a in _pcm(example).items()}}


def _scaled(example: Example, keys: tuple[str, ...], draw: Callable[[int], np.ndarray]) -> Example:
    """Multiplies audio by one drawn factor, stems by one each; stays float32."""
    changed = {}
    for key in (key for key in keys if key in example):
        array = example[key]
        factors = draw(len(array))[:, None, None] if key == "stems" else draw(1)[0]
        changed[key] = array * np.float32(factors)
    return {**example, **changed}
