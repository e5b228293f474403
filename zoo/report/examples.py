"""What a trained system can show of itself: stems, new audio, and what `figures` has.

Written into the run directory, where zoo.report.page finds it. What a system shows depends on what
its objects offer; see KINDS.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo import escapes
from zoo.audio.streaming import stream_to_wav
from zoo.data.source import Example
from zoo.errors import BadInput
from zoo.evaluation.capabilities import Separates, require_capability
from zoo.evaluation.separation import mixture, playing, stem_getter, track_spans
from zoo.objectives.base import (
    Composing,
    Domained,
    Generative,
    Request,
    follows_source,
    plays_notes,
    speaks,
)
from zoo.report import compositions, figures
from zoo.report.figures import run_predictor, write_wav
from zoo.report.results import held_out
from zoo.runs.trained import Trained
from zoo.songs.separating import separate

SONG_SECONDS = 12
SAMPLE_SECONDS, _SAMPLES, PATIENCE = 3, 2, 20.0  # PATIENCE: seconds of waiting for samples


def make_examples(found: Trained, directory: Path) -> None:
    """All that this system offers; nothing on several hosts, where one alone cannot compute."""
    if jax.process_count() > 1:
        return
    for offers, act in _KINDS:
        if offers(found):
            _shown(act, found, Path(directory))


def _shown(act: Callable[[Trained, Path], object], found: Trained, directory: Path) -> None:
    """Acts; where that fails, a line says so: the scores are made, and the page is to come."""
    try:
        act(found, directory)
    except (BadInput, OSError):  # the user's to mend
        raise
    except Exception as error:
        name = act.__name__.removeprefix("_")
        line = escapes.terminal_line(f"left out by {name}: {type(error).__name__}: {error}")
        print(line[:300], file=sys.stderr)


def _generates(found: Trained) -> bool:
    makes = isinstance(found.experiment.objective, Generative) and not _composes(found)
    return makes and not _transforms(found) and not _performs(found) and not _talks(found)


def _performs(found: Trained) -> bool:
    return plays_notes(found.experiment.objective)


def _talks(found: Trained) -> bool:
    return speaks(found.experiment.objective)


def _composes(found: Trained) -> bool:
    return isinstance(found.experiment.objective, Composing)


def _transforms(found: Trained) -> bool:
    return follows_source(found.experiment.objective)


def _write_stems(found: Trained, directory: Path) -> None:
    """Up to 12 s of the first test track: mixture, estimates, references."""
    source = found.experiment.data.source
    how = require_capability(Separates, found.experiment.evaluation).how
    rate, records = source.info.sample_rate, source.open(held_out(source))
    track, span = next(track_spans(records))
    if how.labels:
        how = playing(how, records, span, source.info)
    # Songs begin and end quietly: a third of the way in, something plays.
    inside = span[len(span) // 3 :]
    pieces = list(_enough((records[index] for index in inside), SONG_SECONDS * rate))
    mix = np.concatenate([mixture(piece) for piece in pieces])[: SONG_SECONDS * rate]
    targets = stem_getter(how, source.info)
    references = np.concatenate([targets(piece) for piece in pieces], 1)[:, : len(mix)]
    estimates = np.concatenate(list(separate(run_predictor(found), lambda: [mix], rate, how)), 1)
    folder = directory / "samples" / "stems" / folder_name(track)
    write_wav(folder / "mixture.wav", mix, rate)
    for name, audio in zip(how.stems, estimates):
        write_wav(folder / f"{folder_name(name)}.wav", audio, rate)
    for name, audio in zip(how.playing, references):
        write_wav(folder / f"{folder_name(name)}.reference.wav", audio, rate)


def while_training(found: Trained, directory: Path) -> list[Path]:
    """A second of what a generator does by now: the files, none for other systems."""
    limits = {"seconds": 1.0, "patience": 5.0}
    if _generates(found):
        return _write_samples(found, directory, count=1, **limits)
    if _composes(found):
        return compositions.write_compositions(
            found, _step_folder(found, directory), seconds=8.0, count=1
        )
    follows = _transforms(found) or _performs(found) or _talks(found)
    return _write_transformed(found, directory, **limits) if follows else []


def _write_samples(
    found: Trained,
    directory: Path,
    *,
    seconds: float = SAMPLE_SECONDS,
    count: int = _SAMPLES,
    patience: float | None = None,
) -> list[Path]:
    """Two new clips of 3 s, or as much of them as some 20 s of computing give."""
    rate = found.experiment.data.source.info.sample_rate
    request = Request(length=int(seconds * rate), count=count, chunk=max(1, rate // 8))
    chunks = _out_of_nothing(found, request)
    files = [_step_folder(found, directory) / f"sample_{voice}.wav" for voice in range(count)]
    stream_to_wav(_within(chunks, patience), files, rate, progress=False)
    return files


def _out_of_nothing(found: Trained, request: Request) -> Iterator[np.ndarray]:
    """What it generates. BadInput that says how to tell where it wants something to begin with."""
    try:
        objective = require_capability(Generative, found.experiment.objective)
        yield from objective.generate(found.variables, request)
    except BadInput as error:
        name = type(found.experiment.objective).__name__
        raise BadInput(
            f"no sample of {found.name} ({error}); if it works on given audio, let "
            f"{name} say needs_source = True"
        ) from error


def _write_transformed(
    found: Trained,
    directory: Path,
    *,
    seconds: float = SAMPLE_SECONDS,
    patience: float | None = None,
) -> list[Path]:
    """3 s of the first test record, and what the system makes of them, or of notes or text."""
    source = found.experiment.data.source
    rate = source.info.sample_rate
    record = source.open(held_out(source))[0]
    audio = mixture(record)[: int(seconds * rate)]
    given: dict[str, Any] = {"source": audio}
    if _performs(found) or _talks(found):
        given = {name: record[name] for name in (("notes",) if _performs(found) else ("text",))}
    objective = require_capability(Generative, found.experiment.objective)
    if isinstance(objective, Domained):  # the last, as the first record is of the first
        given["domain"] = objective.domains[-1]
    request = Request(length=len(audio), chunk=max(1, rate // 8), **given)
    chunks = objective.generate(found.variables, request)
    folder = _step_folder(found, directory)
    write_wav(folder / "1_original.wav", audio, rate)
    stream_to_wav(_within(chunks, patience), [folder / "2_result.wav"], rate, progress=False)
    return [folder / "1_original.wav", folder / "2_result.wav"]


def _write_compositions(found: Trained, directory: Path) -> None:
    """Two new pieces as sound and MIDI; the piano roll of the first among the figures."""
    compositions.write_compositions(found, _step_folder(found, directory))
    compositions.write_roll(found, directory / "figures")


_KINDS: tuple[tuple[Callable[[Trained], bool], Callable[[Trained, Path], object]], ...] = (
    (partial(figures.shows, what="stems"), _write_stems),
    (_generates, _write_samples),
    (_transforms, _write_transformed),
    (_performs, _write_transformed),
    (_talks, _write_transformed),
    (_composes, _write_compositions),
    *((partial(figures.shows, what=name), act) for name, act in figures.FIGURE_KINDS.items()),
)


def _enough(records: Iterable[Example], samples: int) -> Iterator[Example]:
    """Records until they hold that many samples together."""
    for record in records:
        yield record
        samples -= len(mixture(record))
        if samples <= 0:
            return


def _within(chunks: Iterable[np.ndarray], seconds: float | None) -> Iterator[np.ndarray]:
    """Chunks until that much time (None: PATIENCE) has passed; at least one."""
    began, seconds = time.monotonic(), PATIENCE if seconds is None else seconds
    for chunk in chunks:
        yield np.asarray(chunk)
        if time.monotonic() - began > seconds:
            return


def _step_folder(found: Trained, directory: Path) -> Path:
    folder = directory / "samples" / str(found.meta.get("step", 0))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_name(name: str) -> str:
    """A track's name as the name of a folder."""
    return escapes.file_name(re.sub(r"[^\w .()&,'+-]+", "_", name).strip(". ") or "track")
