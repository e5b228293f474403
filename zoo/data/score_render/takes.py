"""Examples of the embedded data set: a job (what to play) -> records of int16 PCM and labels.

A job holds all that its sound depends on, so that any process may render it, in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from zoo.data.records import SPLITS, to_int16
from zoo.data.score_render import orchestration, performance, rendering
from zoo.data.score_render.orchestration import IN_TUNE, RENDERED_STEMS, RENDERED_TAGS, Take
from zoo.data.score_render.performance import generator
from zoo.data.score_render.sampler import Sampler
from zoo.data.score_render.scores import Piece
from zoo.data.score_render.soundfont import load_font
from zoo.data.source import Example

_AUDIBLE = 0.12  # of the mixture's RMS: from there on a family is tagged
_SILENCE = -60.0  # dBFS
SILENT_NOTE = 1e-4  # peak of a note that the font does not really have
VELOCITIES = (25, 50, 75, 100, 127)
KEYS, BASS_KEYS = range(36, 97), range(28, 61)


@dataclass(frozen=True)
class _Recipe:
    """Sizes of a configuration: samples of an example, examples of a take, examples per split."""

    samples: int
    chunks: int
    counts: dict[str, tuple[int, int, int]]  # size -> train, validation, test
    grid: dict[str, tuple[int, int]] | None = None  # notes: size -> pitches, velocities


RECIPES = {
    "tagging": _Recipe(
        59_049, 4, {"tiny": (24, 8, 8), "small": (1600, 200, 200), "large": (16_000, 2000, 2000)}
    ),
    "stems": _Recipe(
        65_536, 4, {"tiny": (24, 8, 8), "small": (480, 60, 60), "large": (4800, 600, 600)}
    ),
    "piano": _Recipe(
        131_072, 1, {"tiny": (24, 8, 8), "small": (240, 30, 30), "large": (2400, 300, 300)}
    ),
    "notes": _Recipe(
        16_384,
        1,
        {"tiny": (24, 8, 8), "small": (3200, 600, 600), "large": (10_240, 1920, 1920)},
        {"tiny": (2, 1), "small": (25, 2), "large": (32, 5)},
    ),
}


@dataclass(frozen=True)
class TakeJob:
    """A take of a piece, or the notes of a preset."""

    config: str
    number: int  # of the take; of the program for notes
    piece: Piece | None
    grid: tuple[int, int]  # pitches and velocities of a preset
    rate: int
    font: str

    @property
    def score(self) -> Piece:
        """The piece that a take is of."""
        if self.piece is None:
            raise ValueError(f"{self.name} is no take of a piece")
        return self.piece

    @property
    def name(self) -> str:
        of = self.piece.name if self.piece else "preset-{}x{}".format(*self.grid)
        return f"{of}#{self.number}"


def jobs(
    config: str, size: str, split: str, pieces: list[Piece], rate: int, font: str
) -> Iterator[TakeJob]:
    """The jobs of a split, without end for takes: their caller stops when it has enough.

    A round holds one take of every chorale and four of every longer piece, shuffled.
    """
    recipe = RECIPES[config]
    grid = recipe.grid[size] if recipe.grid else (0, 0)
    if config == "notes":
        for program in _hashed(preset_split()[split]):
            yield TakeJob(config, program, None, grid, rate, font)
        return
    turn = 0
    while True:
        takes = [
            (piece.name, index, piece)
            for piece in pieces
            for index in _numbers(piece.repertoire, turn)
        ]
        for _, index, piece in _hashed(takes):
            yield TakeJob(config, index, piece, grid, rate, font)
        turn += 1


def _numbers(repertoire: str, turn: int) -> range:
    return range(turn, turn + 1) if repertoire == "chorale" else range(4 * turn, 4 * turn + 4)


def _hashed(items: list) -> list:
    """Shuffled, each item by its own name, so that one more item moves no other."""
    names = [item[:2] if isinstance(item, tuple) else item for item in items]
    keys = [generator("order", name).random() for name in names]
    return [items[i] for i in np.argsort(keys, kind="stable")]


def preset_split() -> dict[str, list[int]]:
    """Programs per split: of each family one for validation, one for test."""
    chosen: dict[str, list[int]] = {split: [] for split in SPLITS}
    for programs in IN_TUNE.values():
        test, validation, *train = _hashed(list(programs))
        for split, part in zip(SPLITS, (train, [validation], [test])):
            chosen[split] += part
    return chosen


def examples(job: TakeJob) -> tuple[list[Example], Counter]:
    """The records of a job, and what was left out or is silent, by reason."""
    counts: Counter = Counter()
    make = {"tagging": _tagging, "stems": _stems, "piano": _piano, "notes": _notes}[job.config]
    return list(make(job, _sampler(job.font, job.rate), counts)), counts


@lru_cache(maxsize=2)
def _sampler(font: str, rate: int) -> Sampler:
    return Sampler(load_font(font), rate)


def _window(job: TakeJob, take: Take) -> tuple[tuple[float, float], int]:
    """The span of a take, in seconds, and how many whole examples fit."""
    recipe = RECIPES[job.config]
    one = recipe.samples / job.rate
    rng = generator(job.config, job.score.name, job.number, "window")
    begin, end = performance.choose_window(job.score, take.beat, recipe.chunks * one, one, rng)
    return (begin, end), max(1, int((end - begin) / one + 1e-6))


def _render(job: TakeJob, take: Take, sampler: Sampler, stems: list[str], loudness):
    span, chunks = _window(job, take)
    rng = generator(job.config, job.score.name, job.number, "room")
    samples = chunks * RECIPES[job.config].samples
    audio = rendering.render_stems(take.voices, stems, span, samples, sampler, rng, loudness)
    return span[0], np.split(audio, chunks, axis=1)


def _tagging(job: TakeJob, sampler: Sampler, counts: Counter) -> Iterator[Example]:
    take = orchestration.tagging_take(job.score, job.number)
    stems = list(dict.fromkeys(voice.stem for voice in take.voices))
    begin, chunks = _render(job, take, sampler, stems, (-22, 4))
    seconds = RECIPES["tagging"].samples / job.rate
    for index, chunk in enumerate(chunks):
        mixture = chunk.sum(0)
        if rendering.rms_dbfs(mixture) < _SILENCE:
            counts["silent clip, and what followed in its take"] += 1
            return  # the chunks of a track are consecutive
        start = begin + index * seconds
        tags, known = labels(take, stems, chunk, (start, start + seconds))
        audio = to_int16(mixture)[:, None]
        yield {"audio": audio, "tags": tags, "known": known, "track": take.name, "chunk": index}


def labels(
    take: Take, stems: list[str], audio: np.ndarray, span: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """What is true of a clip, and what is known of it. audio: its stems [S T]. -> [K], [K]

    A family is tagged where its stem sounds in this clip, not because the score lists it. The
    mode is known where an edition states it with care, which is for Bach; the number of players
    where the clip tells: a rest of all but one does not make a solo.
    """
    powers = np.square(audio, dtype=np.float64).mean(1)
    mixture = np.square(audio.sum(0), dtype=np.float64).mean()
    true = {name for name, power in zip(stems, powers) if power > _AUDIBLE**2 * mixture}
    tempo = performance.nominal_tempo(take.piece, take.beat)
    true |= {take.piece.repertoire, take.piece.mode}
    true |= {name for name, holds in _tempo_tags(tempo).items() if holds}
    true |= {"solo"} if take.solo else set()
    players = sum(_sounds(voice.notes, span) for voice in take.voices if voice.stem != "drums")
    unknown = set()
    if take.piece.repertoire != "chorale" or take.piece.mode not in ("major", "minor"):
        unknown.add("major")
    if players < (1 if take.solo else 2):
        unknown.add("solo")
    tags = np.array([name in true and name not in unknown for name in RENDERED_TAGS], np.uint8)
    return tags, np.array([name not in unknown for name in RENDERED_TAGS], np.uint8)


def _tempo_tags(tempo: float) -> dict[str, bool]:
    return {"fast": tempo > orchestration.FAST, "slow": tempo < orchestration.SLOW}


def _sounds(notes: np.ndarray, span: tuple[float, float]) -> bool:
    """Whether the notes hold for at least a tenth of the span, in seconds."""
    inside = np.minimum(notes[:, 0] + notes[:, 1], span[1]) - np.maximum(notes[:, 0], span[0])
    return bool(np.maximum(inside, 0).sum() > 0.1 * (span[1] - span[0]))


def _stems(job: TakeJob, sampler: Sampler, counts: Counter) -> Iterator[Example]:
    take = orchestration.stems_take(job.score, job.number)
    for index, chunk in enumerate(_render(job, take, sampler, list(RENDERED_STEMS), (-21, 3))[1]):
        counts["silent stems"] += sum(rendering.rms_dbfs(stem) < _SILENCE for stem in chunk)
        yield {"stems": to_int16(chunk)[:, :, None], "track": take.name, "chunk": index}


def _piano(job: TakeJob, sampler: Sampler, counts: Counter) -> Iterator[Example]:
    take = orchestration.piano_take(job.score, job.number)
    begin, chunks = _render(job, take, sampler, ["piano"], (-21, 3))
    if rendering.rms_dbfs(chunks[0]) < _SILENCE:
        counts["silent segment"] += 1
        return
    notes = take.voices[0].notes
    onset, offset = notes[:, 0] - begin, notes[:, 0] + notes[:, 1] - begin
    inside = (offset > 0) & (onset < RECIPES["piano"].samples / job.rate)
    table = {
        "onset": onset[inside].astype(np.float32),
        "offset": offset[inside].astype(np.float32),
        "pitch": notes[inside, 2].astype(np.int32),
        "velocity": notes[inside, 3].astype(np.int32),
    }
    yield {"audio": to_int16(chunks[0].T), "notes": table, "track": take.name, "chunk": 0}


def _notes(job: TakeJob, sampler: Sampler, counts: Counter) -> Iterator[Example]:
    """Single dry notes; one gain for a preset, so that loud stays louder than soft."""
    program = job.number
    family = next(name for name, programs in IN_TUNE.items() if program in programs)
    rng = generator("notes", program)
    samples = RECIPES["notes"].samples
    pitches, velocities = job.grid
    made: list[tuple[np.ndarray, int, int]] = []
    for pitch in rng.permutation(BASS_KEYS if family == "bass" else KEYS).tolist():
        chosen = rng.permutation(VELOCITIES)[:velocities].tolist()
        if len(made) == pitches * velocities:
            break
        notes = [_one_note(sampler, program, pitch, velocity, samples) for velocity in chosen]
        if min(np.abs(note).max() for note in notes) < SILENT_NOTE:
            counts["silent note"] += velocities
            continue
        made += [(note, pitch, velocity) for note, velocity in zip(notes, chosen)]
    gain = 0.9 / max((np.abs(note).max() for note, _, _ in made), default=1)
    facts = {"preset": program, "family": list(IN_TUNE).index(family), "chunk": 0}
    for note, pitch, velocity in sorted(made, key=lambda item: item[1:]):
        track = f"{family}-{program:03d}-{pitch:03d}-{velocity:03d}"
        audio = to_int16(note * np.float32(gain))[:, None]
        yield {"audio": audio, "pitch": pitch, "velocity": velocity, **facts, "track": track}


def _one_note(sampler: Sampler, program: int, pitch: int, velocity: int, samples: int):
    """A key held for three quarters of the time, with its release. [T]"""
    tone = sampler.note(program, pitch, velocity, 0.75 * samples / sampler.rate)[:samples]
    fade = round(0.01 * sampler.rate)
    note = np.zeros(samples, np.float32)
    note[: len(tone)] = tone
    note[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return note
