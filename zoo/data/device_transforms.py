"""What is done to training batches on the device, inside the step: pure JAX, (rng, batch) -> batch.

Host memory and the way to the device hold int16 only. Before `Mixture` audio is [B T C] and stems
are [B S T C], int16 until `ToFloat`; after it the model's mixture [B T C] and stems [B T S C].
Every example of a batch draws its own numbers; their distributions are those of the transforms of
the same names in `zoo.data.transforms`, which work on single examples of the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from zoo.errors import BadInput

_REACH = 8  # samples to either side that an interpolated one is made of
DeviceBatch = dict[str, jax.Array]


class DeviceTransform(Protocol):
    """A frozen dataclass of numbers."""

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch: ...


def apply_on_device(
    transforms: Sequence[DeviceTransform], rng: jax.Array, batch: DeviceBatch
) -> DeviceBatch:
    """All transforms in order, each with random numbers of its own."""
    for number, transform in enumerate(transforms):
        batch = transform(jax.random.fold_in(rng, number), batch)
    return batch


def spec(transforms: Sequence[DeviceTransform], host: dict[str, np.ndarray]) -> dict:
    """Zeros in the shapes and types that a batch of the host has after the transforms."""
    if not transforms:
        return host
    made = jax.eval_shape(partial(apply_on_device, transforms), jax.random.key(0), host)
    return {k: np.broadcast_to(np.zeros((), v.dtype), v.shape) for k, v in made.items()}


def transformed_host_batch(
    transforms: tuple[DeviceTransform, ...], seed: int, number: int, batch: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """A batch of the host after the transforms, back on the host, for passes outside the step."""
    if not transforms:
        return batch
    rng = jax.random.fold_in(jax.random.key(seed), number)
    return jax.device_get(_compiled(transforms, rng, batch))


@dataclass(frozen=True)
class ToFloat:
    """int16 audio and stems to float32 in [-1, 1); tags and known to float32."""

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        found = dict(batch)
        found |= {k: _float(batch[k]) / 32768 for k in ("audio", "stems") if k in batch}
        return found | {k: _float(batch[k]) for k in ("tags", "known") if k in batch}


@dataclass(frozen=True)
class Peak:
    """Float audio scaled so that the largest sample of its whole track is `level`.

    `peak` [B], of whole tracks, comes with the batch (`TrackCrop`) and is dropped; a track of
    silence stays silent.
    """

    level: float = 1.0

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        audio = float_of(batch, "audio")
        peak = _beside(batch["peak"], audio)
        scale = jnp.where(peak > 0, self.level / jnp.where(peak > 0, peak, 1.0), 1.0)
        rest = {k: v for k, v in batch.items() if k != "peak"}
        return {**rest, "audio": audio * scale}


@dataclass(frozen=True)
class Standardise:
    """Stems over the deviation of their track's mixture, less equal shares of its mean.

    `mean` and `deviation` [B], of whole tracks, come with the batch (`TrackCrop`) and are dropped.
    A deviation below `floor`, that of a track that is all but silent, counts as the floor.
    """

    floor: float = 1e-4

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        stems = float_of(batch, "stems")
        share = _beside(batch["mean"], stems) / stems.shape[1]
        scale = jnp.maximum(_beside(batch["deviation"], stems), self.floor)
        rest = {k: v for k, v in batch.items() if k not in ("mean", "deviation")}
        return {**rest, "stems": (stems - share) / scale}


@dataclass(frozen=True)
class Group:
    """float stems [B S T C] -> [B G T C]: each group, a tuple of indices, as the sum of its stems.

    Also reorders: Group(((0, 1, 2), (3,))) makes accompaniment and vocals. Of `present` [B S],
    where records have it, a group is present if one of its stems is.
    """

    groups: tuple[tuple[int, ...], ...]

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        stems = float_of(batch, "stems")
        sums = [sum(stems[:, index] for index in group) for group in self.groups]
        changed = {**batch, "stems": jnp.stack(sums, 1)}
        if "present" in batch:
            marks = [batch["present"][:, list(group)].max(1) for group in self.groups]
            changed["present"] = jnp.stack(marks, 1)
        return changed


@dataclass(frozen=True)
class Gain:
    """A uniform random factor in [low, high) for audio, and one of its own for each stem."""

    low: float
    high: float
    keys: tuple[str, ...] = ("stems",)

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        def scaled(own: jax.Array, array: jax.Array, parts: tuple[int, ...]) -> jax.Array:
            return array * jax.random.uniform(own, parts, minval=self.low, maxval=self.high)

        return _each(rng, batch, self.keys, scaled)


@dataclass(frozen=True)
class PolarityFlip:
    """Turns the sign of audio, and of each stem by itself, with this probability."""

    probability: float = 0.5
    keys: tuple[str, ...] = ("stems",)

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        def flipped(own: jax.Array, array: jax.Array, parts: tuple[int, ...]) -> jax.Array:
            turned = jax.random.bernoulli(own, self.probability, parts)
            return jnp.where(turned, -array, array)

        return _each(rng, batch, self.keys, flipped)


@dataclass(frozen=True)
class SwapChannels:
    """Mirrors left and right of audio, and of each stem by itself, with this probability."""

    probability: float = 0.5
    keys: tuple[str, ...] = ("stems",)

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        def swapped(own: jax.Array, array: jax.Array, parts: tuple[int, ...]) -> jax.Array:
            turned = jax.random.bernoulli(own, self.probability, parts)
            return jnp.where(turned, array[..., ::-1], array)

        return _each(rng, batch, self.keys, swapped)


@dataclass(frozen=True)
class Mixture:
    """float stems [B S T C] -> mixture [B T C], their sum, and stems [B T S C] as models have them.

    keep: the first so many stems are targets, the others are left to the mixture; None: all.
    """

    keep: int | None = None

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        stems = float_of(batch, "stems")
        turned = jnp.moveaxis(stems[:, : self.keep], 1, 2)
        return {**batch, "mixture": stems.sum(1), "stems": turned}


@dataclass(frozen=True)
class LocalPitch:
    """Adds `into`: float audio [B T C] with a random stretch shifted by up to `semitones`.

    The stretch lasts `shortest` to `longest` of the clip and begins in its first half; what of it
    would pass the end is left out. It is read faster or slower about its middle, so that its
    timing moves by at most half its length times the change. Source: the code of Mor et al. 2019,
    which has librosa's phase vocoder in this place.
    """

    semitones: float = 0.5
    shortest: float = 0.25
    longest: float = 0.5
    key: str = "audio"
    into: str = "augmented"

    def __call__(self, rng: jax.Array, batch: DeviceBatch) -> DeviceBatch:
        audio = float_of(batch, self.key)
        count, length = audio.shape[:2]
        keys = jax.random.split(rng, 3)
        share = jax.random.uniform(keys[0], (count,), minval=self.shortest, maxval=self.longest)
        start = jax.random.uniform(keys[1], (count,), maxval=0.5)
        shift = jax.random.uniform(keys[2], (count,), minval=-1.0, maxval=1.0) * self.semitones
        first = jnp.floor(start * length)
        last = jnp.floor(first + share * length)
        return {**batch, self.into: change_span_speed(audio, first, last, 2 ** (shift / 12))}


def change_span_speed(
    audio: jax.Array, first: jax.Array, last: jax.Array, speed: jax.Array
) -> jax.Array:
    """audio [B T C] whose samples from `first` to before `last` [B] are read at `speed` [B]."""
    time = jnp.arange(audio.shape[1], dtype=jnp.float32)
    first, last, speed = first[:, None], last[:, None], speed[:, None]
    inside = (time >= first) & (time < last)
    middle = (first + last) / 2
    place = middle + (time - middle) * speed  # [B T]
    return jnp.where(inside[..., None], interpolate_at(audio, place), audio)


def interpolate_at(audio: jax.Array, place: jax.Array) -> jax.Array:
    """audio [B T C] at places [B n] between its samples, zeros outside -> [B n C]."""
    below = jnp.floor(place)
    taps = jnp.arange(1 - _REACH, _REACH + 1)
    away = (place - below)[..., None] - taps  # [B n taps]
    weights = jnp.sinc(away) * jnp.cos(jnp.pi * away / (2 * _REACH)) ** 2
    index = below.astype(jnp.int32)[..., None] + taps
    inside = (index >= 0) & (index < audio.shape[1])
    weights = jnp.where(inside, weights, 0.0)
    found = jax.vmap(lambda x, i: x[i])(audio, jnp.clip(index, 0, audio.shape[1] - 1))
    return jnp.einsum("bnk,bnkc->bnc", weights, found, precision=jax.lax.Precision.HIGHEST)


def _float(array: jax.Array) -> jax.Array:
    return jnp.asarray(array).astype(jnp.float32)


def float_of(batch: DeviceBatch, key: str) -> jax.Array:
    """A float array of the batch. raises BadInput where it is absent or still int16."""
    if key not in batch or not jnp.issubdtype(batch[key].dtype, jnp.floating):
        raise BadInput(f"'{key}' is absent or no float array: put ToFloat first in on_device")
    return batch[key]


def _beside(values: jax.Array, array: jax.Array) -> jax.Array:
    """One number for each example, [B], in the dimensions of an array [B ...]."""
    return values.reshape(-1, *[1] * (array.ndim - 1))


def _each(
    rng: jax.Array,
    batch: DeviceBatch,
    keys: Sequence[str],
    change: Callable[[jax.Array, jax.Array, tuple[int, ...]], jax.Array],
) -> DeviceBatch:
    """change(rng, array, parts) of the named arrays; parts: [B 1 1], of stems [B S 1 1]."""
    changed = {}
    for number, key in enumerate(key for key in keys if key in batch):
        array = float_of(batch, key)
        parts = (*array.shape[: array.ndim - 2], 1, 1)
        changed[key] = change(jax.random.fold_in(rng, number), array, parts)
    return {**batch, **changed}


_compiled = jax.jit(apply_on_device, static_argnums=0)
