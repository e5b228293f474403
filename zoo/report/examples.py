"""What a trained system can show of itself: stems, new audio, filters, tags over time, notes.

Written into the run directory, where zoo.report.page finds it. What a system shows depends on what
its objects offer; see KINDS.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from zoo import inference
from zoo.data.note_rolls import shifted
from zoo.data.source import Example
from zoo.errors import BadInput
from zoo.evaluation.base import to_float
from zoo.evaluation.note_decoding import decode, listen
from zoo.evaluation.separation import Separation, mixture, stem_getter, track_spans
from zoo.evaluation.songs import separate
from zoo.evaluation.tagging import Tagging
from zoo.evaluation.taggram import Listener, taggram_figure, tags_over_time
from zoo.evaluation.transcription import Transcription, pieces
from zoo.evaluation.transcription_page import compared_figure
from zoo.interpret import filters
from zoo.interpret.drawing import bank_figure
from zoo.interpret.filters import spread
from zoo.objectives.base import Request
from zoo.report.results import held_out
from zoo.streaming import stream_to_wav
from zoo.trained import Trained

SONG_SECONDS, ROLL_SECONDS = 12, 20
SAMPLE_SECONDS, SAMPLES, PATIENCE = 3, 2, 20.0  # PATIENCE: seconds of waiting for samples
CLIPS, CLIP_SECONDS = 4, 4
TAPS = 3  # of the shortest filters that are shown


def make(found: Trained, directory: Path) -> None:
    """All that this system offers; nothing on several hosts, where one alone cannot compute."""
    if jax.process_count() > 1:
        return
    for offers, act in KINDS:
        if offers(found):
            act(found, Path(directory))


def separates(found: Trained) -> bool:
    return isinstance(found.experiment.evaluation, Separation)


def tags(found: Trained) -> bool:
    return isinstance(found.experiment.evaluation, Tagging)


def transcribes(found: Trained) -> bool:
    return isinstance(found.experiment.evaluation, Transcription)


def generates(found: Trained) -> bool:
    return hasattr(found.experiment.objective, "generate") and not transforms(found)


def transforms(found: Trained) -> bool:
    objective = found.experiment.objective
    return hasattr(objective, "generate") and getattr(objective, "needs_source", False)


def hears_waves(found: Trained) -> bool:
    return tags(found) and first_bank(found) is not None


def write_stems(found: Trained, directory: Path) -> None:
    """Up to 12 s of the first test track: mixture, estimates, references."""
    source, how = found.experiment.data.source, found.experiment.evaluation.how
    rate, records = source.info.sample_rate, source.open(held_out(source))
    track, span = next(track_spans(records))
    # Songs begin and end quietly: a third of the way in, something plays.
    inside = span[len(span) // 3 :]
    pieces = list(enough((records[index] for index in inside), SONG_SECONDS * rate))
    mix = np.concatenate([mixture(piece) for piece in pieces])[: SONG_SECONDS * rate]
    targets = stem_getter(how, source.info)
    references = np.concatenate([targets(piece) for piece in pieces], 1)[:, : len(mix)]
    estimates = np.concatenate(list(separate(predictor(found), lambda: [mix], rate, how)), 1)
    folder = directory / "samples" / "stems" / safe(track)
    write_wav(folder / "mixture.wav", mix, rate)
    for name, audio in zip(how.stems, estimates):
        write_wav(folder / f"{name}.wav", audio, rate)
    for name, audio in zip(how.sources, references):
        write_wav(folder / f"{name}.reference.wav", audio, rate)


def while_training(found: Trained, directory: Path) -> list[Path]:
    """A second of what a generator does by now: the files, none for other systems."""
    limits = {"seconds": 1.0, "patience": 5.0}
    if generates(found):
        return write_samples(found, directory, count=1, **limits)
    return write_transformed(found, directory, **limits) if transforms(found) else []


def write_samples(
    found: Trained,
    directory: Path,
    *,
    seconds: float = SAMPLE_SECONDS,
    count: int = SAMPLES,
    patience: float | None = None,
) -> list[Path]:
    """Two new clips of 3 s, or as much of them as some 20 s of computing give."""
    rate = found.experiment.data.source.info.sample_rate
    request = Request(length=int(seconds * rate), count=count, chunk=max(1, rate // 8))
    chunks = out_of_nothing(found, request)
    files = [step_folder(found, directory) / f"sample_{voice}.wav" for voice in range(count)]
    stream_to_wav(within(chunks, patience), files, rate, progress=False)
    return files


def out_of_nothing(found: Trained, request: Request) -> Iterator[np.ndarray]:
    """What it generates. BadInput that says how to tell where it wants something to begin with."""
    try:
        yield from found.experiment.objective.generate(found.variables, request)
    except BadInput as error:
        name = type(found.experiment.objective).__name__
        raise BadInput(
            f"no sample of {found.name} ({error}); if it works on given audio, let "
            f"{name} say needs_source = True"
        ) from error


def write_transformed(
    found: Trained,
    directory: Path,
    *,
    seconds: float = SAMPLE_SECONDS,
    patience: float | None = None,
) -> list[Path]:
    """3 s of the first test record, and what the system makes of them."""
    source = found.experiment.data.source
    rate = source.info.sample_rate
    audio = mixture(source.open(held_out(source))[0])[: int(seconds * rate)]
    request = Request(length=len(audio), source=audio, chunk=max(1, rate // 8))
    chunks = found.experiment.objective.generate(found.variables, request)
    folder = step_folder(found, directory)
    write_wav(folder / "1_original.wav", audio, rate)
    stream_to_wav(within(chunks, patience), [folder / "2_result.wav"], rate, progress=False)
    return [folder / "1_original.wav", folder / "2_result.wav"]


def write_filters(found: Trained, directory: Path) -> None:
    """figures/filters.png: magnitude responses of the first layer, by centre frequency."""
    bank = first_bank(found)
    figure = bank_figure(bank)
    taps, count = bank.kernel.shape
    caption = (
        f"Magnitude responses of the {count} filters of {taps} samples that the first layer learnt "
        "on the waveform, each scaled to its maximum and sorted by where that lies; below, eight "
        "of them as waveforms."
    )
    save(figure, directory / "figures" / "filters.png", title="First layer", caption=caption)


def first_bank(found: Trained) -> filters.Bank | None:
    """The first layer's filters, where it reads the waveform."""
    try:
        return filters.banks(found, least=TAPS)[0]
    except BadInput:
        return None


def write_taggram(found: Trained, directory: Path) -> None:
    """figures/taggram.png and .wav: the tags of a few test clips, one after another."""
    source, evaluation = found.experiment.data.source, found.experiment.evaluation
    rate, labels = source.info.sample_rate, source.info.labels
    size = max(CLIP_SECONDS * rate, evaluation.samples)
    records = source.open(held_out(source))
    chosen = [records[index] for index in spread(len(records), CLIPS)]
    clips = [to_float(record["audio"])[:size] for record in chosen]
    audio = np.concatenate(clips)
    hop = min(evaluation.samples, max(evaluation.samples // 4, rate // 20))
    how = Listener(evaluation.samples, rate, audio.shape[1], hop, evaluation.batch, evaluation.key)
    taggram = tags_over_time(predictor(found), [audio], rate, how, labels)
    figure = taggram_figure(taggram)
    starts = np.cumsum([0, *map(len, clips)]) / rate
    spans = ", ".join(
        f"{start:.0f} s {described(record, labels)}" for start, record in zip(starts, chosen)
    )
    folder = directory / "figures"
    caption = f"Scores of the strongest tags over {len(clips)} test clips; labelled: {spans}."
    about = {"sound": "taggram.wav", "span": across(figure, figure.axes[0])}
    save(figure, folder / "taggram.png", title="Tags over time", caption=caption, **about)
    write_wav(folder / "taggram.wav", audio, rate)


def write_roll(found: Trained, directory: Path) -> None:
    """figures/roll.png and .wav: the first 20 s of a test piece, as played and as heard."""
    source, evaluation = found.experiment.data.source, found.experiment.evaluation
    rate = source.info.sample_rate
    piece = next(pieces(source.open(held_out(source)), rate))
    audio = piece.audio[: ROLL_SECONDS * rate]
    seconds = len(audio) / rate
    rolls = next(listen(predictor(found), [[audio]], evaluation.windows))
    heard = decode(rolls, evaluation.windows.hop / rate, evaluation.threshold)
    played = shifted(piece.notes, 0.0, seconds)
    figure = compared_figure({"played": played, "heard": heard}, seconds)
    caption = f"Notes of {piece.track}: above as they were played, below as the model heard them."
    about = {"sound": "roll.wav", "span": across(figure, figure.axes[0])}
    folder = directory / "figures"
    save(figure, folder / "roll.png", title="Piano roll", caption=caption, **about)
    write_wav(folder / "roll.wav", audio, rate)


KINDS: tuple[tuple[Callable[[Trained], bool], Callable[[Trained, Path], None]], ...] = (
    (separates, write_stems),
    (generates, write_samples),
    (transforms, write_transformed),
    (hears_waves, write_filters),
    (tags, write_taggram),
    (transcribes, write_roll),
)


def predictor(found: Trained) -> Any:
    return inference.predictor(found.experiment.objective, found.mesh)(found.variables)


def enough(records: Iterable[Example], samples: int) -> Iterator[Example]:
    """Records until they hold that many samples together."""
    for record in records:
        yield record
        samples -= len(mixture(record))
        if samples <= 0:
            return


def within(chunks: Iterable[np.ndarray], seconds: float | None) -> Iterator[np.ndarray]:
    """Chunks until that much time (None: PATIENCE) has passed; at least one."""
    began, seconds = time.monotonic(), PATIENCE if seconds is None else seconds
    for chunk in chunks:
        yield np.asarray(chunk)
        if time.monotonic() - began > seconds:
            return


def described(record: Example, labels: Sequence[str]) -> str:
    """The labels of a record, or its track's name where it has none."""
    given = [label for label, value in zip(labels, record["tags"]) if value]
    return " + ".join(given) or str(record["track"])


def step_folder(found: Trained, directory: Path) -> Path:
    folder = directory / "samples" / str(found.meta.get("step", 0))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def safe(name: str) -> str:
    """A track's name as the name of a folder."""
    return re.sub(r"[^\w .()&,'+-]+", "_", name).strip(". ") or "track"


def save(figure: Any, path: Path, **about: Any) -> None:
    """A figure, and what is to be said about it in a JSON beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches=contents(figure))
    path.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def contents(figure: Any) -> Any:
    """The box (inches) that the figure is cut to."""
    figure.canvas.draw()
    return figure.get_tightbbox().padded(0.1)


def across(figure: Any, axes: Any) -> list[float]:
    """Where an axes begins and ends, as parts of the width of what `save` writes."""
    cut, box = contents(figure), axes.get_position()
    width = figure.get_figwidth()
    return [(edge * width - cut.x0) / cut.width for edge in (box.x0, box.x1)]


def write_wav(path: Path, audio: np.ndarray, rate: int) -> None:
    """Audio [T C] as 16 bit."""
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(audio, -1, 1), rate, subtype="PCM_16")
