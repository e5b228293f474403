"""Eight bars that may be passed on: Beethoven's Ode to Joy (1824), arranged here, in three dresses.

The notes stand in this file; the sounds are those of the embedded font, TimGM6mb (GPL-2). No system
of the zoo was trained on it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.data.score_render.orchestration import Voice
from zoo.data.score_render.performance import generator
from zoo.data.score_render.rendering import render_stems
from zoo.data.score_render.sampler import Sampler
from zoo.data.score_render.soundfont import default_font, load_font

LICENCE = (
    "Beethoven's melody (out of copyright) in an arrangement of the zoo (Apache-2.0), played on"
    " TimGM6mb.sf2 (GPL-2): may be passed on"
)
QUARTER, BARS = 60 / 144, 8  # seconds; of four quarters
RATE = 44_100
_TAIL = 0.7  # seconds after the last bar
TUNE = (  # (pitch, quarters)
    *((66, 1), (66, 1), (67, 1), (69, 1), (69, 1), (67, 1), (66, 1), (64, 1)),
    *((62, 1), (62, 1), (64, 1), (66, 1), (66, 1.5), (64, 0.5), (64, 2)),
    *((66, 1), (66, 1), (67, 1), (69, 1), (69, 1), (67, 1), (66, 1), (64, 1)),
    *((62, 1), (62, 1), (64, 1), (66, 1), (64, 1.5), (62, 0.5), (62, 2)),
)
# Half notes: six, a half close; the same six, a close.
BASS = (*(50, 42, 45, 49, 47, 43), *(45, 45), *(50, 42, 45, 49, 47, 43), *(45, 50))
UPPER = (*(62, 62, 61, 61, 62, 59), *(61, 61), *(62, 62, 61, 61, 62, 59), *(61, 57))
LOWER = (*(57, 57, 57, 57, 54, 55), *(57, 55), *(57, 57, 57, 57, 54, 55), *(55, 54))
_KICK, _SNARE, _HAT = 36, 38, 42
KIT = 128  # the font's bank of drums
FLUTE, _PIANO, CHOIR, FINGERED, STRINGS = 73, 0, 52, 33, 48


def embedded_pieces(rate: int = RATE) -> dict[str, np.ndarray]:
    """Name -> audio [T 1]: 'tune' on a flute, 'piano' in four parts, 'band' with drums."""
    tune = _line(TUNE)
    played = {
        "tune": (Voice("tune", FLUTE, tune),),
        "piano": (Voice("piano", _PIANO, np.concatenate([tune, _line(_halves(BASS)), _inner()])),),
        "band": _band(),
    }
    sampler = Sampler(load_font(default_font()), rate)
    return {
        name: _rendered(name, voices, sampler).sum(0)[:, None] for name, voices in played.items()
    }


def band_stems(rate: int = RATE) -> dict[str, np.ndarray]:
    """The four voices of 'band', whose sum it is, by name: [T 1]."""
    voices, sampler = _band(), Sampler(load_font(default_font()), rate)
    played = _rendered("band", voices, sampler)
    return {voice.stem: stem[:, None] for voice, stem in zip(voices, played)}


def _band() -> tuple[Voice, ...]:
    return (
        Voice("vocals", CHOIR, _line(TUNE)),
        Voice("drums", 0, _drums(), KIT),
        Voice("bass", FINGERED, _line(_halves(BASS))),
        Voice("other", STRINGS, _inner()),
    )


def _inner() -> np.ndarray:
    """The two middle voices, [N 4]."""
    return np.concatenate([_line(_halves(UPPER)), _line(_halves(LOWER))])


def _rendered(name: str, voices: Sequence[Voice], sampler: Sampler) -> np.ndarray:
    """Its stems in a room, [S T]."""
    stems = [voice.stem for voice in voices]
    seconds = BARS * 4 * QUARTER + _TAIL
    samples = round(seconds * sampler.rate)
    rng = generator("ode", name)
    return render_stems(voices, stems, (0.0, seconds), samples, sampler, rng, (-21, 0))


def _halves(pitches: Sequence[int]) -> list[tuple[int, float]]:
    return [(pitch, 2.0) for pitch in pitches]


def _line(part: Sequence[tuple[int, float]]) -> np.ndarray:
    """Notes [N 4] one after another: onset, held (s), pitch, velocity; the first beats louder."""
    lengths = np.array([quarters for _, quarters in part])
    starts = np.cumsum(lengths) - lengths
    loud = np.where(starts % 4 == 0, 96, 80)
    pitches = np.array([pitch for pitch, _ in part])
    return np.stack([starts * QUARTER, 0.95 * lengths * QUARTER, pitches, loud], 1)


def _drums() -> np.ndarray:
    """A kick on the first and third beat, a snare on the others, hats twice as often: [N 4]."""
    struck = [(float(beat), _SNARE if beat % 2 else _KICK, 100) for beat in range(4 * BARS)]
    struck += [(half / 2, _HAT, 70) for half in range(8 * BARS)]
    return np.array([(beat * QUARTER, 0.1, pitch, loud) for beat, pitch, loud in sorted(struck)])


def tune_notes() -> Notes:
    """The tune as notes, for what plays or continues them."""
    onset, held, pitch, velocity = _line(TUNE).T
    whole = {"pitch": pitch.astype(np.int32), "velocity": velocity.astype(np.int32)}
    times = {"onset": onset.astype(np.float32), "offset": (onset + held).astype(np.float32)}
    return {**times, **whole}
