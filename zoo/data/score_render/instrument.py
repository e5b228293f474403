"""What composed notes are played on: the embedded sound font, dry. notes -> audio [T 1] float32."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from zoo.data.note_rolls import Notes
from zoo.data.score_render.sampler import LONGEST_TAIL, Sampler
from zoo.data.score_render.soundfont import default_font, load_font

GAIN = 0.35  # of every note: four loud ones at once stay within full scale
KNEE = 0.8  # amplitude above which peaks are bent


@dataclass(frozen=True)
class Instrument:
    """A General MIDI program of a sound font. rate: Hz. soundfont: a .sf2 file, else the built-in.

    The level is the same whatever is played, so that a piece may be asked for in parts.
    """

    program: int = 0
    rate: int = 16_000
    soundfont: str | None = None

    def play(self, notes: Notes, first: int, samples: int) -> np.ndarray:
        """Samples first .. first + samples of the notes played from time 0, [samples 1]."""
        sampler = _sampler(self.soundfont, self.rate)
        mix = np.zeros(samples, np.float32)
        begin, end = first / self.rate, (first + samples) / self.rate
        columns = (np.asarray(notes[key]) for key in ("onset", "offset", "pitch", "velocity"))
        onset, offset, pitch, velocity = columns
        there = (onset < end) & (offset + LONGEST_TAIL > begin)
        for at, off, key, loud in zip(
            *(c[there].tolist() for c in (onset, offset, pitch, velocity))
        ):
            tone = sampler.note(self.program, int(key), int(loud), off - at)
            place = round(at * self.rate) - first
            tone = tone[max(0, -place) : max(0, samples - place)]
            mix[max(place, 0) :][: len(tone)] += GAIN * tone
        return limited(mix)[:, None]


def limited(audio: np.ndarray) -> np.ndarray:
    """Audio [T] whose peaks beyond KNEE are bent to stay below one; each sample by itself."""
    over = np.maximum(np.abs(audio) - KNEE, 0)
    bent = KNEE + (1 - KNEE) * np.tanh(over / (1 - KNEE))
    return np.where(over > 0, np.sign(audio) * bent, audio).astype(np.float32)


@lru_cache(maxsize=4)
def _sampler(soundfont: str | None, rate: int) -> Sampler:
    path = Path(soundfont).expanduser() if soundfont else default_font()
    return Sampler(load_font(path), rate)
