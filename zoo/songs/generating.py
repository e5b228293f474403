"""Audio out of a generator into files, each with the JSON that makes it again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from zoo import durable, writing
from zoo.audio import audio_files
from zoo.audio.audio_writing import require_room
from zoo.audio.probing import read_header
from zoo.audio.streaming import stream
from zoo.data.midi import read_notes
from zoo.data.source import Info
from zoo.errors import BadInput
from zoo.objectives.base import Request
from zoo.objectives.performing import notes_duration
from zoo.runs.trained import Trained
from zoo.sampling import engines, pitch_names, spans
from zoo.sampling.rule import SamplerRule
from zoo.songs.choices import Choices
from zoo.songs.credits import provenance
from zoo.songs.likeliest import Clips
from zoo.songs.stem_files import refuse_overwrite

CHUNK = 16_384  # samples handed out at a time: how far Ctrl-C can lag behind


def generate_files(
    trained: Trained, options: Choices, path: Path | None = None, stem: str = "sample"
) -> str:
    """Audio from the model, streamed to files with their JSON beside them."""
    request = requested(options, path, trained.experiment.data.source.info)
    return _write(trained, options, request, path, stem)


def perform(trained: Trained, options: Choices, path: Path, stem: str) -> str:
    """The notes of the MIDI file at `path`, played by the model into files."""
    if options.pitches:
        raise BadInput("a tune has its own pitches: leave --pitches or --input out")
    info, notes = trained.experiment.data.source.info, read_notes(path)
    length = round(notes_duration(notes) * info.sample_rate)
    request = replace(requested(options, None, info), notes=notes, length=length)
    return _write(trained, options, request, path, stem)


def _write(
    trained: Trained, options: Choices, request: Request, path: Path | None, stem: str
) -> str:
    """What is requested into files; the line that says so. path: what it is made of."""
    info = trained.experiment.data.source.info
    rate = info.sample_rate
    clips = Clips(trained.experiment.objective, request, options.keep or 0)
    several = len(clips) > 1
    names = [f"{stem}_{i}.wav" for i in range(len(clips))] if several else [f"{stem}.wav"]
    files = [options.out / name for name in names]
    for given in (path, options.prompt):
        whose = Path(given).expanduser() if given else None
        if whose and any(file.exists() and file.samefile(whose) for file in files):
            raise BadInput(
                f"{given} would be overwritten with what it becomes: choose another --out"
            )
    require_room(options.out, request.length * 2 * info.channels * len(clips))
    with writing.hold_lock(options.out / f"{stem}_N.wav" if several else files[0], files):
        refuse_overwrite(files, options.force)
        chunks = clips.chunks(trained.variables)
        about = {"request": describe_request(request, path, options.prompt), **provenance(trained)}
        with engines.collect_engines() as used:
            own = lambda place: {**clips.facts(place), **_by(used)}  # noqa: E731
            written = write_voices(chunks, files, rate, request.length, about, own)
    if written < request.length:
        raise KeyboardInterrupt  # the files are in order; those that would follow are not made
    where = f"in {', '.join(map(str, files))}"
    return ", ".join([f"{written / rate:.2f} s x {len(clips)} at {rate} Hz {where}", *used])


def _by(used: list[str]) -> dict[str, str]:
    """What drew sample by sample, if anything did: a near choice may be another's by another."""
    return {"engine": "; ".join(used)} if used else {}


def write_voices(
    chunks: Iterable[np.ndarray],
    files: Sequence[Path],
    rate: int,
    length: int,
    about: dict[str, Any],
    own: Callable[[int], dict[str, Any]],
) -> int:
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
            facts |= {"sha256": durable.file_sha256(sound), **about}
            note.write_text(json.dumps(facts, indent=1) + "\n")
    return written


def requested(options: Choices, path: Path | None, info: Info) -> Request:
    """What the options ask for, with the audio that it is to be made of or to continue."""
    rate = info.sample_rate
    source = prompt = None
    if path is not None:
        long_enough(path, rate)
        source, report = audio_files.read_audio(path, rate, info.channels)
        _say_notes(report)
    if options.prompt:
        prompt, report = audio_files.read_audio(options.prompt, rate, info.channels)
        _say_notes(report)
        prompt = prompt[-round(options.prompt_seconds * rate) :]
    rule = SamplerRule(options.temperature, options.top_k, options.top_p)
    length = len(source) if source is not None else round(options.seconds * rate)
    if length < 1:
        raise BadInput(f"--seconds {options.seconds} is less than a sample at {rate:,} Hz")
    return Request(
        length=length,
        count=options.num,
        seed=options.seed,
        rule=rule,
        prompt=prompt,
        source=source,
        pitches=pitch_names.parse_pitch_text(options.pitches),
        domain=options.domain,
        holes=spans.parse_spans(options.holes, rate, length if source is not None else 0),
        chunk=CHUNK,
        engine=options.engine,
    )


def describe_request(request: Request, path: Path | None, prompt: str | None) -> dict[str, Any]:
    """A request as JSON; audio is named by its file and hash."""
    facts = {k: getattr(request, k) for k in ("length", "count", "seed", "chunk")}
    facts |= {k: getattr(request.rule, k) for k in ("temperature", "top_k", "top_p")}
    if request.pitches:
        facts["pitches"] = list(request.pitches)
    if request.domain:
        facts["domain"] = request.domain
    if request.holes:
        facts["holes"] = [list(span) for span in request.holes]
    if request.text is not None:
        facts["text"] = request.text
    for name, file, audio in (("input", path, request.source), ("prompt", prompt, request.prompt)):
        if file is not None:
            facts[name] = {
                "file": str(file),
                "sha256": durable.file_sha256(Path(file).expanduser()),
            }
            size = {"notes": len(request.notes["pitch"])} if request.notes is not None else {}
            facts[name] |= size if audio is None else {"samples": len(np.asarray(audio))}
    return facts


def _say_notes(report: audio_files.ReadReport) -> None:
    if report.notes:
        print(report, file=sys.stderr)


def long_enough(path: Path, rate: int, least: float = 0.0) -> None:
    """Refuses a file of which nothing is left at the model's rate, or less than `least` seconds."""
    file = read_header(path)
    if file.seconds < least:
        raise BadInput(f"{path} lasts {1000 * file.seconds:.3g} ms: give {least} s or more")
    if audio_files.resampled_length(file, rate) < 1:
        raise BadInput(f"{path} holds {file.frames} samples, nothing at {rate:,} Hz: too short")
