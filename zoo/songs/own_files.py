"""The user's own files through a trained model: predictions out, or audio out."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo import escapes, writing
from zoo.audio import audio_files
from zoo.audio.audio_writing import require_room
from zoo.audio.probing import probe
from zoo.audio.streaming import stream
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.base import Predict
from zoo.evaluation.capabilities import WritesFiles, separates
from zoo.objectives.base import Generative, Request, follows_source
from zoo.runs import inference
from zoo.runs.trained import Trained
from zoo.sampling.rule import SamplerRule
from zoo.songs.choices import Choices
from zoo.songs.likeliest import Clips
from zoo.songs.output_names import named
from zoo.songs.stem_files import refuse_overwrite, separate_file

SHORTEST = 0.1  # seconds of which tags, notes or a pitch may be told; less is a click
CHUNK = 16_384  # samples handed out at a time: how far Ctrl-C can lag behind
SONG = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of song [{elapsed}<{remaining}]"


def predict(
    trained: Trained, inputs: Sequence[str], out: Path, *, force: bool, figures: bool = False
) -> int:
    """Tags, notes, ... of every file into `out`/FILE; 2 where a file had to be rejected.

    figures: pictures, too, which for short files take most of the time.
    """
    evaluation, objective = trained.experiment.evaluation, trained.experiment.objective
    if not isinstance(evaluation, WritesFiles):
        if separates(evaluation) or isinstance(objective, Generative):
            name = trained.config.name
            raise BadInput(f"{name} gives audio, not predictions: use sample.py --input")
        raise BadInput(
            f"{type(evaluation).__name__} has no predict_file(...), which says what to write of a "
            "file: see zoo.evaluation.tagging for one; without --input the data set is scored"
        )
    run = inference.predictor(objective, trained.mesh)(trained.variables)
    info, files = trained.experiment.data.source.info, named(audio_files.find(inputs))

    def check(path: Path) -> None:
        long_enough(path, info.sample_rate, SHORTEST)
        writing.refuse(out / files[path], force)

    makers = writers(evaluation, run, files, info, figures, check)

    def one(path: Path, name: str) -> str:
        make, place = next(makers), out / name
        with writing.folder(place, partial(writing.refuse, place, force)) as folder:
            return make(folder).replace(str(folder), str(place))

    return each(files, out, one)


def writers(
    evaluation: Any, run: Predict, files: Iterable[Path], info: Info, figures: bool,
    check: Callable[[Path], None],
) -> Iterator[Callable[[Path], str]]:  # fmt: skip
    """For each file what writes its predictions into a folder and says so; it may raise BadInput.

    Where the evaluation has `predict_files` and `write_file`, short files share batches.
    """
    if hasattr(evaluation, "predict_files"):
        for path, found in zip(files, evaluation.predict_files(run, files, info, check)):
            yield partial(written, evaluation, found, path, figures)
        return
    asked = {"figures": figures}
    if "figures" not in inspect.signature(evaluation.predict_file).parameters:
        asked = {}  # an evaluation of one's own draws what it likes

    def alone(path: Path, folder: Path) -> str:
        check(path)
        return evaluation.predict_file(run, path, folder, info, **asked)

    yield from (partial(alone, path) for path in files)


def written(evaluation: Any, found: Any, path: Path, figures: bool, folder: Path) -> str:
    if isinstance(found, BadInput):
        raise found
    return evaluation.write_file(found, path, folder, figures=figures)


def sound(trained: Trained, options: Choices) -> int:
    """What `sample.py` was asked for: a separated song, or generated audio."""
    evaluation, objective = trained.experiment.evaluation, trained.experiment.objective
    if separates(evaluation):
        if not options.input:
            raise BadInput(f"{trained.config.name} separates: give it a song with --input")
        return for_each(options.input, options.out, partial(separate, trained, options))
    if options.endless or options.resume:
        from zoo.cli import endless

        return endless.play(trained, options, provenance(trained))
    if not isinstance(objective, Generative):
        raise BadInput(f"{trained.config.name} makes no audio: use evaluate.py")
    transforms = follows_source(objective)
    if options.input and not transforms:
        raise BadInput(
            f"{trained.config.name} makes new audio and would not hear --input: give --prompt FILE "
            "to have a file continued"
        )
    if options.input:
        return for_each(options.input, options.out, partial(generate, trained, options))
    if transforms:
        raise BadInput(f"{trained.config.name} transforms audio: give it some with --input")
    print(escapes.line(generate(trained, options)))
    return 0


def for_each(inputs: Sequence[str], out: Path, act: Callable[[Path, str], str]) -> int:
    """One line per file; those that cannot be used are named with their reason."""
    return each(named(audio_files.find(inputs)), out, act)


def each(files: Mapping[Path, str], out: Path, act: Callable[[Path, str], str]) -> int:
    """As `for_each`, of files and the names of their outputs."""
    rejected = 0
    for path, name in files.items():
        try:
            print(escapes.line(act(path, name)), flush=True)
        except BadInput as error:
            rejected += 1
            whose = "" if path.name in str(error) else f"{path.name}: "
            print(escapes.line(f"rejected: {whose}{error}"), file=sys.stderr)
        finally:
            with contextlib.suppress(OSError):
                (out / name).rmdir()  # nothing came of it; a folder that holds something stays
    return 2 if rejected else 0


def long_enough(path: Path, rate: int, least: float = 0.0) -> None:
    """Refuses a file of which nothing is left at the model's rate, or less than `least` seconds."""
    file = probe(path)
    if file.seconds < least:
        raise BadInput(f"{path} lasts {1000 * file.seconds:.3g} ms: give {least} s or more")
    if audio_files.length(file, rate) < 1:
        raise BadInput(f"{path} holds {file.frames} samples, nothing at {rate:,} Hz: too short")


def separate(trained: Trained, options: Choices, path: Path, name: str) -> str:
    """One song into stems; the line that says so."""
    how = replace(
        trained.experiment.evaluation.how, residual=options.residual, keep_sum=options.keep_sum,
        shifts=options.shifts, seed=options.seed,
    )  # fmt: skip
    run = inference.predictor(trained.experiment.objective, trained.mesh)(trained.variables)
    stems = options.stems.split(",") if options.stems else None
    folder = options.out / name
    long_enough(path, how.rate)
    song = probe(path)
    with tqdm(
        total=song.seconds, desc=escapes.line(path.name), leave=False, bar_format=SONG
    ) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(done / song.rate - bar.n)

        facts = separate_file(
            run, path, folder, how, stems=stems, form=options.form, force=options.force,
            progress=progress, about=provenance(trained),
        )  # fmt: skip
    levels = ", ".join(f"{k} {v:.1f} dB" for k, v in facts["rms_db"].items())
    mixed = f", {song.channels} channels mixed to 2" if facts["channels"] < song.channels else ""
    return f"{path.name}: {levels}; mix minus stems {facts['null_db']:.1f} dB{mixed}; in {folder}"


def generate(
    trained: Trained, options: Choices, path: Path | None = None, stem: str = "sample"
) -> str:
    """Audio from the model, streamed to files with their JSON beside them."""
    info = trained.experiment.data.source.info
    rate, request = info.sample_rate, requested(options, path, info)
    clips = Clips(trained.experiment.objective, request, options.keep or 0)
    several = len(clips) > 1
    names = [f"{stem}_{i}.wav" for i in range(len(clips))] if several else [f"{stem}.wav"]
    files = [options.out / name for name in names]
    for heard in filter(None, (path, options.prompt)):
        if any(file.exists() and file.samefile(Path(heard).expanduser()) for file in files):
            raise BadInput(
                f"{heard} would be overwritten with what it becomes: choose another --out"
            )
    require_room(options.out, request.length * 2 * info.channels * len(clips))
    with writing.held(options.out / f"{stem}_N.wav" if several else files[0], files):
        refuse_overwrite(files, options.force)
        chunks = clips.chunks(trained.variables)
        about = {"request": described(request, path, options.prompt), **provenance(trained)}
        written = keep(chunks, files, rate, request.length, about, clips.facts)
    if written < request.length:
        raise KeyboardInterrupt  # the files are in order; those that would follow are not made
    return f"{written / rate:.2f} s x {len(clips)} at {rate} Hz in {', '.join(map(str, files))}"


def keep(
    chunks: Iterable[np.ndarray], files: Sequence[Path], rate: int, length: int,
    about: dict[str, Any], own: Callable[[int], dict[str, Any]],
) -> int:  # fmt: skip
    """Streams chunks into one file per voice, each with its JSON -> samples written to each.

    own: facts of the clip in a place, asked when all are drawn. Until all is whole the files have
    names of our own, so that a hash is that of what was written.
    """
    notes = [file.with_name(f"{file.stem}.json") for file in files]
    with writing.replacing(*notes, *files) as parts:  # a file stands when what describes it does
        parts_of_notes, sounds = parts[: len(files)], parts[len(files) :]
        written = stream(chunks, sounds, rate, length=length)
        if not written:
            raise KeyboardInterrupt
        for place, (file, sound, note) in enumerate(zip(files, sounds, parts_of_notes)):
            facts = {"file": file.name, **own(place), "samples": written, "sample_rate": rate}
            facts |= {"sha256": sha256(sound), **about}
            note.write_text(json.dumps(facts, indent=1) + "\n")
    return written


def requested(options: Choices, path: Path | None, info: Info) -> Request:
    """What the options ask for, with the audio that it is to be made of or to continue."""
    rate = info.sample_rate
    source = prompt = None
    if path is not None:
        long_enough(path, rate)
        source, report = audio_files.read(path, rate, info.channels)
        say_notes(report)
    if options.prompt:
        prompt, report = audio_files.read(options.prompt, rate, info.channels)
        say_notes(report)
        prompt = prompt[-round(options.prompt_seconds * rate) :]
    rule = SamplerRule(options.temperature, options.top_k, options.top_p)
    length = len(source) if source is not None else round(options.seconds * rate)
    if length < 1:
        raise BadInput(f"--seconds {options.seconds} is less than a sample at {rate:,} Hz")
    return Request(
        length=length, count=options.num, seed=options.seed, rule=rule,
        prompt=prompt, source=source, chunk=CHUNK,
    )  # fmt: skip


def described(request: Request, path: Path | None, prompt: str | None) -> dict[str, Any]:
    """A request as JSON; audio is named by its file and hash."""
    facts = {k: getattr(request, k) for k in ("length", "count", "seed", "chunk")}
    facts |= {k: getattr(request.rule, k) for k in ("temperature", "top_k", "top_p")}
    for name, file, audio in (("input", path, request.source), ("prompt", prompt, request.prompt)):
        if file is not None:
            facts[name] = {"file": str(file), "sha256": sha256(Path(file).expanduser())}
            facts[name]["samples"] = len(np.asarray(audio))
    return facts


def provenance(trained: Trained) -> dict[str, Any]:
    """Which weights and which arguments made a file."""
    return {
        "checkpoint": trained.name,
        "step": trained.meta.get("step"),
        "config": trained.config.name,
        "arguments": trained.arguments,
        "weights_sha256": trained.fingerprint(),
    }


def say_notes(report: audio_files.Report) -> None:
    if report.notes:
        print(report, file=sys.stderr)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
