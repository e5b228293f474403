"""The user's own files through a trained model: predictions out, or audio out."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from zoo.audio import audio_files
from zoo.audio.probing import probe
from zoo.audio.streaming import stream_to_wav
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.evaluation.capabilities import WritesFiles, separates
from zoo.objectives.base import Generative, Request, follows_source
from zoo.runs import inference
from zoo.runs.trained import Trained
from zoo.songs.choices import Choices
from zoo.songs.stem_files import refuse_overwrite, separate_file

LONGEST = (2**32 - 4096) // 2  # samples of 16 bits: a WAV file counts its bytes in 32 bits
CHUNK = 16_384  # samples handed out at a time: how far Ctrl-C can lag behind
SONG = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of song [{elapsed}<{remaining}]"


def predict(trained: Trained, inputs: Sequence[str], out: Path, *, force: bool) -> int:
    """Tags, notes, ... of every file into `out`/FILE; 2 where a file had to be rejected."""
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
    info = trained.experiment.data.source.info

    def one(path: Path, name: str) -> str:
        long_enough(path, info.sample_rate)
        with whole_or_absent(fresh(out / name, force)) as folder:
            return evaluation.predict_file(run, path, folder, info)

    return for_each(inputs, out, one)


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
    print(generate(trained, options))
    return 0


def for_each(inputs: Sequence[str], out: Path, act: Callable[[Path, str], str]) -> int:
    """One line per file; those that cannot be used are named with their reason."""
    rejected = 0
    for path, name in named(audio_files.find(inputs)).items():
        try:
            print(act(path, name), flush=True)
        except BadInput as error:
            rejected += 1
            whose = "" if path.name in str(error) else f"{path.name}: "
            print(f"rejected: {whose}{error}", file=sys.stderr)
        finally:
            with contextlib.suppress(OSError):
                (out / name).rmdir()  # nothing came of it; a folder that holds something stays
    return 2 if rejected else 0


def named(paths: Sequence[Path]) -> dict[Path, str]:
    """What the output of each file is called: its stem, or more of its path where two share it."""
    root = Path(os.path.commonpath([path.absolute().parent for path in paths]))
    below = {path: path.absolute().relative_to(root) for path in paths}
    names = {path: path.stem for path in paths}
    for path, name in names.items():
        if name in (".", ".."):  # of '...wav': no folder of ours
            names[path] = path.name
    for longer in (lambda path: str(below[path].with_suffix("")), lambda path: str(below[path])):
        often = Counter(names.values())
        names = {path: longer(path) if often[name] > 1 else name for path, name in names.items()}
    return names


def long_enough(path: Path, rate: int) -> None:
    """Refuses a file of which nothing is left at the model's rate."""
    file = probe(path)
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
    with tqdm(total=song.seconds, desc=path.name, leave=False, bar_format=SONG) as bar:

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
    names = [f"{stem}.wav"] if options.num == 1 else [f"{stem}_{i}.wav" for i in range(options.num)]
    files = [options.out / name for name in names]
    refuse_overwrite(files, options.force)
    for heard in filter(None, (path, options.prompt)):
        if any(file.exists() and file.samefile(Path(heard).expanduser()) for file in files):
            raise BadInput(
                f"{heard} would be overwritten with what it becomes: choose another --out"
            )
    chunks = trained.experiment.objective.generate(trained.variables, request)
    written = stream_to_wav(chunks, files, rate, length=request.length)
    if not written:
        raise KeyboardInterrupt
    made = {"request": described(request, path, options.prompt), **provenance(trained)}
    for voice, file in enumerate(files):
        facts = {"file": file.name, "voice": voice, "samples": written, "sample_rate": rate}
        facts |= {"sha256": sha256(file), **made}
        write_facts(file.with_name(f"{file.stem}.json"), facts)
    if written < request.length:
        raise KeyboardInterrupt  # the files are in order; those that would follow are not made
    return f"{written / rate:.2f} s x {options.num} at {rate} Hz in {', '.join(map(str, files))}"


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
    length = len(source) if source is not None else round(options.seconds * rate)
    if length < 1:
        raise BadInput(f"--seconds {options.seconds} is less than a sample at {rate:,} Hz")
    if length > LONGEST:
        raise BadInput(
            f"{length / rate:,.0f} s at {rate:,} Hz are more than a WAV file holds "
            f"({LONGEST / rate / 3600:.0f} h): ask for less, or for --endless"
        )
    return Request(
        length=length, count=options.num, seed=options.seed, temperature=options.temperature,
        prompt=prompt, source=source, chunk=CHUNK,
    )  # fmt: skip


def described(request: Request, path: Path | None, prompt: str | None) -> dict[str, Any]:
    """A request as JSON; audio is named by its file and hash."""
    facts = {k: getattr(request, k) for k in ("length", "count", "seed", "temperature", "chunk")}
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


def fresh(folder: Path, force: bool) -> Path:
    """A folder for results, refused where it holds any already."""
    if folder.exists() and any(folder.iterdir()) and not force:
        raise BadInput(f"{folder} exists: choose another --out, or --force to overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def whole_or_absent(folder: Path) -> Iterator[Path]:
    """A folder for results; where making them fails, what is new goes and what was there stays."""
    before = set(folder.iterdir())
    try:
        yield folder
    except BaseException as error:
        for path in set(folder.iterdir()) - before:
            path.unlink()
        if isinstance(error, OSError) and error.errno and not error.filename:
            error.filename = str(folder)  # a full disk does not say where it is
        raise


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(facts, indent=1) + "\n")
    new.replace(path)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
