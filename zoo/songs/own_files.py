"""The user's own files through a trained model: predictions out, or audio out."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from zoo import escapes, vocabulary, writing
from zoo.audio import audio_files
from zoo.audio.probing import read_header
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import Predict
from zoo.evaluation.capabilities import Separates, WritesFiles, require_capability, separates
from zoo.objectives.base import (
    Composing,
    Generative,
    Pitched,
    Request,
    check_domain,
    follows_source,
    plays_notes,
    speaks,
)
from zoo.pages import own
from zoo.runs import inference
from zoo.runs.trained import Trained
from zoo.songs import composing, ensembles, speaking
from zoo.songs.choices import Choices, chosen_segments
from zoo.songs.credits import credited, provenance
from zoo.songs.generating import generate_files, long_enough, perform
from zoo.songs.output_names import name_outputs
from zoo.songs.separating import REFERENCE_LOUDNESS, Separator, describe_windows, with_sources
from zoo.songs.stem_files import separate_file

SHORTEST = 0.1  # seconds from which tags, notes or a pitch can be found; less is a click
SONG = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of song [{elapsed}<{remaining}]"


def predict(
    trained: Trained,
    inputs: Sequence[str],
    out: Path,
    *,
    force: bool,
    figures: bool = False,
    labels: str | None = None,
) -> int:
    """Tags, notes, stems, ... of every file into `out`/FILE; 2 where a file had to be rejected.

    figures: pictures, too, which for short files take most of the time. labels: what plays, for
    separators that take it.
    """
    evaluation, objective = trained.experiment.evaluation, trained.experiment.objective
    if separates(evaluation):
        return sample_to_files(trained, Choices(out, force, list(inputs), labels=labels))
    _refuse_labels(trained, labels)
    if not isinstance(evaluation, WritesFiles):
        if isinstance(objective, Generative):
            name = trained.config.name
            raise BadInput(f"{name} gives audio, not predictions: use sample.py --input")
        raise BadInput(
            f"{type(evaluation).__name__} has no predict_file(...), which says what to write of a "
            "file: see zoo.evaluation.tagging for one; without --input the data set is scored"
        )
    run = inference.predictor(objective, trained.mesh)(trained.variables)
    info, files = (
        trained.experiment.data.source.info,
        name_outputs(audio_files.find_audio_files(inputs)),
    )
    whose = credited(trained)

    def check(path: Path) -> None:
        long_enough(path, info.sample_rate, SHORTEST)
        writing.refuse_nonempty(out / files[path], force)

    makers = _writers(evaluation, run, files, info, figures, check)

    def one(path: Path, name: str) -> str:
        make, place = next(makers), out / name
        with writing.write_folder(place, partial(writing.refuse_nonempty, place, force)) as folder:
            line = make(folder).replace(str(folder), str(place))
            own.sign(folder, path, _before_page(line), whose)
            return line

    code = for_each_file(files, out, one)
    say_index(out, whose)
    return code


def _writers(
    evaluation: Any,
    run: Predict,
    files: Iterable[Path],
    info: Info,
    figures: bool,
    check: Callable[[Path], None],
) -> Iterator[Callable[[Path], str]]:
    """For each file what writes its predictions into a folder and says so; it may raise BadInput.

    Where the evaluation has `predict_files` and `write_file`, short files share batches.
    """
    if hasattr(evaluation, "predict_files"):
        for path, found in zip(files, evaluation.predict_files(run, files, info, check)):
            yield partial(_written, evaluation, found, path, figures)
        return
    asked = {"figures": figures}
    if "figures" not in inspect.signature(evaluation.predict_file).parameters:
        asked = {}  # an evaluation of one's own draws what it likes

    def alone(path: Path, folder: Path) -> str:
        check(path)
        return evaluation.predict_file(run, path, folder, info, **asked)

    yield from (partial(alone, path) for path in files)


def _written(evaluation: Any, found: Any, path: Path, figures: bool, folder: Path) -> str:
    if isinstance(found, BadInput):
        raise found
    return evaluation.write_file(found, path, folder, figures=figures)


def sample_to_files(trained: Trained, options: Choices) -> int:
    """What `sample.py` was asked for: a separated song, or generated audio."""
    evaluation, objective = trained.experiment.evaluation, trained.experiment.objective
    if options.holes and not getattr(objective, "fills_holes", False):
        raise BadInput(f"{trained.config.name} fills no holes: leave --holes out")
    if separates(evaluation):
        if not options.input:
            raise BadInput(f"{trained.config.name} separates: give it a song with --input")
        # What is wrong with the choices is said once, not for every song.
        chosen_separator(trained, options)
        return _paged(trained, options, partial(_separate, trained, options))
    _refuse_labels(trained, options.labels)
    check_domain(objective, Request(0, domain=options.domain))
    if options.endless or options.resume:
        if options.pitches:
            raise BadInput(
                "streams without end draw their pitches: leave --pitches or --endless out"
            )
        from zoo.cli import endless

        return endless.play_endless(trained, options, provenance(trained))
    if not isinstance(objective, Generative):
        raise BadInput(f"{trained.config.name} makes no audio: use evaluate.py")
    if speaks(objective):
        print(escapes.terminal_line(speaking.speak(trained, options)))
        say_index(options.out, credited(trained))
        return 0
    if options.text is not None or options.vocoder is not None:
        raise BadInput(f"{trained.config.name} speaks no text: leave --text and --vocoder out")
    if isinstance(objective, Composing):
        return _composed(trained, options)
    if plays_notes(objective) or (options.input and isinstance(objective, Pitched)):
        return _performed(trained, options)
    transforms = follows_source(objective)
    if options.input and not transforms:
        raise BadInput(
            f"{trained.config.name} makes new audio and does not read --input: give --prompt FILE "
            "to have a file continued"
        )
    if options.input:
        return _paged(trained, options, partial(generate_files, trained, options))
    if transforms:
        raise BadInput(f"{trained.config.name} transforms audio: give it some with --input")
    print(escapes.terminal_line(generate_files(trained, options)))
    say_index(options.out, credited(trained))
    return 0


def _refuse_labels(trained: Trained, labels: str | None) -> None:
    """Raises BadInput where labels are given to what does not separate."""
    if labels is not None:
        raise BadInput(f"{trained.config.name} does not separate: leave --labels out")


def _composed(trained: Trained, options: Choices) -> int:
    """New pieces as MIDI and sound, or what follows each of the given MIDI files."""
    if options.prompt:
        raise BadInput(f"{trained.config.name} makes notes: give a MIDI file with --input")
    code = 0
    if options.input:
        files = name_outputs(composing.find_midi_files(options.input))
        code = for_each_file(files, options.out, partial(composing.compose, trained, options))
    else:
        print(escapes.terminal_line(composing.compose(trained, options)))
    say_index(options.out, credited(trained))
    return code


def _performed(trained: Trained, options: Choices) -> int:
    """Each of the given MIDI files as audio."""
    if not options.input or options.prompt:
        raise BadInput(f"{trained.config.name} plays notes: give it a MIDI file with --input")
    files = name_outputs(composing.find_midi_files(options.input))
    code = for_each_file(files, options.out, partial(perform, trained, options))
    say_index(options.out, credited(trained))
    return code


def _paged(trained: Trained, options: Choices, act: Callable[[Path, str], str]) -> int:
    """Audio of every input, and the page over all of it."""
    code = for_each(options.input, options.out, act)
    say_index(options.out, credited(trained))
    return code


def say_index(out: Path, whose: Mapping[str, Any]) -> None:
    if path := own.index(out, whose):
        print(escapes.terminal_line(f"page to look at: {path}"))


def _before_page(line: str) -> str:
    """What a line says of a file, without where its page is."""
    return re.split(r"[,;] look at ", line)[0].partition(": ")[2] or line


def for_each(inputs: Sequence[str], out: Path, act: Callable[[Path, str], str]) -> int:
    """One line per file; those that cannot be used are named with their reason."""
    return for_each_file(name_outputs(audio_files.find_audio_files(inputs)), out, act)


def for_each_file(files: Mapping[Path, str], out: Path, act: Callable[[Path, str], str]) -> int:
    """As `for_each`, of files and the names of their outputs."""
    rejected = 0
    for path, name in files.items():
        there = (out / name).exists()
        try:
            print(escapes.terminal_line(act(path, name)), flush=True)
        except BadInput as error:
            rejected += 1
            whose = "" if path.name in str(error) else f"{path.name}: "
            print(escapes.terminal_line(f"rejected: {whose}{error}"), file=sys.stderr)
        finally:
            with contextlib.suppress(OSError):
                if not there:
                    (out / name).rmdir()  # nothing came of it; what holds something stays
    return 2 if rejected else 0


def chosen_separator(trained: Trained, options: Choices) -> Separator:
    """A run's own way of separating, with what the user chose."""
    how = require_capability(Separates, trained.experiment.evaluation).how
    names = None if options.labels is None else vocabulary.split_names(options.labels)
    return replace(
        with_sources(how, names),
        segments=chosen_segments(trained, options.segment, options.overlap),
        residual=options.residual,
        keep_sum=options.keep_sum,
        loudness=REFERENCE_LOUDNESS,
        shifts=how.shifts if options.shifts is None else options.shifts,
        seed=options.seed,
    )


def _separating(trained: Trained, options: Choices) -> tuple[Predict, Separator]:
    """The network, or an ensemble of it, and how it separates."""
    how, objective = chosen_separator(trained, options), trained.experiment.objective
    if options.ensemble is None:
        if options.checkpoints > 1:
            raise BadInput("--checkpoints are of --ensemble: say of how many shifts")
        return inference.predictor(objective, trained.mesh)(trained.variables), how
    if options.shifts:
        raise BadInput("--ensemble shifts by itself: leave --shifts out")
    chosen = ensembles.members(how.segments, options.ensemble)
    many = ensembles.checkpoints(trained, options.checkpoints)
    run = ensembles.ensemble_predictor(objective, many, how.segments, chosen)
    return run, ensembles.ensemble_separator(how, chosen)


def _separate(trained: Trained, options: Choices, path: Path, name: str) -> str:
    """One song into stems; the line that says so."""
    run, how = _separating(trained, options)
    stems = options.stems and (vocabulary.split_names(options.stems) or (options.stems,))
    folder = options.out / name
    long_enough(path, how.rate)
    song = read_header(path)
    with tqdm(
        total=song.seconds, desc=escapes.terminal_line(path.name), leave=False, bar_format=SONG
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(done / song.rate - bar.n)

        facts = separate_file(
            run,
            path,
            folder,
            how,
            stems=stems,
            two_stems=options.two_stems,
            form=options.form,
            force=options.force,
            progress=progress,
            about=provenance(trained),
        )
    own.write_stems_page(folder, path, facts)
    levels = ", ".join(f"{k} {v:.1f} dB" for k, v in facts["rms_db"].items())
    mixed = f", {song.channels} channels mixed to 2" if facts["channels"] < song.channels else ""
    if facts["clipped"]:
        mixed += f", {' and '.join(facts['clipped'])} clipped at full scale: --form wav keeps all"
    mixed += describe_windows(how, song.seconds)
    null = facts["null_db"]
    lack = "the song is silent" if null is None else f"mix minus stems {null:.1f} dB"
    line = f"{path.name}: {levels}; {lack}{mixed}"
    own.sign(folder, path, _before_page(line), credited(trained))
    return f"{line}; in {folder}"
