"""A separator applied to whole songs of any rate, length and channel count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from zoo import vocabulary
from zoo.audio.blocks import Blocks, reblock, remix, resample_blocks
from zoo.audio.loudness import measured
from zoo.errors import BadInput
from zoo.evaluation.base import HostBatch, Predict
from zoo.songs.segments import Segments, shifted_blocks
from zoo.songs.spreads import Spread
from zoo.songs.sum_keeping import with_lack
from zoo.songs.vocoder import ParameterVocoder

# LUFS, ReplayGain 2's reference: networks that learnt from mastered songs know no quieter ones.
REFERENCE_LOUDNESS = -18.0
_MOST_SHIFTS = 1000  # a pass over the song each
BLOCK_SAMPLES = 16_384  # samples of what `separate` gives at a time


@dataclass(frozen=True)
class Separator:
    """How a trained model is applied to a song. rate, channels, sources: what it was trained on.

    stereo: for a mono model and a song of more channels, 'each' separates every channel by
    itself, 'downmix' separates their mean and repeats it (as the Wave-U-Net paper does); 'exact'
    refuses songs of other channel counts, as a matrix that unmixes microphones has to; 'joint'
    gives the model all channels at once, however many, as blind systems need: their sources of one
    channel are in another order than those of the next.
    normalise: the song's mono mean and deviation are taken out and put back (as Demucs does, but
    the mean is shared among the sources, so that a sum to the mix stays one).
    loudness: LUFS to which quieter songs are raised for the model, as far as their peak allows, and
    lowered again; peaks above full scale are lowered likewise. None: the model gets what there is,
    as benchmarks do.
    keep_sum: what the stems lack of the mix is shared among them (`zoo.songs.sum_keeping`).
    residual: it becomes a further stem instead. band: the highest frequency that the model gives,
    Hz; None: half its rate. shifts: passes over randomly delayed copies (up to half a second).
    labels: the batch key of a second input, [S] of 0 and 1, that says which sources play; '' where
    the model has none. present: the names of those that play in this song, which alone become
    stems; None: all do, which a model with `labels` does not take for granted.
    partners: other models, whose stems are mixed in. spread: the model is an ensemble, which gives
    its members' deviations behind the stems; they are measured here.
    vocoder: the model gives parameters of a voice, frame by frame, which this plays: its sound has
    phases of its own, so nothing is averaged with it, nor is it left with what it lacks of the mix.
    """

    segments: Segments
    rate: int
    channels: int
    sources: tuple[str, ...]
    stereo: Literal["each", "downmix", "exact", "joint"] = "each"
    normalise: bool = False
    loudness: float | None = None
    band: float | None = None
    keep_sum: bool = False
    residual: bool = False
    shifts: int = 0
    seed: int = 0
    labels: str = ""
    present: tuple[str, ...] | None = None
    partners: tuple[Partner, ...] = ()
    spread: Spread | None = None
    vocoder: ParameterVocoder | None = None

    def __post_init__(self) -> None:
        averaged = self.shifts or self.partners or self.spread
        if self.vocoder and (averaged or self.keep_sum):
            raise BadInput(
                "a voice that is played from parameters has phases of its own: leave shifts, "
                "ensembles, blends and keep_sum out"
            )
        if self.vocoder and (self.channels, self.stereo) != (1, "downmix"):
            raise BadInput("a vocoder plays one voice of one channel: set stereo='downmix'")
        if self.keep_sum and self.residual:
            raise BadInput("keep_sum leaves no residual: choose one of the two.")
        if not 0 <= self.shifts <= _MOST_SHIFTS:
            raise BadInput(f"shifts={self.shifts}: give a number of passes, {_MOST_SHIFTS} at most")

    @property
    def playing(self) -> tuple[str, ...]:
        """The sources that become stems, in the model's order."""
        if self.present is None:
            return self.sources
        return tuple(name for name in self.sources if name in self.present)

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of what comes out, in order."""
        return (*self.playing, "residual") if self.residual else self.playing


def with_sources(how: Separator, names: Sequence[str] | None) -> Separator:
    """The separator for a song in which the sources of these names play; None: not said.

    Raises BadInput where the model has to know and is not given labels, or takes none.
    """
    if not how.labels:
        if names is not None:
            raise BadInput("this model takes no labels, it gives all of its stems: leave them out")
        return how
    if names is None:
        raise BadInput(
            f"this model has to know what plays: give labels, of {', '.join(how.sources)}"
        )
    return replace(how, present=vocabulary.choose_names(names, how.sources, "label"))


def describe_windows(how: Separator, seconds: float) -> str:
    """What to say of a long song whose sources are found anew part by part, as blind systems do."""
    window = how.segments.input / how.rate
    if not how.segments.unordered or seconds <= window:
        return ""
    return f", sources found in windows of {window:.1f} s, each in the order of the one before"


@dataclass(frozen=True)
class Partner:
    """Another model of the same stems, and how it is applied. weight: its share of the stems."""

    predict: Predict
    how: Separator
    weight: float


def stem_groups(
    how: Separator, stems: Sequence[str] | None, alone: str | None
) -> tuple[tuple[str, ...], list[tuple[int, ...]]]:
    """Names of what is given of the model's stems, and which of these each is the sum of."""
    if stems and alone:
        raise BadInput("stems and two_stems choose both: give one of them.")
    for name in (*(stems or ()), *([alone] if alone else ())):
        if name not in how.stems:
            raise BadInput(f"no stem '{name}': this model gives {', '.join(how.stems)}.")
    if not alone:
        return how.stems, [(index,) for index in range(len(how.stems))]
    others = tuple(index for index, name in enumerate(how.stems) if name != alone)
    if not others:
        raise BadInput(f"{alone} is this model's only stem: residual gives what is left.")
    return (alone, f"no_{alone}"), [(how.stems.index(alone),), others]


def separate(
    predict: Predict, song: Callable[[], Blocks], rate: int, how: Separator
) -> Iterator[np.ndarray]:
    """Stems [S n C] with the rate, channels and exact length of the song's blocks [n C].

    `song()` starts the song's blocks afresh: they are read again for the mix and the scale.
    """
    predict, how = _of_those_that_play(predict, how)
    stems = _estimates(predict, song, rate, how)
    stems = how.spread.taken(stems, BLOCK_SAMPLES) if how.spread else stems
    pairs = _against_mix(stems, song(), how)
    if how.keep_sum:
        edge = min(how.band or how.rate / 2, how.rate / 2, rate / 2) / rate
        yield from reblock(with_lack(pairs, edge), BLOCK_SAMPLES)  # in step with the mix
        return
    for part, lack in pairs:
        yield np.concatenate([part, lack[None]]) if how.residual else part


def _estimates(
    predict: Predict, song: Callable[[], Blocks], rate: int, how: Separator
) -> Iterator[np.ndarray]:
    """What the model gives of a song, [S n C] at its rate and channels, not yet of its length."""
    first = next(iter(song()), None)
    if first is None:
        return
    channels = first.shape[1]
    if how.stereo == "exact" and channels != how.channels:
        raise BadInput(
            f"{how.channels} channels are unmixed into {len(how.sources)} sources, and this has "
            f"{channels}: give it a recording of as many channels, or set microphones={channels}."
        )
    each = how.channels == 1 and channels > 1 and how.stereo == "each"
    inner = channels if each or how.stereo == "joint" else how.channels

    def at_model() -> Iterator[np.ndarray]:
        return remix(resample_blocks(song(), rate, how.rate), inner)

    mean, deviation = _scale(song, at_model, rate, how)
    if not deviation:  # what a network says of silence is its biases
        count = len(how.sources) * (2 if how.spread else 1)
        yield from (np.zeros((count, *block.shape), np.float32) for block in song())
        return
    stems = _given(
        _per_channel(predict, how.segments) if each else predict,
        ((block - mean) / deviation for block in at_model()),
        inner,
        how,
    )
    share = np.float32(mean / len(how.sources))
    count = len(how.sources)  # behind which deviations are, which have no mean
    stems = (
        np.float32(deviation) * block + share * (np.arange(len(block)) < count)[:, None, None]
        for block in stems
    )
    stems = remix(resample_blocks(stems, how.rate, rate), channels)
    yield from _blended(stems, song, rate, how) if how.partners else stems


def _given(predict: Predict, song: Blocks, channels: int, how: Separator) -> Iterator[np.ndarray]:
    """What the model gives of a song at its rate and level, or what that sounds like."""
    if how.vocoder:
        return how.vocoder.sound(predict, song, how.segments)
    return shifted_blocks(
        predict,
        song,
        how.segments,
        channels,
        shifts=how.shifts,
        reach=how.rate // 2,
        seed=how.seed,
    )


def _blended(
    stems: Blocks, song: Callable[[], Blocks], rate: int, how: Separator
) -> Iterator[np.ndarray]:
    """Stems [S n C] mixed with those that the partners give of the same song."""
    shares = [1 - sum(partner.weight for partner in how.partners)]
    passes = [reblock(_endless(stems), BLOCK_SAMPLES)]
    for partner in how.partners:
        own = replace(partner.how, loudness=how.loudness, partners=())
        found = _estimates(partner.predict, song, rate, own)
        order = [own.sources.index(name) for name in how.sources]
        passes.append(reblock((block[order] for block in _endless(found)), BLOCK_SAMPLES))
        shares.append(partner.weight)
    for _ in reblock(song(), BLOCK_SAMPLES):
        parts = [np.float32(share) * next(one) for share, one in zip(shares, passes)]
        yield np.asarray(np.sum(parts, 0, dtype=np.float32))


def _of_those_that_play(predict: Predict, how: Separator) -> tuple[Predict, Separator]:
    """The model with its labels, giving the stems of `how.playing` alone, and how to apply that."""
    if how.present is None:
        return predict, with_sources(how, None)
    at = [how.sources.index(name) for name in how.playing]
    marks = np.isin(np.arange(len(how.sources)), at).astype(np.uint8)

    def wrapped(batch: HostBatch) -> HostBatch:
        size = len(batch[how.segments.key])
        second = {how.labels: np.tile(marks, (size, 1))} if how.labels else {}
        output = np.asarray(predict({**batch, **second})["prediction"])
        return {"prediction": output.take(at, 3 - how.segments.time_axis)}

    return wrapped, replace(how, sources=how.playing, labels="", present=None)


def _scale(
    song: Callable[[], Blocks], at_model: Callable[[], Blocks], rate: int, how: Separator
) -> tuple[float, float]:
    """(mean, factor) of the song that are taken out before the model and put back behind it.

    The factor is 0 where the level is asked for and the song is silent throughout.
    """
    if how.normalise:
        return mean_and_deviation(at_model())
    if how.loudness is None:
        return 0.0, 1.0
    level = measured(song(), rate)
    if not level.peak:
        return 0.0, 0.0
    if not level.peak < np.inf:
        return 0.0, 1.0
    quieter = 10 ** (max(0.0, how.loudness - level.loudness) / 20) if level.audible else 1.0
    return 0.0, max(1 / quieter, level.peak)


def _against_mix(
    stems: Blocks, mix: Blocks, how: Separator, size: int = BLOCK_SAMPLES
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stems cut or filled to the mix's length, and what they lack of it [n C]."""
    stems = reblock(_endless(stems), size)
    for block in reblock(mix, size):
        part = next(stems, np.zeros((len(how.sources), *block.shape), np.float32))[:, : len(block)]
        if part.shape[0] != len(how.sources):
            raise BadInput(
                f"the model gives {part.shape[0]} stems, but {len(how.sources)} are named: "
                f"{', '.join(how.sources)}."
            )
        yield part, block - part.sum(0, dtype=np.float32)


def _endless(stems: Blocks) -> Iterator[np.ndarray]:
    """The stems, then silence: resampling there and back may lose a sample at the end."""
    block = None
    for block in stems:
        yield block
    while block is not None:
        block = np.zeros((block.shape[0], 4096, block.shape[-1]), np.float32)
        yield block


def mean_and_deviation(blocks: Blocks) -> tuple[float, float]:
    """(mean, standard deviation) of the mono mix of a song [n C], in one pass; (., 1) if silent."""
    count, total, square = 0, 0.0, 0.0
    for block in blocks:
        mono = block.mean(-1, dtype=np.float64)
        count, total, square = count + len(mono), total + mono.sum(), square + (mono**2).sum()
    mean = total / max(count, 1)
    deviation = float(np.sqrt(max(square / max(count, 1) - mean**2, 0.0)))
    return float(mean), deviation if deviation > 1e-8 else 1.0


def _per_channel(predict: Predict, segments: Segments) -> Predict:
    """A mono model that takes [B T C] as [B C] songs of one channel."""

    def wrapped(batch: HostBatch) -> HostBatch:
        audio = batch[segments.key]
        size, length, channels = audio.shape
        mono = np.moveaxis(audio, 2, 1).reshape(size * channels, length, 1)
        output = np.asarray(predict({segments.key: mono})["prediction"])
        split = output.reshape(size, channels, *output.shape[1:3])
        return {"prediction": np.moveaxis(split, 1, 3)}

    return wrapped
