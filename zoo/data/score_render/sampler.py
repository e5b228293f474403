"""Plays notes on a sound font: (program, key, velocity, seconds) -> audio [T] float32.

Samples are looped first and then brought to their pitch by one band-limited resampling (soxr), so
that nothing aliases at a low rate. Tones are cached per region, key and length class; the class
follows from the note alone, never from what was played before, so that the same note is the same
bytes in every process. The filter's envelope is approximated by mixing three fixed filters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import soxr

from zoo.data.score_render.soundfont import Region, SoundFont

DRUMS = 128  # bank of the kits
CACHE_BYTES = 256 * 2**20
_SHORTEST, LONGER = 0.4, 1.5  # seconds of the first length class; by how much the next is longer
_TAIL = 0.6  # of the release, after which a note is 60 dB down
LONGEST_TAIL = 2.0  # seconds
_MARGIN = 64  # samples that keep the resampler's edge out of a tone


@dataclass
class Sampler:
    """A font at one sample rate, with its cache of tones."""

    font: SoundFont
    rate: int
    _tones: dict[tuple, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    _bytes: int = 0

    def note(
        self, program: int, key: int, velocity: int, seconds: float, *, bank: int = 0
    ) -> np.ndarray:
        """One note with its release [T]; empty where the font has nothing there."""
        regions = self.font.regions(program, key, velocity, bank)
        voices = [self._voice(region, key, seconds) for region in regions]
        total = np.zeros(max((len(voice) for voice in voices), default=0), np.float32)
        for voice in voices:
            total[: len(voice)] += voice
        return total * np.float32((velocity / 127) ** 2)

    def _voice(self, region: Region, key: int, seconds: float) -> np.ndarray:
        held = round(seconds * self.rate)
        tail = round(min(_TAIL * region.release, LONGEST_TAIL) * self.rate)
        tone, level = self._tone(region, key, (held + tail) / self.rate)
        voice = tone[: held + tail].copy()
        voice[:held] *= level[: min(held, len(voice))]
        if len(voice) > held:
            times = np.arange(len(voice) - held, dtype=np.float32) / self.rate
            voice[held:] *= level[max(held - 1, 0)] * _fall(100 * times / region.release)
        return voice

    def _tone(self, region: Region, key: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """The filtered tone of a region at a key, and its envelope while the key is held."""
        length = _SHORTEST
        while length < seconds:
            length *= LONGER
        name = (region, key, length)
        if name not in self._tones:
            if self._bytes > CACHE_BYTES:
                self._tones.clear()
                self._bytes = 0
            tone = _sweep(_pitched(self.font, region, key, self.rate, length), region, self.rate)
            level = _envelope(region, key, len(tone), self.rate)
            self._tones[name] = tone, level
            self._bytes += tone.nbytes + level.nbytes
        return self._tones[name]


def _pitched(font: SoundFont, region: Region, key: int, rate: int, seconds: float) -> np.ndarray:
    """The sample at a key's pitch, looped to `seconds` or as long as it lasts."""
    ratio = 2 ** (region.scale * (key - region.root) / 12)
    source_rate = region.rate * ratio
    wanted = int((seconds + _MARGIN / rate) * source_rate) + 1
    places = np.arange(region.start, region.start + wanted)
    if region.loop is None:
        places = places[: max(region.end - region.start, 0)]
    else:
        begin, end = region.loop
        after = places >= end
        places[after] = begin + (places[after] - begin) % (end - begin)
    places = np.clip(places, 0, len(font.samples) - 1)
    if len(places) == 0:
        return np.zeros(0, np.float32)
    sample = font.samples[places]
    if region.loop is not None:
        _mend_seam(sample, places, region.start, region.loop, font.samples)
    # The ratio is rounded so that soxr builds the same filter for the same key everywhere.
    tone = soxr.resample(sample, round(source_rate, 3), rate, quality="HQ")
    return (tone[: round(seconds * rate)] * region.gain).astype(np.float32)


def _mend_seam(
    sample: np.ndarray,
    places: np.ndarray,
    first: int,
    loop: tuple[int, int],
    source: np.ndarray,
) -> None:
    """Fades the end of a long loop into what precedes its beginning: not every font did so."""
    begin, end = loop
    fade = min(256, (end - begin) // 4, begin - first)
    if end - begin < 512 or fade < 1:
        return
    at = np.flatnonzero((places >= end - fade) & (places < end))
    weight = ((places[at] - (end - fade)) / np.float32(fade)).astype(np.float32)
    sample[at] += weight * (source[places[at] - (end - begin)] - sample[at])


def _sweep(tone: np.ndarray, region: Region, rate: int) -> np.ndarray:
    """Low-passes a tone with a cutoff that follows the region's filter envelope."""
    place = _sweep_envelope(region, len(tone), rate) if region.sweep else np.zeros(1, np.float32)
    total = np.zeros_like(tone)
    for center in (0.0, 0.5, 1.0):
        weight = np.maximum(0, 1 - 2 * np.abs(place - np.float32(center)))
        if weight.any():
            total += weight * _low_pass(tone, region.cutoff * 2 ** (center * region.sweep), rate)
    return total


def _low_pass(tone: np.ndarray, cutoff: float, rate: int) -> np.ndarray:
    if cutoff > 0.45 * rate:
        return tone
    return section_filter(butterworth(cutoff, rate), tone)


def section_filter(sections: np.ndarray, audio: np.ndarray) -> np.ndarray:
    """SciPy's `sosfilt`, imported late: it takes a second that configs need not wait for."""
    from scipy.signal import sosfilt

    return sosfilt(sections, audio)


def butterworth(cutoff: float, rate: int) -> np.ndarray:
    """A low-pass of second order as one section [1 6]; SciPy's design takes longer than its use."""
    w = np.tan(np.pi * cutoff / rate)
    scale = 1 / (1 + np.sqrt(2) * w + w * w)
    b = w * w * scale
    feedback = 2 * (w * w - 1) * scale, (1 - np.sqrt(2) * w + w * w) * scale
    return np.array([[b, 2 * b, b, 1, *feedback]], np.float32)


def _sweep_envelope(region: Region, length: int, rate: int) -> np.ndarray:
    """Where the filter stands between rest (0) and its full lift (1). [T]"""
    held = region.sweep_attack + region.sweep_hold
    fallen = held + region.sweep_decay * (1 - region.sweep_sustain)
    times = [0, region.sweep_attack, held, fallen + 1e-4]
    heights = [0, 1, 1, region.sweep_sustain]
    return np.interp(np.arange(length) / rate, times, heights).astype(np.float32)


def _envelope(region: Region, key: int, length: int, rate: int) -> np.ndarray:
    """Delay, attack, hold, decay and sustain of the volume, as gains [T]."""
    hold = region.hold * 2 ** (region.key_to_hold * (60 - key))
    decay = region.decay * 2 ** (region.key_to_decay * (60 - key))
    times = np.arange(length, dtype=np.float32) / np.float32(rate) - np.float32(region.delay)
    level = _fall(np.clip((times - region.attack - hold) * (100 / decay), 0, region.sustain))
    rising = min(length, int((region.delay + region.attack) * rate) + 2)
    level[:rising] *= np.clip(times[:rising] / region.attack, 0, 1)
    return level


def _fall(decibels: np.ndarray) -> np.ndarray:
    return np.exp(decibels.astype(np.float32) * np.float32(-np.log(10) / 20))
