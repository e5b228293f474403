"""How a score is played: a part of notes [N 3] in quarters -> played notes [N 4] in seconds.

A played note is (onset, held) in seconds, MIDI pitch and velocity. Tempo, a slow rubato shared by
all parts, timing and loudness of each note, transposition, register and the rules of the drums.
Every random choice has a generator seeded by the words that name it, so that neither build order
nor the number of processes matters.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from zoo.data.score_render.scores import Piece

# Of the data set: any change of the sound or the choices must raise that of its configuration.
VERSIONS = {"tagging": "1.0.0", "stems": "1.0.0", "piano": "1.0.0", "notes": "1.1.0"}
SALT = "1.0.0"  # of all random choices
RUBATO_PERIOD = 16.0  # quarters
RUBATO_DEPTH = 0.025  # of the tempo
JITTER, DRUM_JITTER = 0.012, 0.006  # seconds, standard deviation
LEGATO = 0.96  # of the written length
_SHORTEST = 0.05  # seconds

_KICK, _SNARE, _HAT, RIDE = 36, 38, 42, 51
TOMS = (50, 48, 47, 45)
KITS = (0, 8, 16, 24, 25, 32, 40)
KICKS = ((0.0, 2.0), (0.0, 1.5, 2.0), (0.0, 2.0, 2.5), (0.0, 0.75, 2.0, 3.5))


def generator(*words: object) -> np.random.Generator:
    """The random choices named by these words."""
    text = "\n".join([SALT, *map(str, words)])
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


@dataclass(frozen=True)
class Pulse:
    """Score time to seconds: a tempo in quarters a minute that sways by 2.5 %."""

    tempo: float
    phase: float

    def seconds(self, quarters: np.ndarray | float) -> np.ndarray:
        turn = 2 * np.pi / RUBATO_PERIOD
        sway = np.cos(turn * np.asarray(quarters) + self.phase) - np.cos(self.phase)
        return 60 / self.tempo * (quarters + RUBATO_DEPTH / turn * sway)


def pulse(piece: Piece, rng: np.random.Generator, slowest: float, fastest: float) -> Pulse:
    """A random tempo; madrigals are written in long notes and go half as fast again."""
    nominal = rng.uniform(slowest, fastest)
    return Pulse(nominal * _haste(piece), rng.uniform(0, 2 * np.pi))


def nominal_tempo(piece: Piece, beat: Pulse) -> float:
    """The tempo that was drawn, quarters a minute."""
    return beat.tempo / _haste(piece)


def _haste(piece: Piece) -> float:
    """Quarters played in the time of one that is drawn."""
    return 1.5 if piece.repertoire == "madrigal" else 1.0


def choose_window(
    piece: Piece, beat: Pulse, seconds: float, shortest: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Start and end, in seconds, of a stretch of at most `seconds` on a multiple of 4 quarters.

    A piece that is too short is played from its beginning; nothing shorter than `shortest`.
    """
    total = float(beat.seconds(piece.length))
    starts = beat.seconds(np.arange(0, piece.length, 4.0))
    fitting = starts[starts + seconds <= total]
    start = float(rng.choice(fitting)) if len(fitting) else 0.0
    return start, start + max(shortest, min(seconds, total - start))


def by_height(piece: Piece) -> list[np.ndarray]:
    """The parts from the highest to the lowest mean pitch."""
    return sorted(piece.parts, key=lambda part: -part[:, 2].mean())


def in_register(part: np.ndarray, low: int, high: int) -> np.ndarray:
    """The part moved by octaves until its median pitch lies in [low, high], at least an octave."""
    median = np.median(part[:, 2])
    octaves = np.ceil((low - median) / 12) if median < low else -np.ceil((median - high) / 12)
    shift = 12 * octaves if not low <= median <= high else 0
    return part + np.array([0, 0, shift])


def perform_part(
    part: np.ndarray, beat: Pulse, bars: np.ndarray, transpose: int, rng: np.random.Generator
) -> np.ndarray:
    """A part as a musician might play it. [N 3] -> [N 4], sorted by onset"""
    onset = beat.seconds(part[:, 0])
    held = LEGATO * (beat.seconds(part[:, 0] + part[:, 1]) - onset)
    phrase = 12 * np.sin(2 * np.pi * part[:, 0] / 32 + rng.uniform(0, 2 * np.pi))
    accent = 6 * np.isin(np.round(48 * part[:, 0]), np.round(48 * bars[:, 0]))
    velocity = 84 + phrase + accent + rng.normal(0, 5, len(part))
    played = np.stack(
        [
            np.maximum(onset + rng.normal(0, JITTER, len(part)), 0),
            np.maximum(held, _SHORTEST),
            np.clip(part[:, 2] + transpose, 0, 127),
            np.clip(np.round(velocity), 30, 127),
        ],
        axis=1,
    )
    return played[np.argsort(played[:, 0], kind="stable")]


def drums(beat: Pulse, bars: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A rule-based part for a drum kit over the bars [bars 2]. -> [N 4]"""
    kick = KICKS[rng.integers(len(KICKS))]
    cymbal = _HAT if rng.random() < 0.7 else RIDE
    spans = ((start, length) for start, length in bars)
    strokes = [stroke for span in spans for stroke in _bar(*span, kick, cymbal, rng)]
    onset, key, velocity = np.array(strokes).reshape(-1, 3).T
    jitter, noise = rng.normal(0, DRUM_JITTER, len(key)), rng.normal(0, 5, len(key))
    played = np.stack(
        [
            np.maximum(beat.seconds(onset) + jitter, 0),
            np.full(len(key), 0.3),
            key,
            np.clip(np.round(velocity + noise), 30, 127),
        ],
        axis=1,
    )
    return played[np.argsort(played[:, 0], kind="stable")]


def _bar(
    start: float, length: float, kick: tuple[float, ...], cymbal: int, rng: np.random.Generator
) -> list[tuple[float, int, float]]:
    """Strokes of one bar: (quarter, key, velocity). Snare on 2 and 4, in three-time on 2 and 3."""
    fill = length >= 2 and rng.random() < 0.15
    free = length - 1 if fill else length
    snare = (1.0, 2.0) if abs(length - 3) < 0.01 else np.arange(1.0, length, 2.0)
    beats = [(at + 4 * k, _KICK, 100) for k in range(int(length // 4) + 1) for at in kick]
    beats += [(at, _SNARE, 98) for at in snare]
    eighths = np.arange(0, free, 0.5)
    struck = rng.random(len(eighths)) > 0.08
    beats += [(at, cymbal, 84 - 20 * (at % 1)) for at in eighths[struck]]
    played = [(at, key, velocity) for at, key, velocity in beats if at < free - 0.01]
    if fill:
        played += [(free + 0.25 * i, tom, 90 + 4 * i) for i, tom in enumerate(TOMS)]
    return [(start + at, key, velocity) for at, key, velocity in played]
