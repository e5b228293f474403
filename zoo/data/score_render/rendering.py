"""Voices -> sound: played notes [N 4] -> stems [S T] float32 in one room, whose sum is the mixture.

One room response and one peak gain serve all stems of a take, so that nothing but addition lies
between them and the mixture.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.data.score_render.orchestration import Voice
from zoo.data.score_render.sampler import Sampler, butterworth, section_filter

_LEAD = 1.5  # seconds played before a window, for the room to fill
PEAK = 0.95
DRY = ("drums", "bass")  # stems that get less of the room


def render_stems(
    voices: Sequence[Voice],
    stems: Sequence[str],
    span: tuple[float, float],
    samples: int,
    sampler: Sampler,
    rng: np.random.Generator,
    loudness: tuple[float, float],
) -> np.ndarray:
    """The stems of a window `span` (seconds) of a take. -> [S T] float32

    loudness: mean level of a stem in dBFS and its largest deviation.
    """
    lead = round(min(_LEAD, span[0]) * sampler.rate)
    begin = span[0] - lead / sampler.rate
    dry = np.zeros((len(stems), lead + samples), np.float32)
    for voice in voices:
        _add_notes(dry[stems.index(voice.stem)], voice, begin, sampler)
    for index in range(len(stems)):
        target = loudness[0] + rng.uniform(-loudness[1], loudness[1])
        dry[index] *= _gain(dry[index], target, sampler.rate)
    wet = np.array([0.4 if name in DRY else 1.0 for name in stems], np.float32)
    placed = _in_room(dry, wet, sampler.rate, rng)[:, lead:]
    peak = max(np.abs(placed).max(initial=0), np.abs(placed.sum(0)).max(initial=0))
    return placed * np.float32(min(1, PEAK / max(peak, 1e-9)))


def _add_notes(track: np.ndarray, voice: Voice, begin: float, sampler: Sampler) -> None:
    """Adds the notes of a voice to a track [T] that begins at `begin` seconds."""
    end = begin + len(track) / sampler.rate
    for onset, held, pitch, velocity in voice.notes:
        if onset >= end or onset + held + 2 <= begin:
            continue
        held = min(held, end - onset)
        tone = sampler.note(voice.program, int(pitch), int(velocity), held, bank=voice.bank)
        at = round((onset - begin) * sampler.rate)
        tone = tone[max(0, -at) : max(0, len(track) - at)]
        at = max(at, 0)
        track[at : at + len(tone)] += tone


def _in_room(dry: np.ndarray, wet: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Adds a synthetic room to every stem, by its own amount `wet` [S]. [S T] -> [S T]"""
    from scipy.signal import oaconvolve

    response = _room(rate, rng)
    amount = np.float32(rng.uniform(0.05, 0.4))
    echo = np.stack([oaconvolve(stem, response) for stem in dry])[:, : dry.shape[1]]
    return (dry + amount * wet[:, None] * echo).astype(np.float32)


def _room(rate: int, rng: np.random.Generator) -> np.ndarray:
    """Exponentially decaying low-passed noise of unit energy, with weak early 8 ms. [T]"""
    decay = rng.uniform(0.3, 1.8)  # seconds to fall by 60 dB
    cutoff = min(rng.uniform(2500, 7000), 0.45 * rate)
    times = np.arange(int(decay * rate), dtype=np.float32) / rate
    noise = rng.standard_normal(len(times)).astype(np.float32)
    response = section_filter(butterworth(cutoff, rate), noise) * 10 ** (-3 * times / decay)
    response[: int(0.008 * rate)] *= 0.2
    return (response / np.linalg.norm(response)).astype(np.float32)


def rms_dbfs(audio: np.ndarray) -> float:
    """Root mean square in dBFS; -120 for silence."""
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def _gain(stem: np.ndarray, target: float, rate: int) -> np.float32:
    """What brings the sounding part of a stem to a level in dBFS; 0 where it never sounds."""
    frame = rate // 20
    power = np.square(stem[: len(stem) // frame * frame], dtype=np.float64)
    power = power.reshape(-1, frame).mean(1)
    loudest = power.max(initial=0)
    if loudest < 1e-10:
        return np.float32(0)
    sounding = power[power > 1e-4 * loudest].mean()
    return np.float32(np.sqrt(10 ** (target / 10) / sounding))
