"""Transforms of float stems [S T C] before they are mixed: standardisation, random time shifts.

Transforms (rng, record) -> example, as in `zoo.data.transforms`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data import ensembles
from zoo.data.source import Example
from zoo.data.transforms import Crop, Rng
from zoo.errors import BadInput


@dataclass(frozen=True)
class Standardise:
    """Stems whose mixture, as mono, has mean 0 and deviation 1; they share the mean removed.

    Passages with a deviation below `floor` are divided by the floor and so stay quiet.
    """

    floor: float = 0.03

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = example["stems"]
        mono = stems.sum(axis=0).mean(axis=-1)
        share = np.float32(mono.mean() / len(stems))
        return {**example, "stems": (stems - share) / np.float32(max(mono.std(), self.floor))}


@dataclass(frozen=True)
class Stagger:
    """A random window of `samples` for every stem by itself: stems shift against each other."""

    samples: int

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = example["stems"]
        starts = rng.integers(stems.shape[1] - self.samples + 1, size=len(stems))
        windows = [stem[start : start + self.samples] for stem, start in zip(stems, starts)]
        return {**example, "stems": np.stack(windows)}


@dataclass(frozen=True)
class NameStem:
    """The first of the stems [S T C] under a name of its own, [T C], and no stems any more."""

    name: str

    def __call__(self, rng: Rng, example: Example) -> Example:
        rest = {key: value for key, value in example.items() if key != "stems"}
        return {**rest, self.name: example["stems"][0]}


@dataclass(frozen=True)
class Pick:
    """Some of the stems [T S C] that `Mixture` made: the others are left to the mixture alone."""

    indices: tuple[int, ...]

    def __call__(self, rng: Rng, example: Example) -> Example:
        stems = example["stems"]
        if stems.shape[-2] <= max(self.indices) or "mixture" not in example:
            raise BadInput(f"Pick{self.indices} of {stems.shape[-2]} stems: put Mixture before it")
        return {**example, "stems": stems[:, list(self.indices)]}


@dataclass(frozen=True)
class DropStems:
    """Silences stems [S T C] of an ensemble: `least` to all of those present stay, drawn evenly.

    Which stay, of how many there are, is what `ensembles.players` draws; `present` [S] follows.
    """

    least: int = 2

    def __call__(self, rng: Rng, example: Example) -> Example:
        return ensembles.with_players(rng, example, self.least)


@dataclass(frozen=True)
class ActiveCrop:
    """A random window of `samples`, with this probability within a stretch where a stem sounds.

    It sounds in a chunk of `chunk` samples whose mean magnitude is `share` of the record's highest,
    or more. Where no stretch is long enough, and else, the window lies anywhere. Of stems [S T C].
    Source: the code of Lluís et al. 2019, which takes the shares of a song and goes on to another
    song where a stretch is too short.
    """

    samples: int
    stem: int
    probability: float = 0.5
    chunk: int = 800
    share: float = 0.1

    def __call__(self, rng: Rng, example: Example) -> Example:
        stretches = [s for s in self._stretches(example) if s.stop - s.start >= self.samples]
        if rng.random() >= self.probability or not stretches:
            return Crop(self.samples)(rng, example)
        inside = stretches[rng.integers(len(stretches))]
        start = int(rng.integers(inside.start, inside.stop - self.samples + 1))
        window = slice(start, start + self.samples)
        changed = {**example, "stems": example["stems"][:, window]}
        return {**changed, "audio": example["audio"][window]} if "audio" in example else changed

    def _stretches(self, example: Example) -> list[slice]:
        """Where the stem sounds without a pause, in samples."""
        stem = np.abs(example["stems"][self.stem].astype(np.float32)).mean(-1)
        count = len(stem) // self.chunk
        levels = stem[: count * self.chunk].reshape(count, self.chunk).mean(1)
        loud = (levels >= self.share * levels.max(initial=0.0)) & (levels > 0)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], loud, [0]]))) * self.chunk
        return [slice(first, last) for first, last in zip(edges[::2], edges[1::2])]
