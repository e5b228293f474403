"""Who plays what: a piece and a take -> voices, each a program with its played notes [N 4].

Families follow the General MIDI programs; which of them play is drawn independently of the
repertoire, so that no tag can be guessed from another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo.data.score_render import performance
from zoo.data.score_render.performance import Pulse, generator
from zoo.data.score_render.sampler import DRUMS
from zoo.data.score_render.scores import REPERTOIRES, Piece

INSTRUMENT_FAMILIES: dict[str, tuple[int, ...]] = {
    "piano": (0, 1, 2, 3),
    "keyboard": (4, 5, 6, 7),
    "mallet": (8, 9, 10, 11, 12, 13, 14, 15),
    "organ": (16, 17, 18, 19, 20, 21),
    "plucked": (24, 25, 26, 27, 28, 45, 46, 104, 105, 106, 107),
    "bass": (32, 33, 34, 35, 36, 37, 43),
    "strings": (40, 41, 42, 44, 48, 49, 50, 110),
    "voice": (52, 53, 54, 85, 91),
    "brass": (56, 57, 58, 59, 60, 61, 62),
    "reed": (64, 65, 66, 67, 68, 69, 70, 71, 109, 111),
    "pipe": (72, 73, 74, 75, 76, 77, 78, 79),
    "synth": (80, 81, 82, 83, 84, 86, 87, 88, 89, 90),
}
# Presets whose notes mostly sound more than half a semitone from their key, by measurement
# (zoo/data/score_render/tuning.py): organs with a 16-foot stop, inharmonic bells, a whistle.
MISTUNED = (8, 9, 16, 17, 18, 19, 77, 78, 86)
FURTHER = {
    "mallet": (108,),
    "organ": (22,),
    "plucked": (29, 30),
    "bass": (38, 39),
    "strings": (51,),
    "brass": (63,),
    "synth": (92,),
}
# The families as single notes, whose pitch is a label: without the first, with the second.
IN_TUNE: dict[str, tuple[int, ...]] = {
    family: (*(p for p in programs if p not in MISTUNED), *FURTHER.get(family, ()))
    for family, programs in INSTRUMENT_FAMILIES.items()
}
REGISTERS = {
    "bass": (33, 50),
    "plucked": (43, 76),
    "reed": (43, 80),
    "voice": (45, 76),
    "brass": (40, 76),
    "mallet": (55, 84),
    "pipe": (58, 88),
}
_MIDDLE = (40, 84)  # register of the families not named above
_TOP, INNER, _LOWEST = (60, 76), (52, 72), (36, 50)  # registers of the stems
RENDERED_STEMS = ("vocals", "drums", "bass", "other")
VOCALS = (52, 53, 54)
BASSES = (32, 33, 35, 36, 43, 58, 70)
_OTHERS = tuple(family for family in INSTRUMENT_FAMILIES if family not in ("bass", "voice"))
# Not among them: "tutti" is "no solo" and "minor" is "not major", wherever they are known.
RENDERED_TAGS = (*INSTRUMENT_FAMILIES, "drums", *REPERTOIRES, "major", "fast", "slow", "solo")
SLOW, FAST = 80.0, 110.0  # quarters a minute


@dataclass(frozen=True)
class Voice:
    """One player. stem: the family, or one of STEMS, to which the voice belongs."""

    stem: str
    program: int
    notes: np.ndarray  # [N 4] onset, held (s), pitch, velocity
    bank: int = 0


@dataclass(frozen=True)
class Take:
    """One rendition of a piece, before any sound is made."""

    piece: Piece
    number: int
    beat: Pulse
    voices: tuple[Voice, ...]
    solo: bool = False

    @property
    def name(self) -> str:
        return f"{self.piece.name}#{self.number}"


def tagging_take(piece: Piece, number: int) -> Take:
    """One to four families share the parts; one take in five is a solo, one in three has drums."""
    rng = generator("tagging", piece.name, number, "orchestra")
    beat = performance.pulse(piece, rng, 60, 132)
    solo = bool(rng.random() < 0.2)
    count = 1 if solo else int(rng.choice(4, p=[0.25, 0.3, 0.25, 0.2])) + 1
    families = [str(name) for name in rng.choice(list(INSTRUMENT_FAMILIES), count, replace=False)]
    programs = {family: int(rng.choice(INSTRUMENT_FAMILIES[family])) for family in families}
    parts = performance.by_height(piece)
    if solo:
        parts = [parts[rng.integers(len(parts))]]
    players = [
        (family, programs[family], part, REGISTERS.get(family, _MIDDLE))
        for family, part in zip(_assign(families, len(parts), rng), parts)
    ]
    kit = int(rng.choice(performance.KITS)) if rng.random() < 0.3 else None
    voices = _voices(piece, number, "tagging", beat, players, kit)
    return Take(piece, number, beat, voices, solo)


def stems_take(piece: Piece, number: int) -> Take:
    """A choir above, a bass below, two families between, and drums."""
    rng = generator("stems", piece.name, number, "orchestra")
    beat = performance.pulse(piece, rng, 72, 126)
    inner = rng.choice(_OTHERS, 2, replace=False)
    programs = [int(rng.choice(INSTRUMENT_FAMILIES[family])) for family in inner]
    top, *middle, lowest = performance.by_height(piece)
    players = [
        ("vocals", int(rng.choice(VOCALS)), top, _TOP),
        *(("other", programs[i % 2], part, INNER) for i, part in enumerate(middle)),
        ("bass", int(rng.choice(BASSES)), lowest, _LOWEST),
    ]
    kit = int(rng.choice(performance.KITS))
    return Take(piece, number, beat, _voices(piece, number, "stems", beat, players, kit))


def piano_take(piece: Piece, number: int) -> Take:
    """All parts on one piano, which cannot play a key that is already down."""
    rng = generator("piano", piece.name, number, "orchestra")
    beat = performance.pulse(piece, rng, 72, 126)
    program = int(rng.choice(INSTRUMENT_FAMILIES["piano"]))
    players = [("piano", program, part, (0, 127)) for part in piece.parts]
    voices = _voices(piece, number, "piano", beat, players, None)
    notes = _merge_unisons(np.concatenate([voice.notes for voice in voices]))
    return Take(piece, number, beat, (Voice("piano", program, notes),))


def _merge_unisons(notes: np.ndarray, together: float = 0.05) -> np.ndarray:
    """One hand per key: notes that start within 50 ms are one; a key still held is struck anew."""
    kept: list[np.ndarray] = []
    last: dict[float, np.ndarray] = {}
    for note in notes[np.lexsort((notes[:, 2], notes[:, 0]))]:
        before = last.get(note[2])
        if before is not None and note[0] - before[0] < together:
            before[1] = max(before[1], note[0] + note[1] - before[0])
            before[3] = max(before[3], note[3])
            continue
        if before is not None:
            before[1] = min(before[1], note[0] - before[0] - 0.01)
        last[note[2]] = note.copy()
        kept.append(last[note[2]])
    return np.array(kept).reshape(-1, 4)


def _assign(families: list[str], parts: int, rng: np.random.Generator) -> list[str]:
    """A family for each part, all of them used; a bass takes the lowest part."""
    repeats = [families[i % len(families)] for i in range(parts)]
    chosen = [repeats[i] for i in rng.permutation(parts)]
    if "bass" in chosen:
        at = chosen.index("bass")
        chosen[at], chosen[-1] = chosen[-1], chosen[at]
    return chosen


def _voices(
    piece: Piece,
    number: int,
    config: str,
    beat: Pulse,
    players: list[tuple[str, int, np.ndarray, tuple[int, int]]],
    kit: int | None,
) -> tuple[Voice, ...]:
    """players: (stem, program, part, register), from the highest part to the lowest."""
    transpose = int(generator(config, piece.name, number, "key").integers(-3, 4))
    voices = []
    for index, (stem, program, part, register) in enumerate(players):
        rng = generator(config, piece.name, number, "part", index)
        moved = performance.in_register(part, *register)
        notes = performance.perform_part(moved, beat, piece.bars, transpose, rng)
        voices.append(Voice(stem, program, notes))
    if kit is not None:
        rng = generator(config, piece.name, number, "drums")
        voices.append(Voice("drums", kit, performance.drums(beat, piece.bars, rng), DRUMS))
    return tuple(voices)
